"""Publication in the reports bucket: uploads, signed links, and the index page of all reports.

Every report updates the index. To renew its links without a report: ``python -m flows.reporting.publishing``.
"""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import boto3
import typer
from botocore.config import Config
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from pydantic import ValidationError

from flows.reporting.queries import Analytics, find_analytics
from flows.reporting.reports import ReportRecord
from lambdas.core.settings import DEFAULT_STAGE, Settings, SettingsError, load_settings
from operations.discovery import NotDeployedError

RECORD = "report.json"
INDEX = "index.html"
LINK_SECONDS = 7 * 24 * 3600  # the maximum of S3
_READS_AT_ONCE = 16
_CONTENT_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".ipynb": "application/x-ipynb+json",
    ".json": "application/json",
    ".parquet": "application/vnd.apache.parquet",
    ".webp": "image/webp",
}
_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=select_autoescape(default=True),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def upload_files(folder: Path, files: Iterable[Path], bucket: str, prefix: str, region: str) -> None:
    """Upload ``files`` of ``folder`` to ``bucket`` in order, each under ``prefix`` and its path in the folder."""
    s3 = boto3.client("s3", region_name=region)
    for file in files:
        s3.upload_file(
            str(file),
            bucket,
            f"{prefix}/{file.relative_to(folder).as_posix()}",
            ExtraArgs={"ContentType": _CONTENT_TYPES[file.suffix], "CacheControl": "no-cache"},
        )


def sign_link(bucket: str, key: str, region: str) -> str:
    """Return a presigned URL, valid for a week or until the signing credentials expire."""
    # Left to itself, boto3 signs by version 2 in us-east-1, which S3 refuses for buckets made since June 2020.
    s3 = boto3.client("s3", region_name=region, config=Config(signature_version="s3v4"))
    link: str = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=LINK_SECONDS)
    return link


def list_reports(analytics: Analytics) -> list[ReportRecord]:
    """Return every complete report in the bucket, the latest period first."""
    s3 = boto3.client("s3", region_name=analytics.region)
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=analytics.reports_bucket)
    keys = [item["Key"] for page in pages for item in page.get("Contents", []) if item["Key"].endswith(f"/{RECORD}")]
    with ThreadPoolExecutor(_READS_AT_ONCE) as pool:
        found = [record for record in pool.map(lambda key: _read(s3, analytics.reports_bucket, key), keys) if record]
    return sorted(found, key=lambda record: (record.last_day, record.first_day, record.made_at), reverse=True)


def write_index(settings: Settings, analytics: Analytics) -> str:
    """Replace the index page, with new links, in one step; return the link to it."""
    now = datetime.now(UTC)
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
        Key=INDEX,
        Body=text.encode(),
        ContentType="text/html; charset=utf-8",
        CacheControl="no-cache",
    )
    return sign_link(analytics.reports_bucket, INDEX, analytics.region)


def _read(s3: Any, bucket: str, key: str) -> ReportRecord | None:
    """Return a record, or None if it has another version's layout or has just been deleted."""
    try:
        return ReportRecord.model_validate_json(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    except (ValidationError, s3.exceptions.NoSuchKey):
        return None


app = typer.Typer(add_completion=False)


@app.command()
def main(stage: Annotated[str, typer.Option(help="Stage of the reports.")] = DEFAULT_STAGE) -> None:
    """Renew the index of reports and print the link to it."""
    try:
        settings = load_settings(stage=stage)
        typer.echo(write_index(settings, find_analytics(settings)))
    except (SettingsError, NotDeployedError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error


if __name__ == "__main__":
    app()
