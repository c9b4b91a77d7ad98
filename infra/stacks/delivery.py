"""Delivery: the CloudFront distribution, its functions and policies, and the delivery of its access log."""

import aws_cdk as cdk
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.alarms.delivery import distribution_alarms
from infra.assets import Assets
from infra.constructs.acknowledgements import acknowledge
from infra.constructs.edge.access_log import PREFIX, RECORD_FIELDS, SUFFIX_PATH
from infra.constructs.edge.domain import EdgeDomain
from infra.constructs.edge.functions import OriginRequestFunction, ViewerFunctions
from infra.constructs.edge.origins import origin_group, set_read_timeout
from infra.constructs.edge.policies import cache_policy, response_headers_policy
from infra.constructs.edge.web_acl import web_acl
from infra.names import Names
from infra.stacks.base import DarkroomStack
from lambdas.core.keys import PRIVATE_PREFIX
from lambdas.core.settings import EDGE_REGION
from lambdas.core.stores.derivatives import CACHE_TAG_HEADER

_FOREIGN_BUCKET = "Annotation::@aws-cdk/aws-cloudfront-origins:updateImportedBucketPolicyOac"
_PRIVATE_PICTURES = f"/img/{PRIVATE_PREFIX}*"
_NEVER_CACHED = (403, 500, 502, 503, 504)


class DeliveryStack(DarkroomStack):
    """What viewers connect to; in us-east-1, where CloudFront's parts must be."""

    def __init__(self, scope: Construct, names: Names, assets: Assets) -> None:
        super().__init__(
            scope,
            "Delivery",
            names=names,
            region=EDGE_REGION,
            description="Darkroom: the edge that negotiates, caches and serves",
        )
        self.domain = EdgeDomain(self, "Domain", self.settings.domain) if self.settings.domain else None
        functions = ViewerFunctions(self, "Viewer", names=names)
        distribution = self._distribution(functions, assets)
        distribution_alarms(self, distribution.distribution_id, names)
        self._deliver_access_log(distribution.distribution_id)
        self.publish("distribution-id", distribution.distribution_id, "The distribution that serves pictures")
        self.publish("image-token-store", functions.keys.key_value_store_arn, "Keys of image tokens, at the edge")
        address = self.domain.address if self.domain else f"https://{distribution.distribution_domain_name}"
        self.publish("delivery-url", address, "Address of the edge")
        self.publish("distribution-domain", distribution.distribution_domain_name, "Name that DNS points to")

    def _distribution(self, functions: ViewerFunctions, assets: Assets) -> cloudfront.Distribution:
        not_found = cdk.Duration.seconds(self.settings.delivery.not_found_seconds)
        public, private = self._behaviors(functions, assets)
        distribution = cloudfront.Distribution(
            self,
            "Distribution",
            comment=f"{self.names.of('pictures')}",
            default_behavior=public,
            additional_behaviors={_PRIVATE_PICTURES: private},
            error_responses=[
                cloudfront.ErrorResponse(http_status=404, ttl=not_found),
                *(
                    cloudfront.ErrorResponse(http_status=status, ttl=cdk.Duration.seconds(0))
                    for status in _NEVER_CACHED
                ),
            ],
            http_version=cloudfront.HttpVersion.HTTP2_AND_3,
            web_acl_id=web_acl(self, self.names).attr_arn,
            domain_names=self.domain.names if self.domain else None,
            certificate=self.domain.certificate if self.domain else None,
            minimum_protocol_version=self.domain.minimum_tls if self.domain else None,
        )
        if self.domain:
            self.domain.point_to(distribution)
        else:
            acknowledge(
                distribution,
                "AwsSolutions-CFR4",
                "CloudFront's default certificate fixes the TLS version; a custom domain can raise it.",
            )
        resource = distribution.node.default_child
        assert isinstance(resource, cloudfront.CfnDistribution)  # noqa: S101 - what an L2 distribution is made of
        set_read_timeout(resource, self.settings)
        resource.add_property_override("DistributionConfig.CacheTagConfig", {"HeaderName": CACHE_TAG_HEADER})
        for finding, reason in {
            "AwsSolutions-CFR1": "Viewers may be in any country.",
            "AwsSolutions-CFR3": "Logged by standard logging v2, as a separate delivery; the rule looks for v1.",
            _FOREIGN_BUCKET: "The bucket policies allow this account's distributions to read.",
        }.items():
            acknowledge(distribution, finding, reason)
        return distribution

    def _behaviors(self, functions: ViewerFunctions, assets: Assets) -> list[cloudfront.BehaviorOptions]:
        """Return the behaviors of public and private pictures, which differ only in how responses are treated."""
        origins, keys = origin_group(self, self.names), cache_policy(self, self.names)
        miss = OriginRequestFunction(self, "OriginRequest", names=self.names, assets=assets)
        on_miss = cloudfront.EdgeLambda(
            event_type=cloudfront.LambdaEdgeEventType.ORIGIN_REQUEST, function_version=miss.version
        )
        return [
            cloudfront.BehaviorOptions(
                origin=origins,
                allowed_methods=cloudfront.AllowedMethods.ALLOW_GET_HEAD,
                viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
                cache_policy=keys,
                response_headers_policy=response_headers_policy(self, self.names, private=private),
                compress=False,
                function_associations=functions.associations(private=private),
                edge_lambdas=[on_miss],
            )
            for private in (False, True)
        ]

    def _deliver_access_log(self, distribution_id: str) -> None:
        """Deliver the access log as Parquet to the analytics stack's bucket, which is deployed before."""
        scope, partition = Construct(self, "AccessLog"), cdk.Aws.PARTITION
        source = logs.CfnDeliverySource(
            scope,
            "Source",
            name=self.names.of("access-log"),
            log_type="ACCESS_LOGS",
            resource_arn=f"arn:{partition}:cloudfront::{self.names.account}:distribution/{distribution_id}",
        )
        destination = logs.CfnDeliveryDestination(
            scope,
            "Destination",
            name=self.names.of("access-log"),
            destination_resource_arn=f"arn:{partition}:s3:::{self.names.logs_bucket}/{PREFIX}",
            output_format="parquet",
        )
        delivery = logs.CfnDelivery(
            scope,
            "Delivery",
            delivery_source_name=source.name,
            delivery_destination_arn=destination.attr_arn,
            record_fields=list(RECORD_FIELDS),
            s3_enable_hive_compatible_path=True,
            s3_suffix_path=SUFFIX_PATH,
        )
        delivery.add_resource_dependency(source)  # it has the source's name and no reference to it
