"""Where the access log is kept, queried and reported on: S3, Glue, Athena."""

import aws_cdk as cdk
from aws_cdk import aws_athena as athena
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.constructs.catalog import LIST, add_catalog
from infra.constructs.edge.access_log import PREFIX
from infra.constructs.storage import expiring_bucket
from infra.names import Names
from infra.stacks.base import DarkroomStack
from lambdas.core.settings import EDGE_REGION


class AnalyticsStack(DarkroomStack):
    """Buckets for logs, query results and reports, the catalog of tables, and the Athena workgroup."""

    def __init__(self, scope: Construct, names: Names) -> None:
        super().__init__(
            scope,
            "Analytics",
            names=names,
            region=EDGE_REGION,  # where the log delivery is, so that reading a log crosses no region
            description="Darkroom: access logs, Athena, reports",
        )
        analytics = self.settings.analytics
        self.logs = expiring_bucket(
            self,
            "Logs",
            names.logs_bucket,
            self.settings,
            days=self.settings.storage.access_log_days,
            no_access_log="This bucket holds the access logs; a log of reading them would not be read.",
        )
        self._allow_log_delivery()
        self.reports = expiring_bucket(
            self,
            "Reports",
            names.reports_bucket,
            self.settings,
            days=analytics.report_days,
            no_access_log="Rendered reports, written once a day and read by a few; CloudTrail logs bucket changes.",
        )
        self.results = expiring_bucket(
            self,
            "QueryResults",
            names.results_bucket,
            self.settings,
            days=analytics.result_days,
            no_access_log="Athena's result files, kept for days; the workgroup's query history has who ran what.",
        )
        database = add_catalog(self, self.logs, names)
        workgroup = self._workgroup()
        self.publish("logs-bucket", self.logs.bucket_name, "Bucket of the edge's access logs")
        self.publish("images-list", f"s3://{self.logs.bucket_name}/{LIST}", "What the table of images reads")
        self.publish("reports-bucket", self.reports.bucket_name, "Bucket of rendered reports")
        self.publish("athena-workgroup", workgroup.name, "Athena workgroup that questions run in")
        self.publish("glue-database", database, "Glue database of the access log")

    def _allow_log_delivery(self) -> None:
        # "Logs sent to Amazon S3" of the CloudWatch Logs guide, V2 permissions.
        self.logs.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AWSLogDeliveryWrite",
                principals=[iam.ServicePrincipal("delivery.logs.amazonaws.com")],
                actions=["s3:PutObject"],
                resources=[self.logs.arn_for_objects(f"{PREFIX}/*")],
                conditions={
                    "StringEquals": {
                        "s3:x-amz-acl": "bucket-owner-full-control",
                        "aws:SourceAccount": self.names.account,
                    },
                    "ArnLike": {
                        "aws:SourceArn": (
                            f"arn:{cdk.Aws.PARTITION}:logs:{EDGE_REGION}:{self.names.account}:delivery-source:*"
                        )
                    },
                },
            )
        )

    def _workgroup(self) -> athena.CfnWorkGroup:
        return athena.CfnWorkGroup(
            self,
            "Workgroup",
            name=self.names.of("analytics"),
            description="Questions about what the edge served",
            recursive_delete_option=not self.settings.storage.protected,
            work_group_configuration=athena.CfnWorkGroup.WorkGroupConfigurationProperty(
                enforce_work_group_configuration=True,
                publish_cloud_watch_metrics_enabled=True,
                bytes_scanned_cutoff_per_query=self.settings.analytics.scan_limit_bytes,
                engine_version=athena.CfnWorkGroup.EngineVersionProperty(
                    selected_engine_version="Athena engine version 3"
                ),
                result_configuration=athena.CfnWorkGroup.ResultConfigurationProperty(
                    output_location=f"s3://{self.results.bucket_name}/",
                    encryption_configuration=athena.CfnWorkGroup.EncryptionConfigurationProperty(
                        encryption_option="SSE_S3"
                    ),
                ),
            ),
        )
