from typing import Any

from gates import holds_signing_keys
from production import production_settings
from synthesized import Assembly, Resource, referenced, statements

from infra.names import Names
from infra.synth import NO_ACCOUNT
from lambdas.core.settings import Settings


def policy_of(bucket: Resource, assembly: Assembly) -> Resource:
    found = [
        policy
        for policy in assembly.all("AWS::S3::BucketPolicy")
        if policy.stack == bucket.stack and referenced(policy.properties["Bucket"]) == bucket.logical_id
    ]
    assert len(found) == 1, f"expected one policy on {bucket} but received {len(found)}"
    return found[0]


def test_originals_notify_eventbridge_and_accept_uploads_from_browsers(
    aws: Assembly, names: Names, settings: Settings
) -> None:
    originals = aws.one("AWS::S3::Bucket", BucketName=names.originals_bucket).properties
    assert originals["NotificationConfiguration"] == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}
    assert originals["VersioningConfiguration"] == {"Status": "Enabled"}
    (cors,) = originals["CorsConfiguration"]["CorsRules"]
    assert set(cors["AllowedMethods"]) == {"PUT", "GET"}
    assert cors["AllowedHeaders"] == ["*"], "If-None-Match and the checksum are sent by the page"
    assert cors["AllowedOrigins"] == list(settings.uploads.allowed_origins)
    assert "ETag" in cors["ExposedHeaders"]


# As in "Enforce conditional writes on Amazon S3 buckets", example 1.
UNCONDITIONAL = {"Null": {"s3:if-none-match": "true"}, "Bool": {"s3:ObjectCreationOperation": "true"}}


def refused_writes(assembly: Assembly, bucket: str) -> dict[str, Any]:
    """Return the conditions under which a bucket's policy refuses anyone to write an object, by statement."""
    originals = assembly.one("AWS::S3::Bucket", BucketName=bucket)
    found = {}
    for statement in statements(policy_of(originals, assembly)):
        if statement["Action"] == "s3:PutObject":
            assert (statement["Effect"], statement["Principal"]) == ("Deny", {"AWS": "*"})
            arn, everything = statement["Resource"]["Fn::Join"][1]
            assert (referenced(arn), everything) == (originals.logical_id, "/*")
            found[statement["Sid"]] = statement["Condition"]
    return found


def test_originals_are_written_once_and_by_no_form(aws: Assembly, names: Names) -> None:
    assert refused_writes(aws, names.originals_bucket) == {
        "RefuseOverwrites": UNCONDITIONAL,
        "RefuseForms": {"StringEquals": {"s3:authType": "POST"}},
    }


def test_where_forms_are_on_only_forms_may_overwrite(production: Assembly) -> None:
    bucket = Names(production_settings(), NO_ACCOUNT).originals_bucket
    assert refused_writes(production, bucket) == {
        "RefuseOverwrites": {**UNCONDITIONAL, "StringNotEquals": {"s3:authType": "POST"}}
    }
    (cors,) = production.one("AWS::S3::Bucket", BucketName=bucket).properties["CorsConfiguration"]["CorsRules"]
    assert set(cors["AllowedMethods"]) == {"POST", "PUT", "GET"}


def test_only_this_accounts_edge_reads_derivatives_and_a_miss_is_a_404(aws: Assembly, names: Names) -> None:
    derivatives = aws.one("AWS::S3::Bucket", BucketName=names.derivatives_bucket)
    (allowed,) = [statement for statement in statements(policy_of(derivatives, aws)) if statement["Effect"] == "Allow"]
    assert allowed["Principal"] == {"Service": "cloudfront.amazonaws.com"}
    assert set(allowed["Action"]) == {"s3:GetObject", "s3:ListBucket"}
    source = str(allowed["Condition"]["ArnLike"]["AWS:SourceArn"])
    assert f":cloudfront::{names.account}:distribution/*" in source


def test_derivatives_send_no_notifications(aws: Assembly, names: Names) -> None:
    derivatives = aws.one("AWS::S3::Bucket", BucketName=names.derivatives_bucket)
    assert "NotificationConfiguration" not in derivatives.properties


def test_tables_are_on_demand_with_the_recovery_period_of_the_settings(aws: Assembly, settings: Settings) -> None:
    for table in aws.all("AWS::DynamoDB::Table"):
        assert table.properties["BillingMode"] == "PAY_PER_REQUEST", str(table)
        if not holds_signing_keys(table):
            recovery = table.properties["PointInTimeRecoverySpecification"]
            assert recovery["RecoveryPeriodInDays"] == settings.storage.restore_days, str(table)


def test_images_are_indexed_by_id_and_by_tenant(aws: Assembly, names: Names) -> None:
    images = aws.one("AWS::DynamoDB::Table", TableName=names.images_table).properties
    assert images["KeySchema"] == [{"AttributeName": "image_id", "KeyType": "HASH"}]
    (index,) = images["GlobalSecondaryIndexes"]
    assert index["IndexName"] == "by-tenant"
    assert [key["AttributeName"] for key in index["KeySchema"]] == ["tenant", "uploaded_at"]
