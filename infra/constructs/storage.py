"""Everything that holds data: buckets, tables and log groups, with their encryption and retention."""

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.constructs.acknowledgements import acknowledge
from infra.names import Names
from lambdas.core.settings import Settings
from lambdas.core.stores.signing_keys import KEY as OWNER
from lambdas.fallback_share.reads import REQUEST_METRICS

_NO_ACCESS_LOG = (
    "Reads go through CloudFront, which logs them, and every write is a row of the images table;"
    " a server access log would cost another object for each."
)


KEPT = cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
"""Unlike ``RETAIN``, it leaves nothing behind of a creation that is rolled back, whose names would then be taken."""


def removal_policy(settings: Settings) -> cdk.RemovalPolicy:
    """Return what happens to data when its stack is deleted: a protected stage keeps it."""
    return KEPT if settings.storage.protected else cdk.RemovalPolicy.DESTROY


def picture_bucket(
    scope: Construct, construct_id: str, name: str, settings: Settings, *, request_metrics: bool = False
) -> s3.Bucket:
    """Make a versioned bucket that expires abandoned uploads and old versions.

    With ``request_metrics``, S3 publishes request metrics of it.
    """
    storage = settings.storage
    bucket = _private_bucket(
        scope,
        construct_id,
        name,
        settings,
        versioned=True,
        metrics=[s3.BucketMetrics(id=REQUEST_METRICS)] if request_metrics else None,
        lifecycle_rules=[
            s3.LifecycleRule(
                id="abandoned-uploads",
                abort_incomplete_multipart_upload_after=cdk.Duration.days(storage.abandoned_upload_days),
            ),
            s3.LifecycleRule(
                id="noncurrent-versions",
                noncurrent_version_expiration=cdk.Duration.days(storage.noncurrent_days),
                expired_object_delete_marker=True,
            ),
        ],
    )
    acknowledge(bucket, "AwsSolutions-S1", _NO_ACCESS_LOG)
    return bucket


def expiring_bucket(
    scope: Construct, construct_id: str, name: str, settings: Settings, *, days: int, no_access_log: str
) -> s3.Bucket:
    """Make a bucket that deletes every object after ``days``; ``no_access_log`` says why its reads are not logged."""
    bucket = _private_bucket(
        scope,
        construct_id,
        name,
        settings,
        lifecycle_rules=[
            s3.LifecycleRule(
                id="expiry",
                expiration=cdk.Duration.days(days),
                abort_incomplete_multipart_upload_after=cdk.Duration.days(1),
            )
        ],
    )
    acknowledge(bucket, "AwsSolutions-S1", no_access_log)
    return bucket


def _private_bucket(
    scope: Construct,
    construct_id: str,
    name: str,
    settings: Settings,
    *,
    lifecycle_rules: list[s3.LifecycleRule],
    versioned: bool | None = None,
    metrics: list[s3.BucketMetrics] | None = None,
) -> s3.Bucket:
    return s3.Bucket(
        scope,
        construct_id,
        bucket_name=name,
        encryption=s3.BucketEncryption.S3_MANAGED,  # S3 Batch Operations refuses a manifest under a KMS key
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
        enforce_ssl=True,
        versioned=versioned,
        metrics=metrics,
        removal_policy=removal_policy(settings),
        lifecycle_rules=lifecycle_rules,
    )


def allow_edge_reads(bucket: s3.Bucket, settings: Settings) -> None:
    """Let CloudFront distributions of this account read ``bucket``, and scripts of the allowed web origins too."""
    bucket.add_to_resource_policy(
        iam.PolicyStatement(
            sid="EdgeReads",
            principals=[iam.ServicePrincipal("cloudfront.amazonaws.com")],
            # Without s3:ListBucket a missing key is a 403, and a miss looks like a refusal.
            actions=["s3:GetObject", "s3:ListBucket"],
            resources=[bucket.bucket_arn, bucket.arn_for_objects("*")],
            # Any distribution of this account: docs/security.md says why it is not the one.
            conditions={
                "StringEquals": {"AWS:SourceAccount": cdk.Stack.of(bucket).account},
                "ArnLike": {
                    "AWS:SourceArn": (
                        f"arn:{cdk.Aws.PARTITION}:cloudfront::{cdk.Stack.of(bucket).account}:distribution/*"
                    )
                },
            },
        )
    )
    # CORS belongs to the bucket, not to the response headers policy: see infra/constructs/edge/policies.py.
    bucket.add_cors_rule(
        allowed_methods=[s3.HttpMethods.GET, s3.HttpMethods.HEAD],
        allowed_origins=list(settings.delivery.cors_origins),
        exposed_headers=["Content-Length", "ETag"],
        max_age=86_400,
    )


def table(
    scope: Construct, construct_id: str, *, name: str, key: str, settings: Settings, expires: str | None = None
) -> dynamodb.Table:
    """Make an on-demand table with ``key`` as partition key and point-in-time recovery.

    ``expires`` is the attribute with the time at which an item expires. ``darkroom protect`` sets deletion protection:
    a protected table could not be deleted when a first deployment is rolled back.
    """
    storage = settings.storage
    return dynamodb.Table(
        scope,
        construct_id,
        table_name=name,
        partition_key=dynamodb.Attribute(name=key, type=dynamodb.AttributeType.STRING),
        billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
        time_to_live_attribute=expires,
        point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
            point_in_time_recovery_enabled=True, recovery_period_in_days=storage.restore_days
        ),
        removal_policy=removal_policy(settings),
    )


def log_group(scope: Construct, construct_id: str, name: str, settings: Settings) -> logs.LogGroup:
    """Make the log group ``name``; one that AWS made by itself would keep its lines for ever."""
    group = logs.LogGroup(scope, construct_id, log_group_name=name, removal_policy=removal_policy(settings))
    resource = group.node.default_child
    assert isinstance(resource, logs.CfnLogGroup)  # noqa: S101 - what an L2 log group is made of
    resource.retention_in_days = settings.storage.log_retention_days
    return group


def signing_keys_table(
    scope: Construct, construct_id: str, *, name: str, settings: Settings, encryption_key: kms.IKey
) -> dynamodb.Table:
    """Make a table of signing keys, which only a role that may use ``encryption_key`` can read; it starts empty.

    No key is ever in a template, and no deployment or rollback replaces one that is in use: ``darkroom keys`` makes
    them.
    """
    made = dynamodb.Table(
        scope,
        construct_id,
        table_name=name,
        partition_key=dynamodb.Attribute(name=OWNER, type=dynamodb.AttributeType.STRING),
        billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
        encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED,
        encryption_key=encryption_key,
        removal_policy=removal_policy(settings),
    )
    acknowledge(
        made,
        "AwsSolutions-DDB3",
        "A restored table would accept keys again that were retired because they leaked; and what has no point-in-time"
        " recovery cannot be exported. Lost keys are made anew.",
    )
    return made


def signing_keys_encryption_key(scope: Construct, construct_id: str, names: Names) -> kms.Key:
    """Make the KMS key that encrypts the tables of signing keys.

    Under the key of AWS, whoever may read every table, as AWS's own policy ReadOnlyAccess allows, reads these too.
    """
    return kms.Key(
        scope,
        construct_id,
        alias=names.signing_keys_alias,
        description=f"{names.of('signing-keys')}: the tables of signing keys",
        enable_key_rotation=True,
        removal_policy=removal_policy(names.settings),
    )
