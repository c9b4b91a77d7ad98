from synthesized import Assembly, Resource, as_list, referenced, statements

from infra.names import Names
from lambdas.settings import Settings

CLOSED = {"BlockPublicAcls": True, "BlockPublicPolicy": True, "IgnorePublicAcls": True, "RestrictPublicBuckets": True}


def policy_of(bucket: Resource, assembly: Assembly) -> Resource:
    found = [
        policy
        for policy in assembly.all("AWS::S3::BucketPolicy")
        if policy.stack == bucket.stack and referenced(policy.properties["Bucket"]) == bucket.logical_id
    ]
    assert len(found) == 1, f"expected one policy on {bucket} but received {len(found)}"
    return found[0]


def test_every_bucket_is_encrypted_closed_and_without_acls(aws: Assembly) -> None:
    for bucket in aws.all("AWS::S3::Bucket"):
        rules = bucket.properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rules[0]["ServerSideEncryptionByDefault"]["SSEAlgorithm"] in {"AES256", "aws:kms"}, str(bucket)
        assert bucket.properties["PublicAccessBlockConfiguration"] == CLOSED, str(bucket)
        ownership = bucket.properties["OwnershipControls"]["Rules"]
        assert ownership == [{"ObjectOwnership": "BucketOwnerEnforced"}], str(bucket)


def test_every_bucket_refuses_what_comes_without_tls(aws: Assembly) -> None:
    for bucket in aws.all("AWS::S3::Bucket"):
        refusals = [
            statement
            for statement in statements(policy_of(bucket, aws))
            if statement["Effect"] == "Deny"
            and statement["Action"] == "s3:*"
            and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        ]
        assert len(refusals) == 1, str(bucket)


def test_every_bucket_ends_abandoned_uploads(aws: Assembly) -> None:
    for bucket in aws.all("AWS::S3::Bucket"):
        rules = bucket.properties["LifecycleConfiguration"]["Rules"]
        assert any("AbortIncompleteMultipartUpload" in rule for rule in rules), str(bucket)


def test_no_bucket_policy_lets_just_anyone_in(aws: Assembly) -> None:
    for policy in aws.all("AWS::S3::BucketPolicy"):
        for statement in statements(policy):
            if statement["Effect"] == "Allow":
                assert "*" not in as_list(statement["Principal"].get("AWS", [])), str(policy)
                assert statement["Condition"], str(policy)


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
