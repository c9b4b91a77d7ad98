"""The export of the images table to Athena: a complete new snapshot, or the previous one."""

from collections import Counter
from collections.abc import Iterator
from itertools import count
from typing import Any

import boto3
import pyathena
import pytest
from boto3.exceptions import S3UploadFailedError
from botocore.exceptions import ClientError
from deployment_runs import refusal, run_under_roles
from prefect.settings import (
    PREFECT_API_AUTH_STRING,
    PREFECT_API_URL,
    PREFECT_LOGGING_TO_API_ENABLED,
    temporary_settings,
)
from seeded_images import IMAGES, recorded_images

from flows.export_images import ImagesExport, export_images
from flows.reporting.queries import find_analytics
from flows.runtime.command_line import run_from_command_line
from infra.local.stack import LocalStack
from lambdas.core.stores.images import ImagesTable
from operations.images_snapshot import Snapshot

SEGMENTS = 3


@pytest.fixture(scope="module", autouse=True)
def environment(stack: LocalStack, prefect: str) -> Iterator[None]:
    reporting = {
        PREFECT_API_URL: prefect,
        PREFECT_API_AUTH_STRING: stack.prefect_login,
        PREFECT_LOGGING_TO_API_ENABLED: False,
    }
    with pytest.MonkeyPatch.context() as patch, temporary_settings(reporting):
        for name, value in stack.environment().items():
            patch.setenv(name, value)
        patch.setattr(boto3, "DEFAULT_SESSION", None)
        run_under_roles(patch, stack)
        yield


@pytest.fixture(scope="module")
def export(stack: LocalStack, environment: None) -> Iterator[ImagesExport]:
    with recorded_images(stack):
        state: Any = export_images(segments=SEGMENTS, return_state=True)
        assert state.name == "Completed", state.message
        yield state.result()


def exported(stack: LocalStack) -> dict[str, dict[str, Any]]:
    """Return the seeded images in Athena's table."""
    analytics = find_analytics(stack.settings)
    connection = pyathena.connect(
        work_group=analytics.workgroup,
        schema_name=analytics.database,
        region_name=analytics.region,
        poll_interval=0.05,
    )
    cursor = connection.cursor().execute(
        "SELECT image_id, tenant, outcome, rejection, bytes, width, cardinality(derivative_bytes) FROM images"
    )
    names = [column[0] for column in cursor.description]
    mine = {item["image_id"] for item in IMAGES}
    return {row[0]: dict(zip(names, row, strict=True)) for row in cursor.fetchall() if row[0] in mine}


def files(stack: LocalStack) -> set[str]:
    s3, bucket = stack.client("s3", "us-east-1"), stack.parameter("logs-bucket")
    return {item["Key"] for item in s3.list_objects_v2(Bucket=bucket, Prefix="images/").get("Contents", [])}


def test_every_image_can_be_joined(stack: LocalStack, export: ImagesExport) -> None:
    found = exported(stack)
    assert found.keys() == {item["image_id"] for item in IMAGES}
    for item in IMAGES:
        row = found[item["image_id"]]
        assert (row["tenant"], row["outcome"]) == (item["tenant"], item["state"])
        assert row["bytes"] == item["original"]["bytes"]
        assert row["rejection"] == item.get("rejection", {}).get("code")
        assert row["width"] == item.get("metadata", {}).get("width")
    outcomes = Counter(item["state"] for item in IMAGES)
    assert all(export.images[outcome] >= images for outcome, images in outcomes.items())
    assert export.files <= SEGMENTS


@pytest.mark.parametrize(
    ("owner", "method", "error"),
    [
        (ImagesTable, "scan", ClientError({"Error": {"Code": "ProvisionedThroughputExceededException"}}, "Scan")),
        (Snapshot, "publish", ClientError({"Error": {"Code": "AccessDenied"}}, "PutObject")),
        (Snapshot, "write", S3UploadFailedError("SlowDown")),
    ],
    ids=["scan", "switch", "upload"],
)
@pytest.mark.usefixtures("export")
def test_a_failure_leaves_the_previous_snapshot_and_no_files(
    owner: type, method: str, error: Exception, stack: LocalStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, known = exported(stack), files(stack)
    done, calls = getattr(owner, method), count(1)

    def failing(*arguments: Any) -> Any:
        if method == "publish" or next(calls) == SEGMENTS:
            raise error
        return done(*arguments)

    monkeypatch.setattr(owner, method, failing)
    state: Any = export_images(segments=SEGMENTS, return_state=True)
    assert state.is_failed()
    assert str(error) in state.message
    assert "the previous snapshot stays" in state.message
    assert (exported(stack), files(stack)) == (before, known)


def test_a_malformed_item_is_skipped_and_reported(stack: LocalStack, capsys: pytest.CaptureFixture[str]) -> None:
    dynamodb, name = stack.client("dynamodb"), stack.parameter("images-table")
    odd = {"image_id": {"S": "odd"}, "tenant": {"S": "demo"}, "state": {"S": "ready"}}
    dynamodb.put_item(TableName=name, Item=odd)
    try:
        assert run_from_command_line(export_images, []) == 1
    finally:
        dynamodb.delete_item(TableName=name, Key={"image_id": {"S": "odd"}})
    assert "1 items were skipped" in capsys.readouterr().out


def test_a_stage_that_is_not_deployed_is_refused() -> None:
    state = refusal(export_images, stage="staging")
    assert state.is_failed()
    assert "stage 'staging' has none: deploy it" in str(state.message)
