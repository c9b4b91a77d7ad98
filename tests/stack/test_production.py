"""Optional parts, which the stage dev does not have."""

from itertools import filterfalse
from typing import Any

import pytest
from gates import holds_signing_keys
from production import production_settings
from synthesized import Assembly, as_list, referenced

from infra.command.deployment import Deployment
from infra.command.preflight.account import BOOTSTRAP_VERSION
from infra.names import Names
from infra.synth import NO_ACCOUNT
from lambdas.core.settings import Settings, load_settings

SETTINGS = production_settings()
NAMES = Names(SETTINGS, NO_ACCOUNT)


def distribution(assembly: Assembly) -> Any:
    return assembly.one("AWS::CloudFront::Distribution").properties["DistributionConfig"]


def lifecycle(assembly: Assembly, bucket: str) -> dict[str, Any]:
    found = assembly.one("AWS::S3::Bucket", BucketName=bucket).properties["LifecycleConfiguration"]["Rules"]
    return {rule["Id"]: rule for rule in found}


def test_distribution_has_the_domains_names_certificate_and_tls(production: Assembly) -> None:
    assert SETTINGS.domain and SETTINGS.domain.hosted_zone
    config = distribution(production)
    assert config["Aliases"] == list(SETTINGS.domain.names)
    certificate = production.one("AWS::CertificateManager::Certificate")
    assert referenced(config["ViewerCertificate"]["AcmCertificateArn"]) == certificate.logical_id
    assert config["ViewerCertificate"]["MinimumProtocolVersion"] == SETTINGS.domain.minimum_tls
    names = {certificate.properties["DomainName"], *certificate.properties["SubjectAlternativeNames"]}
    assert names == set(SETTINGS.domain.names)
    records = {
        (record.properties["Name"].removesuffix("."), record.properties["Type"])
        for record in production.all("AWS::Route53::RecordSet")
    }
    assert records == {(name, kind) for name in SETTINGS.domain.names for kind in ("A", "AAAA")}


def test_domain_and_its_dns_target_are_published(production: Assembly) -> None:
    url = production.one("AWS::SSM::Parameter", Name=SETTINGS.parameter_name("delivery-url"))
    assert url.properties["Value"] == "https://img.example.com"
    target = production.one("AWS::SSM::Parameter", Name=SETTINGS.parameter_name("distribution-domain"))
    assert target.properties["Value"]["Fn::GetAtt"][1] == "DomainName"


def test_without_a_domain_the_distribution_has_no_alias(aws: Assembly) -> None:
    assert "Aliases" not in distribution(aws)


def test_originals_have_storage_class_and_object_lock_of_the_settings(production: Assembly) -> None:
    assert lifecycle(production, NAMES.originals_bucket)["old-originals"]["Transitions"] == [
        {"StorageClass": "INTELLIGENT_TIERING", "TransitionInDays": 0}
    ]
    originals = production.one("AWS::S3::Bucket", BucketName=NAMES.originals_bucket).properties
    retention = originals["ObjectLockConfiguration"]["Rule"]["DefaultRetention"]
    assert retention == {"Mode": "GOVERNANCE", "Days": SETTINGS.storage.object_lock_days}


def test_originals_stay_in_standard_by_default(aws: Assembly, names: Names) -> None:
    assert "old-originals" not in lifecycle(aws, names.originals_bucket)


def test_replication_time_control_is_on(production: Assembly) -> None:
    source = production.one("AWS::S3::Bucket", BucketName=NAMES.derivatives_bucket)
    (rule,) = source.properties["ReplicationConfiguration"]["Rules"]
    assert rule["Destination"]["ReplicationTime"] == {"Status": "Enabled", "Time": {"Minutes": 15}}
    assert rule["Destination"]["Metrics"] == {"Status": "Enabled", "EventThreshold": {"Minutes": 15}}


def test_tables_have_the_longest_recovery_period(production: Assembly) -> None:
    for table in filterfalse(holds_signing_keys, production.all("AWS::DynamoDB::Table")):
        recovery = table.properties["PointInTimeRecoverySpecification"]
        assert recovery == {"PointInTimeRecoveryEnabled": True, "RecoveryPeriodInDays": 35}, str(table)


def test_alarms_of_every_region_notify_email_and_webhook(production: Assembly) -> None:
    topics = production.all("AWS::SNS::Topic")
    alarms = production.all("AWS::CloudWatch::Alarm")
    arns = {arn for alarm in alarms for arn in alarm.properties["AlarmActions"]}
    assert len(topics) == len(arns) == 2
    assert {topic.properties["TopicName"] for topic in topics} == {arn.rpartition(":")[2] for arn in arns}
    told = [each.properties for each in production.all("AWS::SNS::Subscription")]
    wanted = [("email", "on-call@example.com"), ("https", "https://alerts.example.com/darkroom")]
    assert sorted((each["Protocol"], each["Endpoint"]) for each in told) == sorted(wanted * len(topics))


