from synthesized import Assembly, Resource, referenced, statements

from infra.names import Names
from lambdas.core.settings import Settings


def policy_of(bucket: Resource, assembly: Assembly) -> Resource:
    found = [
        policy
        for policy in assembly.all("AWS::S3::BucketPolicy")
        if policy.stack == bucket.stack and referenced(policy.properties["Bucket"]) == bucket.logical_id
    ]
    assert len(found) == 1, f"expected one policy on {bucket} but received {len(found)}"
    return found[0]


def test_originals_tell_eventbridge_and_take_uploads_from_browsers(
    aws: Assembly, names: Names, settings: Settings
) -> None:
    originals = aws.one("AWS::S3::Bucket", BucketName=names.originals_bucket).properties
    assert originals["NotificationConfiguration"] == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}
    assert originals["VersioningConfiguration"] == {"Status": "Enabled"}
    (cors,) = originals["CorsConfiguration"]["CorsRules"]
    assert {"POST", "PUT", "GET"} <= set(cors["AllowedMethods"])
    assert cors["AllowedOrigins"] == list(settings.uploads.allowed_origins)
    assert "ETag" in cors["ExposedHeaders"]


def test_only_the_edge_of_this_account_reads_derivatives_and_a_miss_is_a_404(aws: Assembly, names: Names) -> None:
    derivatives = aws.one("AWS::S3::Bucket", BucketName=names.derivatives_bucket)
    (allowed,) = [statement for statement in statements(policy_of(derivatives, aws)) if statement["Effect"] == "Allow"]
    assert allowed["Principal"] == {"Service": "cloudfront.amazonaws.com"}
    assert set(allowed["Action"]) == {"s3:GetObject", "s3:ListBucket"}
    source = str(allowed["Condition"]["ArnLike"]["AWS:SourceArn"])
    assert f":cloudfront::{names.account}:distribution/*" in source


def test_derivatives_tell_nobody(aws: Assembly, names: Names) -> None:
    derivatives = aws.one("AWS::S3::Bucket", BucketName=names.derivatives_bucket)
    assert "NotificationConfiguration" not in derivatives.properties
