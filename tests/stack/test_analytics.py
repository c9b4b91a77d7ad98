"""The access log's table finds every delivered file, and queries have a cost limit."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from synthesized import Assembly, Resource, as_list, referenced, statements

from infra.constructs.edge.access_log import COLUMNS, PARTITION_KEYS, RECORD_FIELDS, SUFFIX_PATH, TABLE, partition_path
from infra.names import Names
from lambdas.core.records import COLUMNS as IMAGE_COLUMNS
from lambdas.core.settings import Settings


def table_called(name: str, aws: Assembly) -> dict[str, Any]:
    tables: list[dict[str, Any]] = [table.properties["TableInput"] for table in aws.all("AWS::Glue::Table")]
    return next(table for table in tables if table["Name"] == name)


@pytest.fixture(scope="module")
def table(aws: Assembly) -> dict[str, Any]:
    return table_called(TABLE, aws)


def logs_bucket(aws: Assembly, names: Names) -> Resource:
    return aws.one("AWS::S3::Bucket", BucketName=names.logs_bucket)


def text(value: Any, names: Names, bucket: Resource) -> str:
    """Resolve a template's value to text."""
    if isinstance(value, str):
        return value
    if "Fn::Join" in value:
        separator, parts = value["Fn::Join"]
        return str(separator).join(text(part, names, bucket) for part in parts)
    if referenced(value) == bucket.logical_id:
        arn = "Fn::GetAtt" in value
        return f"arn:aws:s3:::{names.logs_bucket}" if arn else names.logs_bucket
    return {"AWS::Partition": "aws"}[referenced(value)]


def projected(template: str, parameters: dict[str, str], values: dict[str, Any]) -> str | None:
    """Return the folder that Athena reads for a partition; None outside of the projected ranges.

    As "Partition projection" of the Athena guide has it: a range holds both its ends, digits pad with zeros.
    """
    written = {}
    for key, value in values.items():
        if parameters[f"projection.{key}.type"] == "injected":
            written[key] = value
            continue
        assert parameters[f"projection.{key}.type"] == "integer"
        first, last = map(int, parameters[f"projection.{key}.range"].split(","))
        if not first <= value <= last:
            return None
        written[key] = str(value).zfill(int(parameters[f"projection.{key}.digits"]))
    return re.sub(r"\$\{(\w+)\}", lambda place: written[place[1]], template)


def test_projection_finds_the_folder_of_every_hour(
    aws: Assembly, names: Names, settings: Settings, table: dict[str, Any]
) -> None:
    bucket = logs_bucket(aws, names)
    parameters = table["Parameters"]
    assert parameters["projection.enabled"] == "true"
    template = text(parameters["storage.location.template"], names, bucket)
    hour = datetime(settings.analytics.first_log_year, 1, 1, tzinfo=UTC)
    seen = set()
    # Every hour of a leap cycle, then every eleventh for a human lifetime.
    while hour.year < settings.analytics.first_log_year + 70:
        values = {"year": hour.year, "month": hour.month, "day": hour.day, "hour": hour.hour}
        folder = projected(template, parameters, {"distributionid": "E1EXAMPLE", **values})
        assert folder == f"s3://{names.logs_bucket}/{partition_path('E1EXAMPLE', hour)}"
        seen.add(hour.hour)
        hour += timedelta(hours=1 if hour.year < settings.analytics.first_log_year + 4 else 11)
    assert seen == set(range(24))


def test_table_has_every_delivered_field_as_a_string(table: dict[str, Any]) -> None:
    assert table["Name"] == TABLE
    columns = {column["Name"]: column["Type"] for column in table["StorageDescriptor"]["Columns"]}
    assert columns == dict.fromkeys(COLUMNS, "string")
    assert tuple(key["Name"] for key in table["PartitionKeys"]) == PARTITION_KEYS
    for part in ("InputFormat", "OutputFormat", "SerdeInfo"):
        assert "parquet" in str(table["StorageDescriptor"][part])


def test_images_table_reads_the_files_on_the_snapshot_list(aws: Assembly, names: Names) -> None:
    storage = table_called("images", aws)["StorageDescriptor"]
    assert storage["InputFormat"].endswith("SymlinkTextInputFormat")
    assert "parquet" in str(storage["SerdeInfo"])
    location = text(storage["Location"], names, logs_bucket(aws, names))
    assert location == f"s3://{names.logs_bucket}/images/current/"
    assert {(column["Name"], column["Type"], column["Comment"]) for column in storage["Columns"]} == set(IMAGE_COLUMNS)


def test_delivery_matches_the_table(aws: Assembly, names: Names) -> None:
    (delivery,) = aws.all("AWS::Logs::Delivery")
    assert delivery.properties["RecordFields"] == list(RECORD_FIELDS)
    assert delivery.properties["S3SuffixPath"] == SUFFIX_PATH
    assert delivery.properties["S3EnableHiveCompatiblePath"] is True
    assert delivery.body["DependsOn"], "expected the delivery after its source, which it only names"
    (source,) = aws.all("AWS::Logs::DeliverySource")
    assert source.properties["LogType"] == "ACCESS_LOGS"
    assert source.properties["Name"] == delivery.properties["DeliverySourceName"]


def test_log_service_may_only_write_logs(aws: Assembly, names: Names) -> None:
    bucket = logs_bucket(aws, names)
    (policy,) = (
        policy
        for policy in aws.all("AWS::S3::BucketPolicy")
        if policy.stack == bucket.stack and referenced(policy.properties["Bucket"]) == bucket.logical_id
    )
    (grant,) = (statement for statement in statements(policy) if statement["Effect"] == "Allow")
    assert grant["Principal"] == {"Service": "delivery.logs.amazonaws.com"}
    assert as_list(grant["Action"]) == ["s3:PutObject"]
    destination = aws.one("AWS::Logs::DeliveryDestination").properties["DestinationResourceArn"]
    assert [text(resource, names, bucket) for resource in as_list(grant["Resource"])] == [
        f"{text(destination, names, bucket)}/*"
    ]
    assert grant["Condition"]["StringEquals"]["aws:SourceAccount"] == names.account
    assert "delivery-source" in str(grant["Condition"]["ArnLike"]["aws:SourceArn"])


def test_queries_are_bound_by_the_workgroup_and_its_scan_limit(aws: Assembly, settings: Settings) -> None:
    configuration = aws.one("AWS::Athena::WorkGroup").properties["WorkGroupConfiguration"]
    assert configuration["EnforceWorkGroupConfiguration"] is True
    assert configuration["BytesScannedCutoffPerQuery"] == settings.analytics.scan_limit_bytes
    result = configuration["ResultConfiguration"]
    assert result["EncryptionConfiguration"] == {"EncryptionOption": "SSE_S3"}
    location = result["OutputLocation"]
    assert location["Fn::Join"][1][-1] == "/"


@pytest.mark.parametrize(
    ("bucket", "days"),
    [("logs", "storage.access_log_days"), ("reports", "analytics.report_days"), ("athena", "analytics.result_days")],
)
def test_analytics_buckets_expire_their_objects(
    aws: Assembly, names: Names, settings: Settings, bucket: str, days: str
) -> None:
    section, field = days.split(".")
    found = aws.one("AWS::S3::Bucket", BucketName=names.bucket(bucket, "us-east-1"))
    (rule,) = found.properties["LifecycleConfiguration"]["Rules"]
    assert rule["Status"] == "Enabled"
    assert rule["ExpirationInDays"] == getattr(getattr(settings, section), field)
