"""Buckets of pictures: how each is kept, and what makes one the edge can serve from."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3

from infra.constructs.acknowledgements import acknowledge
from infra.stacks.stack import DarkroomStack
from lambdas.fallback_share.reads import REQUEST_METRICS

_NO_ACCESS_LOG = (
    "Reads go through CloudFront, which logs them, and every write is a row of the images table;"
    " a server access log would cost another object for each."
)


def removal_policy(stack: DarkroomStack) -> cdk.RemovalPolicy:
    """Return what becomes of a bucket or a table when its stack is deleted."""
    return cdk.RemovalPolicy.RETAIN if stack.settings.storage.protected else cdk.RemovalPolicy.DESTROY


def picture_bucket(stack: DarkroomStack, construct_id: str, name: str, *, counted: bool = False) -> s3.Bucket:
    """Make a bucket that keeps versions, and neither abandoned uploads nor old versions for long.

    Of a ``counted`` one S3 publishes request metrics.
    """
    storage = stack.settings.storage
    bucket = s3.Bucket(
        stack,
        construct_id,
        bucket_name=name,
        encryption=s3.BucketEncryption.S3_MANAGED,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
        enforce_ssl=True,
        versioned=True,
        metrics=[s3.BucketMetrics(id=REQUEST_METRICS)] if counted else None,
        removal_policy=removal_policy(stack),
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


def let_the_edge_serve(stack: DarkroomStack, bucket: s3.Bucket) -> None:
    """Let this account's distributions read ``bucket``, and scripts of the allowed web origins their answers."""
    bucket.add_to_resource_policy(
        iam.PolicyStatement(
            sid="EdgeReads",
            principals=[iam.ServicePrincipal("cloudfront.amazonaws.com")],
            # Without s3:ListBucket a missing key is 403: a miss could not be told from a refusal.
            actions=["s3:GetObject", "s3:ListBucket"],
            resources=[bucket.bucket_arn, bucket.arn_for_objects("*")],
            # Any distribution of this account: the one that reads stands in another stack and region.
            conditions={
                "ArnLike": {"AWS:SourceArn": f"arn:{cdk.Aws.PARTITION}:cloudfront::{stack.account}:distribution/*"}
            },
        )
    )
    # The bucket says it, not the edge's response headers policy: see infra/constructs/edge_policies.py.
    bucket.add_cors_rule(
        allowed_methods=[s3.HttpMethods.GET, s3.HttpMethods.HEAD],
        allowed_origins=list(stack.settings.delivery.cors_origins),
        exposed_headers=["Content-Length", "ETag"],
        max_age=86_400,
    )
