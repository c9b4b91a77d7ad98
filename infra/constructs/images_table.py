"""The table ``images``: what is known of each picture, for questions that join it to the access log.

A flow writes snapshots of the images table, and then the one file that lists a snapshot's files; the table reads
what that file lists, as tables over an S3 Inventory do. A question sees one snapshot or the next, never half of one.
"""

from aws_cdk import aws_glue as glue
from constructs import Construct

from lambdas.core.records import COLUMNS

TABLE = "images"
"""The Glue table, as questions name it."""

PREFIX = "images"
"""Folder in the logs bucket: ``current/`` in it has the list, ``snapshots/`` what it lists."""

CURRENT = f"{PREFIX}/current"
LIST = f"{CURRENT}/files"

_HIVE = "org.apache.hadoop.hive.ql.io"


class ImagesExport(Construct):
    """The Glue table over the newest snapshot."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        account: str,
        database: glue.CfnDatabase,
        database_name: str,
        bucket_name: str,
    ) -> None:
        super().__init__(scope, construct_id)
        table = glue.CfnTable(
            self,
            "Table",
            catalog_id=account,
            database_name=database_name,
            table_input=glue.CfnTable.TableInputProperty(
                name=TABLE,
                description="One row an image, as of the last export",
                table_type="EXTERNAL_TABLE",
                parameters={"EXTERNAL": "TRUE", "classification": "parquet"},
                storage_descriptor=glue.CfnTable.StorageDescriptorProperty(
                    location=f"s3://{bucket_name}/{CURRENT}/",
                    input_format=f"{_HIVE}.SymlinkTextInputFormat",
                    output_format=f"{_HIVE}.HiveIgnoreKeyTextOutputFormat",
                    serde_info=glue.CfnTable.SerdeInfoProperty(
                        serialization_library=f"{_HIVE}.parquet.serde.ParquetHiveSerDe"
                    ),
                    columns=[
                        glue.CfnTable.ColumnProperty(name=column.name, type=column.type, comment=column.comment)
                        for column in COLUMNS
                    ],
                ),
            ),
        )
        table.add_resource_dependency(database)
