"""The Glue catalog that Athena reads: the access log, and the images table as exported.

The flow that exports the images table writes a snapshot, and then the one file that lists the snapshot's files. The
table ``images`` reads the files on that list, as tables over an S3 Inventory do, so that a query sees one whole
snapshot.
"""

from aws_cdk import aws_glue as glue
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.constructs.edge import access_log
from infra.names import Names
from lambdas.core.records import COLUMNS

TABLE = "images"
"""The Glue table, as queries name it."""

PREFIX = "images"
"""Folder in the logs bucket: ``current/`` has the list, ``snapshots/`` the files on it."""

CURRENT = f"{PREFIX}/current"
LIST = f"{CURRENT}/files"

_LAST_YEAR = 2100
_HIVE = "org.apache.hadoop.hive.ql.io"
_PARQUET = f"{_HIVE}.parquet"


def add_catalog(scope: Construct, bucket: s3.IBucket, names: Names) -> str:
    """Make the database with its two tables over the logs ``bucket``, and return its name."""
    name = names.settings.prefix.replace("-", "_")
    database = glue.CfnDatabase(
        scope,
        "Database",
        catalog_id=names.account,
        database_input=glue.CfnDatabase.DatabaseInputProperty(
            name=name, description="What Darkroom's edge served, for Athena"
        ),
    )
    tables = {
        (scope, "AccessLog"): _access_log(bucket, names),
        (Construct(scope, "Images"), "Table"): _images(bucket),
    }
    for (parent, construct_id), table_input in tables.items():
        table = glue.CfnTable(
            parent, construct_id, catalog_id=names.account, database_name=name, table_input=table_input
        )
        table.add_resource_dependency(database)
    return name


def _access_log(bucket: s3.IBucket, names: Names) -> glue.CfnTable.TableInputProperty:
    return glue.CfnTable.TableInputProperty(
        name=access_log.TABLE,
        description="One row a request, as CloudFront standard logging v2 writes it",
        table_type="EXTERNAL_TABLE",
        parameters=_projection(bucket, names),
        partition_keys=[
            glue.CfnTable.ColumnProperty(name=key, type="string" if key == "distributionid" else "int")
            for key in access_log.PARTITION_KEYS
        ],
        storage_descriptor=glue.CfnTable.StorageDescriptorProperty(
            location=f"s3://{bucket.bucket_name}/{access_log.PREFIX}/",
            input_format=f"{_PARQUET}.MapredParquetInputFormat",
            output_format=f"{_PARQUET}.MapredParquetOutputFormat",
            serde_info=glue.CfnTable.SerdeInfoProperty(serialization_library=f"{_PARQUET}.serde.ParquetHiveSerDe"),
            columns=[glue.CfnTable.ColumnProperty(name=column, type="string") for column in access_log.COLUMNS],
        ),
    )


def _projection(bucket: s3.IBucket, names: Names) -> dict[str, str]:
    """Return the table's parameters: partitions are projected, never crawled or added.

    The distribution id is injected: a query without it is refused. Ranges include both ends; numbers are padded
    with zeros, as in the delivery's paths.
    """
    parameters = {
        "EXTERNAL": "TRUE",
        "classification": "parquet",
        "projection.enabled": "true",
        "projection.distributionid.type": "injected",
        "storage.location.template": f"s3://{bucket.bucket_name}/{access_log.LOCATION_TEMPLATE}",
    }
    ranges = {
        "year": (names.settings.analytics.first_log_year, _LAST_YEAR),
        "month": (1, 12),
        "day": (1, 31),
        "hour": (0, 23),
    }
    for key, (first, last) in ranges.items():
        parameters[f"projection.{key}.type"] = "integer"
        parameters[f"projection.{key}.range"] = f"{first},{last}"
        parameters[f"projection.{key}.digits"] = "4" if key == "year" else "2"
    return parameters


def _images(bucket: s3.IBucket) -> glue.CfnTable.TableInputProperty:
    return glue.CfnTable.TableInputProperty(
        name=TABLE,
        description="One row an image, as of the last export",
        table_type="EXTERNAL_TABLE",
        parameters={"EXTERNAL": "TRUE", "classification": "parquet"},
        storage_descriptor=glue.CfnTable.StorageDescriptorProperty(
            location=f"s3://{bucket.bucket_name}/{CURRENT}/",
            input_format=f"{_HIVE}.SymlinkTextInputFormat",
            output_format=f"{_HIVE}.HiveIgnoreKeyTextOutputFormat",
            serde_info=glue.CfnTable.SerdeInfoProperty(serialization_library=f"{_PARQUET}.serde.ParquetHiveSerDe"),
            columns=[
                glue.CfnTable.ColumnProperty(name=column.name, type=column.type, comment=column.comment)
                for column in COLUMNS
            ],
        ),
    )
