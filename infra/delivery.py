"""Delivery: the distribution, its functions and policies, and the way of its access log."""

import aws_cdk as cdk
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.acknowledgements import acknowledge
from infra.assets import Assets
from infra.edge_function import OriginRequestFunction
from infra.edge_policies import any_origin_may_read, cache_policy, response_headers_policy
from infra.log_delivery import LogDelivery
from infra.names import Names
from infra.stack import DarkroomStack
from lambdas.edge.inline import viewer_request_source
from lambdas.edge.origin_request import GENERATOR_HEADER, NOT_FOUND_SECONDS_HEADER, REGION_HEADER
from lambdas.settings import EDGE_REGION

_FOREIGN_BUCKET = "Annotation::@aws-cdk/aws-cloudfront-origins:updateImportedBucketPolicyOac"
# With an Origin on every request S3 says on every answer that any origin may read it: there is one to keep.
_SOME_ORIGIN = "https://any.invalid"
_NEVER_CACHED = (403, 500, 502, 503, 504)


class DeliveryStack(DarkroomStack):
    """What viewers talk to; in us-east-1, from where CloudFront takes its parts."""

    def __init__(self, scope: Construct, names: Names, assets: Assets) -> None:
        super().__init__(
            scope,
            "Delivery",
            names=names,
            region=EDGE_REGION,
            description="Darkroom: the edge that negotiates, caches and serves",
        )
        self._keys = self._image_token_keys()
        distribution = self._distribution(assets)
        LogDelivery(self, "AccessLog", names=names, distribution_id=distribution.distribution_id)
        self.publish("distribution-id", distribution.distribution_id, "The distribution that serves pictures")
        self.publish("image-token-store", self._keys.key_value_store_arn, "Keys of image tokens, at the edge")
        self.publish("delivery-url", f"https://{distribution.distribution_domain_name}", "Address of the edge")

    def _distribution(self, assets: Assets) -> cloudfront.Distribution:
        delivery = self.settings.delivery
        distribution = cloudfront.Distribution(
            self,
            "Distribution",
            comment=f"{self.names.of('pictures')}",
            default_behavior=cloudfront.BehaviorOptions(
                origin=self._origin(),
                allowed_methods=cloudfront.AllowedMethods.ALLOW_GET_HEAD,
                viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
                cache_policy=cache_policy(self, self.names),
                response_headers_policy=response_headers_policy(self, self.names),
                compress=False,
                function_associations=[
                    cloudfront.FunctionAssociation(
                        event_type=cloudfront.FunctionEventType.VIEWER_REQUEST, function=self._viewer_request()
                    )
                ],
                edge_lambdas=[
                    cloudfront.EdgeLambda(
                        event_type=cloudfront.LambdaEdgeEventType.ORIGIN_REQUEST,
                        function_version=OriginRequestFunction(
                            self, "OriginRequest", names=self.names, assets=assets
                        ).version,
                    )
                ],
            ),
            error_responses=[
                cloudfront.ErrorResponse(http_status=404, ttl=cdk.Duration.seconds(delivery.not_found_seconds)),
                *(
                    cloudfront.ErrorResponse(http_status=status, ttl=cdk.Duration.seconds(0))
                    for status in _NEVER_CACHED
                ),
            ],
            http_version=cloudfront.HttpVersion.HTTP2_AND_3,
        )
        for finding, reason in {
            "AwsSolutions-CFR1": "Pictures are for viewers everywhere.",
            "AwsSolutions-CFR2": "No web ACL yet: the viewer-request function lets nothing but well-formed paths of"
            " known widths and formats through, so no viewer can make work beyond the ladder.",
            "AwsSolutions-CFR3": "Logged by standard logging v2, a delivery beside it; the rule looks for v1.",
            _FOREIGN_BUCKET: "The storage stack's bucket policy lets this account's distributions read.",
            "AwsSolutions-CFR4": "CloudFront's own certificate fixes the protocol; a domain of one's own raises it.",
        }.items():
            acknowledge(distribution, finding, reason)
        return distribution

    def _origin(self) -> cloudfront.IOrigin:
        names, region = self.names, self.settings.regions.primary
        bucket = s3.Bucket.from_bucket_attributes(
            self,
            "Derivatives",
            bucket_name=names.derivatives_bucket,
            bucket_regional_domain_name=f"{names.derivatives_bucket}.s3.{region}.amazonaws.com",
            region=region,
        )
        delivery = self.settings.delivery
        return origins.S3BucketOrigin.with_origin_access_control(
            bucket,
            origin_access_control=cloudfront.S3OriginAccessControl(
                self, "OriginAccess", origin_access_control_name=names.of("derivatives")
            ),
            origin_id="derivatives",
            connection_attempts=delivery.origin_attempts,
            connection_timeout=cdk.Duration.seconds(delivery.origin_connect_seconds),
            custom_headers={
                GENERATOR_HEADER: names.function("generate"),
                REGION_HEADER: region,
                NOT_FOUND_SECONDS_HEADER: str(delivery.not_found_seconds),
                **({"Origin": _SOME_ORIGIN} if any_origin_may_read(self.settings) else {}),
            },
        )

    def _image_token_keys(self) -> cloudfront.KeyValueStore:
        # Filled from the secret by `darkroom keys`: no key stands in a template.
        return cloudfront.KeyValueStore(
            self,
            "ImageTokenKeys",
            key_value_store_name=self.names.of("image-token-keys"),
            comment="Keys of image tokens by their ids",
        )

    def _viewer_request(self) -> cloudfront.Function:
        return cloudfront.Function(
            self,
            "ViewerRequest",
            function_name=self.names.of("viewer-request"),
            comment="Normalises, negotiates, refuses",
            runtime=cloudfront.FunctionRuntime.JS_2_0,
            key_value_store=self._keys,
            code=cloudfront.FunctionCode.from_inline(viewer_request_source(self.settings)),
        )
