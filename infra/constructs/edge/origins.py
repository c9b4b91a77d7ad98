"""The distribution's origins: the derivatives bucket, and its replica in the second region as failover."""

import aws_cdk as cdk
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.constructs.edge.policies import any_origin_may_read
from infra.names import Names
from lambdas.core.settings import Settings
from lambdas.edge.origin_request import FALLBACK_HEADER, GENERATOR_HEADER, NOT_FOUND_SECONDS_HEADER, REGION_HEADER

FAILOVER_STATUSES = (403, 500, 502, 503, 504)
"""Statuses that fail over to the replica. A 404 does not: it is a valid response."""

# S3 sends CORS headers only if a request has an Origin. With one on every request, one response fits all viewers.
_SOME_ORIGIN = "https://any.invalid"
_ORIGINS = 2  # an origin group has exactly two members


def origin_group(scope: Construct, names: Names) -> cloudfront.IOrigin:
    """Make the origin group of both buckets, each read with origin access control."""
    control = cloudfront.S3OriginAccessControl(
        scope, "OriginAccess", origin_access_control_name=names.of("derivatives")
    )
    regions = names.settings.regions
    primary = {GENERATOR_HEADER: names.function("generate"), REGION_HEADER: regions.primary}
    return origins.OriginGroup(
        primary_origin=_origin(scope, "Derivatives", names, control, regions.primary, primary),
        fallback_origin=_origin(scope, "Replica", names, control, regions.replica, {FALLBACK_HEADER: "true"}),
        fallback_status_codes=list(FAILOVER_STATUSES),
    )


def _origin(
    scope: Construct,
    construct_id: str,
    names: Names,
    control: cloudfront.S3OriginAccessControl,
    region: str,
    headers: dict[str, str],
) -> cloudfront.IOrigin:
    delivery, name = names.settings.delivery, names.bucket("derivatives", region)
    bucket = s3.Bucket.from_bucket_attributes(
        scope,
        construct_id,
        bucket_name=name,
        bucket_regional_domain_name=f"{name}.s3.{region}.amazonaws.com",
        region=region,
    )
    return origins.S3BucketOrigin.with_origin_access_control(
        bucket,
        origin_access_control=control,
        origin_id=construct_id.lower(),
        connection_attempts=delivery.origin_attempts,
        connection_timeout=cdk.Duration.seconds(delivery.origin_connect_seconds),
        response_completion_timeout=cdk.Duration.seconds(delivery.origin_whole_seconds),
        custom_headers={
            **headers,
            NOT_FOUND_SECONDS_HEADER: str(delivery.not_found_seconds),
            **({"Origin": _SOME_ORIGIN} if any_origin_may_read(names.settings) else {}),
        },
    )


def set_read_timeout(distribution: cloudfront.CfnDistribution, settings: Settings) -> None:
    """Set how long an origin may take to respond before it counts as failed.

    CloudFormation has the property for S3 origins; the CDK's construct for them does not yet.
    """
    for index in range(_ORIGINS):
        distribution.add_property_override(
            f"DistributionConfig.Origins.{index}.S3OriginConfig.OriginReadTimeout",
            settings.delivery.origin_read_seconds,
        )
