"""Export of the images table to Athena's table ``images``, so that queries of the access log can join it.

Run it from its deployment, or by hand: ``python -m flows.export_images``. It writes a complete new snapshot and then
switches the table to it: until then, and after a failure, queries read the previous snapshot.
"""

import sys
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import boto3
from boto3.exceptions import Boto3Error
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from prefect import flow, get_run_logger, task
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed, Failed
from prefect.task_runners import ThreadPoolTaskRunner
from pydantic import BaseModel, ConfigDict, Field

from flows.runtime.artifacts import markdown_table, show_summary
from flows.runtime.command_line import run_from_command_line
from flows.runtime.role import take_role
from lambdas.core.settings import DEFAULT_STAGE, EDGE_REGION, Settings, SettingsError, load_settings
from lambdas.core.stores.images import ImagesTable
from operations.discovery import NotDeployedError, look_up
from operations.images_snapshot import Snapshot, Tally

_CONFIG = Config(retries={"mode": "adaptive", "total_max_attempts": 10}, max_pool_connections=64)
_AWS_ERRORS = (BotoCoreError, ClientError, Boto3Error)  # the last is raised by managed uploads
_SCANS_AT_ONCE = 8  # threads; more segments than threads make progress finer and retries cheaper


class ImagesExport(BaseModel):
    """The result of an export: ``images`` by outcome, number of malformed ``skipped`` items, ``files`` written."""

    model_config = ConfigDict(frozen=True)

    images: dict[str, int]
    skipped: int
    files: int
    prefix: str


@task(task_run_name="segment {segment}", cache_policy=NO_CACHE)
def export_segment(
    table: ImagesTable, snapshot: Snapshot, s3: Any, segment: int, segments: int
) -> tuple[list[str], Tally]:
    """Read one segment of the table and write its files; return their keys and the tally."""
    tally = Tally()
    keys = snapshot.write(s3, f"segment-{segment:04}", tally.rows(table.scan(segment, segments)))
    for image_id, fault in tally.skipped.items():
        get_run_logger().warning("Skipped item %s: expected an image but received %s", image_id, fault)
    return keys, tally


@flow(name="export-images", flow_run_name="images of {stage}", validate_parameters=True, on_running=[take_role])
def export_images(
    stage: str = DEFAULT_STAGE, segments: Annotated[int, Field(ge=1, le=1000)] = _SCANS_AT_ONCE
) -> State[ImagesExport]:
    """Export the images table to Athena: write a new snapshot, then switch to it.

    Args:
        stage: Stage to export, such as dev, staging or production.
        segments: Parts in which the table is scanned, eight at a time; about one per million images.

    It reads the images table and writes only under images/ in the logs bucket.

    Completes as SomeSkipped if items are malformed. A stage that is not deployed, invalid settings, and errors of the
    table or the bucket end as Failed with a message; the previous snapshot then stays.
    """
    try:
        settings = load_settings(stage=stage)
        found = look_up(settings, {"images": "images-table"}, settings.regions.primary)
        found |= look_up(settings, {"list": "images-list"}, EDGE_REGION)
    except (SettingsError, NotDeployedError) as error:
        return Failed(message=str(error))
    s3 = boto3.client("s3", region_name=EDGE_REGION, config=_CONFIG)
    dynamodb = boto3.client("dynamodb", region_name=settings.regions.primary, config=_CONFIG)
    table = ImagesTable(dynamodb, found["images"])
    snapshot = Snapshot.begin(found["list"], datetime.now(UTC))
    try:
        keys, tally = _write_all(table, snapshot, s3, segments)
        snapshot.publish(s3, keys)
    except _AWS_ERRORS as error:
        _discard(snapshot, s3)
        return Failed(message=f"The export failed: {error}; the previous snapshot stays")
    _remove_older(snapshot, s3)
    export = ImagesExport(
        images=dict(tally.images), skipped=len(tally.skipped), files=len(keys), prefix=snapshot.prefix
    )
    return _completed(export, settings)


def _write_all(table: ImagesTable, snapshot: Snapshot, s3: Any, segments: int) -> tuple[list[str], Tally]:
    """Write every segment, several at a time, and show the progress.

    Raises:
        BotoCoreError, ClientError, Boto3Error: of the first segment that failed.
    """
    progress = create_progress_artifact(progress=0.0, key="export-images-progress", description="Segments written")
    assert isinstance(progress, UUID)  # noqa: S101 - a coroutine only inside an event loop
    keys: list[str] = []
    total = Tally()
    with ThreadPoolTaskRunner[Any](max_workers=_SCANS_AT_ONCE) as runner:
        given = {"table": table, "snapshot": snapshot, "s3": s3, "segments": segments}
        futures = [runner.submit(export_segment, {"segment": segment, **given}) for segment in range(segments)]
        for done, future in enumerate(futures, 1):
            written, tally = future.result()
            keys += written
            total.images.update(tally.images)
            total.skipped |= tally.skipped
            update_progress_artifact(progress, 100 * done / segments)
    return keys, total


def _discard(snapshot: Snapshot, s3: Any) -> None:
    try:
        snapshot.discard(s3)
    except _AWS_ERRORS as error:
        get_run_logger().warning("Could not delete the incomplete snapshot %s: %s", snapshot.prefix, error)


def _remove_older(snapshot: Snapshot, s3: Any) -> None:
    try:
        snapshot.remove_older(s3)
    except _AWS_ERRORS as error:
        get_run_logger().warning("Could not delete older snapshots, the bucket's lifecycle will: %s", error)


def _completed(export: ImagesExport, settings: Settings) -> State[ImagesExport]:
    images = sum(export.images.values())
    sentence = f"{images:,} images of {settings.stage} exported"
    if export.skipped:
        sentence += f"; {export.skipped:,} items were skipped, see the run's log"
    counts = markdown_table(("outcome", "images"), [(name, f"{n:,}") for name, n in sorted(export.images.items())])
    where = f"In {export.files:,} files under `{export.prefix}`, run {flow_run.name}."
    show_summary("export-images", sentence, [*counts, "", where], description="Images that queries can join")
    return Completed(name="SomeSkipped" if export.skipped else "Completed", message=sentence, data=export)


if __name__ == "__main__":
    sys.exit(run_from_command_line(export_images))
