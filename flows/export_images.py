"""The images table as Athena's table ``images``, so that questions about the log may join what is known of a picture.

Run by Prefect from its deployment, or by hand: ``python -m flows.export_images``. It writes a whole new snapshot, and
only then has the table read it: whoever asks meanwhile, or after a failure, is answered by the snapshot before.
"""

import sys
from collections.abc import Sequence
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

from flows.reporting.images_snapshot import Snapshot, Tally
from flows.runtime.artifacts import markdown_table, show_story
from flows.runtime.command_line import run_from_command_line
from lambdas.core.settings import (
    DEFAULT_STAGE,
    EDGE_REGION,
    Settings,
    SettingsError,
    load_settings,
)
from lambdas.core.stores.images import ImagesTable
from operations.discovery import NotDeployedError, look_up

_CONFIG = Config(retries={"mode": "adaptive", "total_max_attempts": 10}, max_pool_connections=64)
_REFUSALS = (BotoCoreError, ClientError, Boto3Error)  # the last of a managed upload
_SCANS_AT_ONCE = 8  # threads; more segments than that make for finer progress and smaller retries


class ImagesExport(BaseModel):
    """An export as it was made: ``images`` by outcome, ``skipped`` items that are none, ``files`` of the snapshot."""

    model_config = ConfigDict(frozen=True)

    images: dict[str, int]
    skipped: int
    files: int
    prefix: str


@task(task_run_name="segment {segment}", cache_policy=NO_CACHE)
def export_segment(
    table: ImagesTable, snapshot: Snapshot, s3: Any, segment: int, segments: int
) -> tuple[list[str], Tally]:
    """Read one segment of the table and write its files; return their keys and what was read."""
    tally = Tally()
    keys = snapshot.write(s3, f"segment-{segment:04}", tally.rows(table.scan(segment, segments)))
    for image_id, fault in tally.skipped.items():
        get_run_logger().warning("%s: expected an image's item but %s", image_id, fault)
    return keys, tally


@flow(name="export-images", flow_run_name="images of {stage}", validate_parameters=True)
def export_images(
    stage: str = DEFAULT_STAGE, segments: Annotated[int, Field(ge=1, le=1000)] = _SCANS_AT_ONCE
) -> State[ImagesExport]:
    """Write the images table where Athena reads it: a new snapshot, and then the switch to it.

    Args:
        stage: whose images: dev, staging, production …
        segments: parts that the table is scanned in, eight of them at a time; one for every million images or so.

    It reads the images table and writes under ``images/`` in the logs bucket, nothing else.

    Completes as SomeSkipped where items of the table are no images' as they should be. A stage that is not deployed,
    wrong settings, and a table or bucket that refuses end as Failed, in a sentence, and the snapshot before stays.
    """
    try:
        settings = load_settings(stage=stage)
        places = look_up(settings, {"images": "images-table"}, settings.regions.primary)
        places |= look_up(settings, {"list": "images-list"}, EDGE_REGION)
    except (SettingsError, NotDeployedError) as error:
        return Failed(message=str(error))
    s3 = boto3.client("s3", region_name=EDGE_REGION, config=_CONFIG)
    table = ImagesTable(
        boto3.client("dynamodb", region_name=settings.regions.primary, config=_CONFIG), places["images"]
    )
    snapshot = Snapshot.begin(places["list"], datetime.now(UTC))
    try:
        keys, tally = _write_all(table, snapshot, s3, segments)
        snapshot.publish(s3, keys)
    except _REFUSALS as error:
        _discard(snapshot, s3)
        return Failed(message=f"expected the images table in a new snapshot but: {error}; the one before stays")
    _remove_older(snapshot, s3)
    export = ImagesExport(
        images=dict(tally.images), skipped=len(tally.skipped), files=len(keys), prefix=snapshot.prefix
    )
    return _completed(export, settings)


def _write_all(table: ImagesTable, snapshot: Snapshot, s3: Any, segments: int) -> tuple[list[str], Tally]:
    """Write every segment, a few at a time, and show how far it is.

    Raises:
        BotoCoreError, ClientError, Boto3Error: of the first segment that failed.
    """
    progress = create_progress_artifact(progress=0.0, key="export-images-progress", description="Segments written")
    assert isinstance(progress, UUID)  # noqa: S101 - a coroutine only where there is a loop
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
    except _REFUSALS as error:
        get_run_logger().warning("%s: expected to delete what is half written but: %s", snapshot.prefix, error)


def _remove_older(snapshot: Snapshot, s3: Any) -> None:
    try:
        snapshot.remove_older(s3)
    except _REFUSALS as error:
        get_run_logger().warning("expected to delete older snapshots but: %s; the bucket's lifecycle will", error)


def _completed(export: ImagesExport, settings: Settings) -> State[ImagesExport]:
    images = sum(export.images.values())
    sentence = f"{images:,} images of {settings.stage} can be joined"
    if export.skipped:
        sentence += f"; {export.skipped:,} items were skipped, named in the log of the run"
    counted = markdown_table(("outcome", "images"), [(name, f"{n:,}") for name, n in sorted(export.images.items())])
    where = f"In {export.files:,} files under `{export.prefix}`, run {flow_run.name}."
    show_story("export-images", sentence, [*counted, "", where], what="What questions may join")
    return Completed(name="SomeSkipped" if export.skipped else "Completed", message=sentence, data=export)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the flow from a command line and return the exit status."""
    return run_from_command_line(export_images, arguments)


if __name__ == "__main__":
    sys.exit(main())
