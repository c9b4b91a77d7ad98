"""A backfill's story as its notebook reads it: from a file, or the newest in the reports bucket."""

from pathlib import Path

import boto3

from lambdas.core.settings import EDGE_REGION, Settings
from operations.backfill.summary import STORIES, STORY, BackfillReport
from operations.discovery import look_up


class NoStoryError(LookupError):
    """No backfill was made yet, or all stories are too old to be kept."""


def load_story(file: str, settings: Settings) -> BackfillReport:
    """Return the story in ``file``, or the newest of the stage where that is empty.

    Raises:
        NoStoryError: there is none.
        NotDeployedError: the stage has no reports bucket.
    """
    if file:
        return BackfillReport.model_validate_json(Path(file).read_text(encoding="utf-8"))
    bucket = look_up(settings, {"bucket": "reports-bucket"}, EDGE_REGION)["bucket"]
    s3 = boto3.client("s3", region_name=EDGE_REGION)
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{STORIES}/")
    keys = [item["Key"] for page in pages for item in page.get("Contents", []) if item["Key"].endswith(f"/{STORY}")]
    if not keys:
        raise NoStoryError(f"expected a backfill's story in {bucket} but found none: run one first (flows.backfill)")
    return BackfillReport.model_validate_json(s3.get_object(Bucket=bucket, Key=max(keys))["Body"].read())
