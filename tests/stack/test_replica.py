from synthesized import Assembly, as_list, referenced, statements

from infra.names import Names
from lambdas.core.settings import Settings
from lambdas.fallback_share.reads import REQUEST_METRICS


def test_derivatives_are_replicated_with_metrics(aws: Assembly, names: Names) -> None:
    source = aws.one("AWS::S3::Bucket", BucketName=names.derivatives_bucket)
    configuration = source.properties["ReplicationConfiguration"]
    (rule,) = configuration["Rules"]
    assert (rule["Status"], rule["Filter"]) == ("Enabled", {"Prefix": ""})
    assert rule["Destination"] == {"Bucket": names.replica_arn, "Metrics": {"Status": "Enabled"}}
    role = source.template["Resources"][referenced(configuration["Role"])]["Properties"]
    assert role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] == {"Service": "s3.amazonaws.com"}
    (policy,) = role["Policies"]
    may = {
        (action, resource)
        for statement in policy["PolicyDocument"]["Statement"]
        for action in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
    }
    assert ("s3:GetObjectVersionForReplication", f"{names.derivatives_arn}/*") in may
    assert ("s3:ReplicateObject", f"{names.replica_arn}/*") in may


def test_replica_matches_the_derivatives_in_the_other_region(aws: Assembly, names: Names, settings: Settings) -> None:
    source = aws.one("AWS::S3::Bucket", BucketName=names.derivatives_bucket)
    replica = aws.one("AWS::S3::Bucket", BucketName=names.replica_bucket)
    assert replica.stack != source.stack
    assert replica.properties["VersioningConfiguration"] == {"Status": "Enabled"}
    assert replica.properties["CorsConfiguration"] == source.properties["CorsConfiguration"]
    assert settings.regions.replica in names.replica_bucket
    (policy,) = [each for each in aws.all("AWS::S3::BucketPolicy") if each.stack == replica.stack]
    (reads,) = [each for each in statements(policy) if each.get("Sid") == "EdgeReads"]
    assert set(reads["Action"]) == {"s3:GetObject", "s3:ListBucket"}


def test_replicas_share_of_reads_is_measured_in_its_region_and_alarmed(
    aws: Assembly, names: Names, settings: Settings
) -> None:
    replica = aws.one("AWS::S3::Bucket", BucketName=names.replica_bucket)
    for name in (names.derivatives_bucket, names.replica_bucket):
        (metrics,) = aws.one("AWS::S3::Bucket", BucketName=name).properties["MetricsConfigurations"]
        assert metrics == {"Id": REQUEST_METRICS}, name
    function = aws.one("AWS::Lambda::Function", FunctionName=names.function("fallback_share"))
    variables = function.properties["Environment"]["Variables"]
    assert (variables["DERIVATIVES_BUCKET"], variables["REPLICA_BUCKET"]) == (
        names.derivatives_bucket,
        names.replica_bucket,
    )
    (rule,) = [each for each in aws.all("AWS::Events::Rule") if each.stack == replica.stack]
    assert rule.properties["ScheduleExpression"] == "rate(5 minutes)"
    assert referenced(rule.properties["Targets"][0]["Arn"]) == function.logical_id
    alarm = aws.one("AWS::CloudWatch::Alarm", AlarmName=names.alarm("edge", "served-from-replica"))
    assert {alarm.stack, function.stack} == {replica.stack}
    assert (alarm.properties["Namespace"], alarm.properties["MetricName"]) == ("Darkroom", "FallbackShare")
    assert alarm.properties["Dimensions"] == [{"Name": "stage", "Value": settings.stage}]
    assert alarm.properties["Threshold"] == settings.delivery.tolerated_fallback_share
    assert alarm.properties["TreatMissingData"] == "notBreaching"
