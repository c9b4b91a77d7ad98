"""The index of past reports: a page in the reports bucket that links each, the newest first.

Every report renews it. For fresh links without a report: ``python -m flows.reporting.report_index``.
"""

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from pydantic import BaseModel, ConfigDict, ValidationError

from flows.reporting.publishing import LINK_SECONDS, sign_link
from lambdas.core.settings import (
    DEFAULT_STAGE,
    Settings,
    SettingsError,
    load_settings,
)
from operations.discovery import Analytics, NotDeployedError, find_analytics

RECORD = "report.json"
KEY = "index.html"
_AT_ONCE = 16
_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=select_autoescape(default=True),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


class ReportSubject(BaseModel):
    """What a report is about: its kind and days in words, and whose pictures, everybody's if ``tenant`` is None."""

    model_config = ConfigDict(frozen=True)

    title: str
    period: str
    first_day: date
    last_day: date
    tenant: str | None


class ReportRecord(ReportSubject):
    """What the index says of a report; it stands beside the page, and is put there after it.

    ``fine`` is None where the logs do not say; ``unanswered`` names questions, ``failure`` what the notebook died of.
    """

    made_at: datetime
    page: str
    sentence: str
    fine: bool | None
    unanswered: tuple[str, ...] = ()
    failure: str = ""


def list_reports(analytics: Analytics) -> list[ReportRecord]:
    """Return every report that is whole in the bucket, the newest period first."""
    s3 = boto3.client("s3", region_name=analytics.region)
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=analytics.reports_bucket)
    keys = [item["Key"] for page in pages for item in page.get("Contents", []) if item["Key"].endswith(f"/{RECORD}")]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = [record for record in pool.map(lambda key: _read(s3, analytics.reports_bucket, key), keys) if record]
    return sorted(found, key=lambda record: (record.last_day, record.first_day, record.made_at), reverse=True)


def write_index(settings: Settings, analytics: Analytics, *, now: datetime | None = None) -> str:
    """Write the page anew, with fresh links, in one step; return its own link."""
    now = now or datetime.now(UTC)
    reports = list_reports(analytics)
    text = _TEMPLATES.get_template("report_index.html.j2").render(
        stage=settings.stage,
        reports=[(report, sign_link(analytics.reports_bucket, report.page, analytics.region)) for report in reports],
        bucket=analytics.reports_bucket,
        made_at=now,
        until=now + timedelta(seconds=LINK_SECONDS),
    )
    boto3.client("s3", region_name=analytics.region).put_object(
        Bucket=analytics.reports_bucket,
        Key=KEY,
        Body=text.encode(),
        ContentType="text/html; charset=utf-8",
        CacheControl="no-cache",
    )
    return sign_link(analytics.reports_bucket, KEY, analytics.region)


def _read(s3: Any, bucket: str, key: str) -> ReportRecord | None:
    """Return a record, or None for one that another version wrote otherwise, or that has just been deleted."""
    try:
        return ReportRecord.model_validate_json(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    except (ValidationError, s3.exceptions.NoSuchKey):
        return None


def main(arguments: Sequence[str] | None = None) -> int:
    """Renew the index, print its link, and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m flows.reporting.report_index", description=(__doc__ or "").split("\n\n")[0]
    )
    parser.add_argument("--stage", default=DEFAULT_STAGE, help="whose reports (default: %(default)s)")
    try:
        settings = load_settings(stage=parser.parse_args(arguments).stage)
        print(write_index(settings, find_analytics(settings)))
    except (SettingsError, NotDeployedError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
