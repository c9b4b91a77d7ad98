from typing import Any

import pytest
from synthesized import Assembly, Resource, as_list, referenced, statements

from lambdas.core.settings import Settings


@pytest.fixture
def function(aws: Assembly) -> Resource:
    return aws.one("AWS::Lambda::Function", Handler="lambdas.backfill.handler.handler")


@pytest.fixture
def role(aws: Assembly) -> Resource:
    jobs = [
        each
        for each in aws.all("AWS::IAM::Role")
        if "batchoperations.s3.amazonaws.com" in str(each.properties["AssumeRolePolicyDocument"])
    ]
    assert len(jobs) == 1
    return jobs[0]


def published(aws: Assembly, settings: Settings, thing: str) -> Any:
    return aws.one("AWS::SSM::Parameter", Name=settings.parameter_name(thing)).properties["Value"]


def test_jobs_invoke_a_retained_version(aws: Assembly, settings: Settings, function: Resource) -> None:
    version = function.template["Resources"][referenced(published(aws, settings, "backfill-function-arn"))]
    assert version["Type"] == "AWS::Lambda::Version"
    assert referenced(version["Properties"]["FunctionName"]) == function.logical_id
    assert (version["DeletionPolicy"], version["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")


def test_only_jobs_of_this_account_may_assume_the_role(settings: Settings, aws: Assembly, role: Resource) -> None:
    (trust,) = statements(role)
    assert trust["Principal"] == {"Service": "batchoperations.s3.amazonaws.com"}
    assert trust["Condition"]["StringEquals"].keys() == {"aws:SourceAccount"}
    assert referenced(published(aws, settings, "backfill-role-arn")) == role.logical_id


def test_jobs_role_has_least_privilege(aws: Assembly, role: Resource) -> None:
    policies = [each for each in aws.all("AWS::IAM::Policy") if role.logical_id in str(each.properties["Roles"])]
    allowed = {
        action: str(statement["Resource"])
        for policy in policies
        for statement in statements(policy)
        for action in as_list(statement["Action"])
    }
    assert allowed.keys() == {"lambda:InvokeFunction", "s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"}
    assert "backfill:*" in allowed["lambda:InvokeFunction"]
    assert "/manifests/*" in allowed["s3:GetObject"]
    assert "/reports/*" in allowed["s3:PutObject"]


def test_bucket_is_in_the_jobs_region_and_expires_its_objects(aws: Assembly, settings: Settings) -> None:
    bucket = next(each for each in aws.all("AWS::S3::Bucket") if "-backfill-" in str(each.properties["BucketName"]))
    assert bucket.properties["BucketName"].endswith(settings.regions.primary)
    (rule,) = bucket.properties["LifecycleConfiguration"]["Rules"]
    assert rule["ExpirationInDays"] == settings.backfill.paper_days
    assert published(aws, settings, "backfill-bucket") == {"Ref": bucket.logical_id}
