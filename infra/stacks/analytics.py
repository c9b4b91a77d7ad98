"""Where the edge's access log is kept, asked and reported on: S3, Glue, Athena."""

import aws_cdk as cdk
from aws_cdk import aws_athena as athena
from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.constructs.access_log import (
    COLUMNS,
    LOCATION_TEMPLATE,
    PARTITION_KEYS,
    PREFIX,
    TABLE,
)
from infra.constructs.acknowledgements import acknowledge
from infra.constructs.images_table import LIST, ImagesExport
from infra.names import Names
from infra.stacks.stack import DarkroomStack
from lambdas.core.settings import EDGE_REGION

_LAST_YEAR = 2100
_PARQUET = "org.apache.hadoop.hive.ql.io.parquet"


class AnalyticsStack(DarkroomStack):
    """Buckets for logs, answers and reports, the table over the logs, and the workgroup that asks it."""

    def __init__(self, scope: Construct, names: Names) -> None:
        super().__init__(
            scope,
            "Analytics",
            names=names,
            region=EDGE_REGION,  # beside the log delivery: no log crosses regions to be read
            description="Darkroom: access logs, Athena, reports",
        )
        analytics = self.settings.analytics
        self.logs = self._bucket(
            "Logs",
            names.logs_bucket,
            days=self.settings.storage.access_log_days,
            unlogged="It holds the access logs themselves; a log of the log would be read by nobody.",
        )
        self._receive_deliveries()
        self.reports = self._bucket(
            "Reports",
            names.bucket("reports", EDGE_REGION),
            days=analytics.report_days,
            unlogged="Rendered reports, written once a day and read by a few; CloudTrail names who changes the bucket.",
        )
        self.results = self._bucket(
            "QueryResults",
            names.bucket("athena", EDGE_REGION),
            days=analytics.result_days,
            unlogged="Athena's result files, gone in days; the workgroup's query history says who asked what.",
        )
        database = self._database()
        workgroup = self._workgroup()
        self.publish("logs-bucket", self.logs.bucket_name, "Bucket of the edge's access logs")
        self.publish("images-list", f"s3://{self.logs.bucket_name}/{LIST}", "What the table of images reads")
        self.publish("reports-bucket", self.reports.bucket_name, "Bucket of rendered reports")
        self.publish("athena-workgroup", workgroup.name, "Athena workgroup that questions run in")
        self.publish("glue-database", database, "Glue database of the access log")

    def _bucket(self, construct_id: str, name: str, *, days: int, unlogged: str) -> s3.Bucket:
        bucket = s3.Bucket(
            self,
            construct_id,
            bucket_name=name,
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            removal_policy=(cdk.RemovalPolicy.RETAIN if self.settings.storage.protected else cdk.RemovalPolicy.DESTROY),
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="expiry",
                    expiration=cdk.Duration.days(days),
                    abort_incomplete_multipart_upload_after=cdk.Duration.days(1),
                )
            ],
        )
        acknowledge(bucket, "AwsSolutions-S1", unlogged)
        return bucket

    def _receive_deliveries(self) -> None:
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

    def _database(self) -> str:
        name = self.settings.prefix.replace("-", "_")
        database = glue.CfnDatabase(
            self,
            "Database",
            catalog_id=self.account,
            database_input=glue.CfnDatabase.DatabaseInputProperty(
                name=name, description="What Darkroom's edge served, for Athena"
            ),
        )
        table = glue.CfnTable(
            self,
            "AccessLog",
            catalog_id=self.account,
            database_name=name,
            table_input=glue.CfnTable.TableInputProperty(
                name=TABLE,
                description="One row a request, as CloudFront standard logging v2 writes it",
                table_type="EXTERNAL_TABLE",
                parameters=self._table_parameters(),
                partition_keys=[
                    glue.CfnTable.ColumnProperty(name=key, type="string" if key == "distributionid" else "int")
                    for key in PARTITION_KEYS
                ],
                storage_descriptor=glue.CfnTable.StorageDescriptorProperty(
                    location=f"s3://{self.logs.bucket_name}/{PREFIX}/",
                    input_format=f"{_PARQUET}.MapredParquetInputFormat",
                    output_format=f"{_PARQUET}.MapredParquetOutputFormat",
                    serde_info=glue.CfnTable.SerdeInfoProperty(
                        serialization_library=f"{_PARQUET}.serde.ParquetHiveSerDe"
                    ),
                    columns=[glue.CfnTable.ColumnProperty(name=column, type="string") for column in COLUMNS],
                ),
            ),
        )
        table.add_resource_dependency(database)
        ImagesExport(
            self,
            "Images",
            account=self.account,
            database=database,
            database_name=name,
            bucket_name=self.logs.bucket_name,
        )
        return name

    def _table_parameters(self) -> dict[str, str]:
        """Return the table's properties: partitions are computed, never crawled or added.

        The distribution is injected: each question names it, or Athena refuses the question. Ranges are
        inclusive; digits pad with zeros as the delivery's paths do.
        """
        parameters = {
            "EXTERNAL": "TRUE",
            "classification": "parquet",
            "projection.enabled": "true",
            "projection.distributionid.type": "injected",
            "storage.location.template": f"s3://{self.logs.bucket_name}/{LOCATION_TEMPLATE}",
        }
        ranges = {
            "year": (self.settings.analytics.first_log_year, _LAST_YEAR),
            "month": (1, 12),
            "day": (1, 31),
            "hour": (0, 23),
        }
        for key, (first, last) in ranges.items():
            parameters[f"projection.{key}.type"] = "integer"
            parameters[f"projection.{key}.range"] = f"{first},{last}"
            parameters[f"projection.{key}.digits"] = "4" if key == "year" else "2"
        return parameters

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
