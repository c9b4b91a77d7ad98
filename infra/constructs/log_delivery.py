"""The way of the edge's access log into its bucket: CloudFront standard logging v2."""

import aws_cdk as cdk
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.constructs.access_log import PREFIX, RECORD_FIELDS, SUFFIX_PATH
from infra.names import Names


class LogDelivery(Construct):
    """Source, destination and delivery of one distribution's access log, as Parquet in Hive-style folders.

    Stands in a stack of us-east-1, where CloudFront's deliveries live; the bucket and its policy are the
    analytics stack's, which is deployed before.
    """

    def __init__(self, scope: Construct, construct_id: str, *, names: Names, distribution_id: str) -> None:
        super().__init__(scope, construct_id)
        source = logs.CfnDeliverySource(
            self,
            "Source",
            name=names.of("access-log"),
            log_type="ACCESS_LOGS",
            resource_arn=f"arn:{cdk.Aws.PARTITION}:cloudfront::{names.account}:distribution/{distribution_id}",
        )
        destination = logs.CfnDeliveryDestination(
            self,
            "Destination",
            name=names.of("access-log"),
            destination_resource_arn=f"arn:{cdk.Aws.PARTITION}:s3:::{names.logs_bucket}/{PREFIX}",
            output_format="parquet",
        )
        delivery = logs.CfnDelivery(
            self,
            "Delivery",
            delivery_source_name=source.name,
            delivery_destination_arn=destination.attr_arn,
            record_fields=list(RECORD_FIELDS),
            s3_enable_hive_compatible_path=True,
            s3_suffix_path=SUFFIX_PATH,
        )
        delivery.add_resource_dependency(source)  # named, not referred to: CloudFormation does not see it