def test_cloudwatch_may_use_the_topics_key(production: Assembly) -> None:
    for key in production.all("AWS::KMS::Key"):
        assert key.properties["EnableKeyRotation"] is True, str(key)
        if not key.stack.startswith(NAMES.stack("Alarms")):
            assert key.body["DeletionPolicy"] == "RetainExceptOnCreate", (
                f"{key}: what it encrypts would be lost with it"
            )
            continue
        (grant,) = (each for each in key.properties["KeyPolicy"]["Statement"] if each.get("Sid") == "AlarmsEncrypt")
        assert "cloudwatch.amazonaws.com" in as_list(grant["Principal"]["Service"]), str(key)
        assert grant["Condition"] == {"StringEquals": {"aws:SourceAccount": NO_ACCOUNT}}, str(key)


def test_budget_filters_by_the_stages_tags_and_notifies_the_topic(production: Assembly) -> None:
    assert SETTINGS.budget
    budget = production.one("AWS::Budgets::Budget")
    described = budget.properties["Budget"]
    assert described["BudgetLimit"] == {"Amount": SETTINGS.budget.monthly_usd, "Unit": "USD"}
    tags = {each["Tags"]["Key"]: each["Tags"]["Values"] for each in described["FilterExpression"]["And"]}
    assert tags == {"Application": ["darkroom"], "Stage": ["production"]}
    told = budget.properties["NotificationsWithSubscribers"]
    assert {each["Notification"]["Threshold"] for each in told} == set(SETTINGS.budget.notify_percent)
    assert len(told) <= 5, "AWS takes no more notifications of a budget"
    assert [each["Notification"]["NotificationType"] for each in told].count("FORECASTED") == 1
    for each in told:
        (reader,) = each["Subscribers"]
        assert budget.template["Resources"][referenced(reader["Address"])]["Type"] == "AWS::SNS::Topic"


def test_edge_function_logs_to_prepared_groups_only(production: Assembly) -> None:
    groups = [
        group for group in production.all("AWS::Logs::LogGroup") if group.stack.startswith("DarkroomProductionEdge")
    ]
    assert [group.stack for group in groups] == ["DarkroomProductionEdgeLog-eu-central-1"]
    assert {group.properties["LogGroupName"] for group in groups} == {NAMES.edge_log_group}
    for policy in production.all("AWS::IAM::Policy"):
        assert "logs:CreateLogGroup" not in str(policy.properties["PolicyDocument"]), str(policy)


def test_edge_log_region_needs_no_bootstrap(production: Assembly) -> None:
    assert "BootstrapVersion" not in production.templates["DarkroomProductionEdgeLog-eu-central-1"].get(
        "Parameters", {}
    )


def test_make_bootstraps_the_environments_that_need_it(production: Assembly) -> None:
    stacks = [each for each in production.manifest["artifacts"].values() if each["type"] == "aws:cloudformation:stack"]
    needed = {each["environment"] for each in stacks if "requiresBootstrapStackVersion" in each["properties"]}
    assert needed == {f"aws://{NO_ACCOUNT}/{region}" for region in Deployment(SETTINGS, lambda _: None).regions}
    assert needed < {each["environment"] for each in stacks}


def test_preflight_knows_every_bucket_and_the_bootstrap_that_templates_require(production: Assembly) -> None:
    assert {each.properties["BucketName"] for each in production.all("AWS::S3::Bucket")} == set(NAMES.buckets)
    for bucket, region in NAMES.buckets.items():
        stack = production.one("AWS::S3::Bucket", BucketName=bucket).stack
        assert production.manifest["artifacts"][stack]["environment"] == f"aws://{NO_ACCOUNT}/{region}"
    versions = {
        each["properties"].get("requiresBootstrapStackVersion") for each in production.manifest["artifacts"].values()
    }
    assert max(filter(None, versions)) == BOOTSTRAP_VERSION


@pytest.mark.parametrize("stage", ["staging", "production"])
def test_every_stage_of_the_file_can_be_synthesized(stage: str) -> None:
    settings = load_settings(stage=stage)
    assert settings.budget, "expected a budget where people pay"
    assert Names(settings, NO_ACCOUNT).replica_bucket


def test_retention_grows_from_dev_to_staging_to_production() -> None:
    trial, staging, production = (load_settings(stage=stage) for stage in ("dev", "staging", "production"))
    assert production.storage.protected
    assert not staging.storage.protected

    def kept(settings: Settings) -> tuple[int, int]:
        return settings.storage.log_retention_days, settings.storage.restore_days

    assert kept(trial) < kept(staging) < kept(production)
