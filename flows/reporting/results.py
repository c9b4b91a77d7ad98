"""The results of a report's queries and its thumbnails: gathered, saved to a folder, and loaded from it."""

import json
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pandas as pd
from botocore.exceptions import BotoCoreError, ClientError

from flows.reporting.periods import Period
from flows.reporting.queries import Query, QueryFailedError, QueryResult, find_analytics, run_query
from flows.reporting.reports import ReportKind
from lambdas.core.keys import MalformedKeyError, Variant, derivative_key, is_private, parse_image_id
from lambdas.core.settings import Settings
from operations.discovery import NotDeployedError, chosen_tenants, look_up

PREVIOUS = "previous"
"""Folder of the results about the previous period."""
_SUMMARY = "summary.json"
_THUMBNAILS, _THUMBNAIL_SUFFIX = "thumbnails", ".webp"
_THUMBNAIL_COUNT = 12
_THUMBNAIL_BYTES = 100_000  # maximum of one; the page embeds them all
_READS_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Results:
    """Rows by query, and the reason of each query that failed."""

    rows: Mapping[str, pd.DataFrame]
    failed: Mapping[str, str] = field(default_factory=dict)
    scanned_bytes: int = 0

    def __getitem__(self, query: str) -> pd.DataFrame | None:
        """Return the rows of ``query``, or None if it failed or was not run."""
        return self.rows.get(query)


@dataclass(frozen=True, slots=True)
class ReportData:
    """Results about a period and the previous one, and thumbnails (WebP) by image id."""

    current: Results
    previous: Results = field(default_factory=lambda: Results({}))
    thumbnails: Mapping[str, bytes] = field(default_factory=dict)

    def rows(self, query: str) -> pd.DataFrame | None:
        """Return the rows of ``query``, or None if there are none for any reason."""
        found = self.current[query]
        return None if found is None or found.empty else found

    @property
    def failed(self) -> dict[str, str]:
        """The reason of each failed query."""
        previous = {f"{name}, the previous period": reason for name, reason in self.previous.failed.items()}
        return {**self.current.failed, **previous}

    @property
    def images_known(self) -> bool:
        """Whether the export of the images table has any of the requested images, or none was requested."""
        top = self.rows("top_images")
        return top is None or bool(top.tenant.notna().any())

    @property
    def scanned_bytes(self) -> int:
        """Bytes that Athena scanned for all queries."""
        return self.current.scanned_bytes + self.previous.scanned_bytes


def run_queries(names: Iterable[str], period: Period, settings: Settings, tenant: str | None = None) -> Results:
    """Run queries concurrently, as many at once as the settings allow. One that fails does not affect the others.

    Raises:
        NotDeployedError: the stage has no analytics.
        UnknownQueryError: there is no such query.
        UnknownTenantError: the settings name no such tenant.
    """
    chosen_tenants(settings, tenant)
    analytics = find_analytics(settings)
    queries = [Query(name) for name in names]

    def attempt(query: Query) -> QueryResult | QueryFailedError:
        try:
            return run_query(query, period, analytics, attempts=settings.analytics.attempts, tenant=tenant)
        except QueryFailedError as error:
            return error

    with ThreadPoolExecutor(settings.analytics.concurrent_queries) as pool:
        outcomes = dict(zip(queries, pool.map(attempt, queries), strict=True))
    results = [outcome for outcome in outcomes.values() if isinstance(outcome, QueryResult)]
    return Results(
        {result.query: result.rows for result in results},
        {query.name: str(error) for query, error in outcomes.items() if isinstance(error, QueryFailedError)},
        sum(result.scanned_bytes for result in results),
    )


def gather(kind: ReportKind, period: Period, settings: Settings, tenant: str | None = None) -> ReportData:
    """Return all data of a report, without Prefect: for a notebook opened by hand.

    Raises:
        NotDeployedError, UnknownTenantError: as :func:`run_queries`.
    """
    current = run_queries(kind.queries, period, settings, tenant)
    previous = run_queries(kind.compared, period.previous, settings, tenant)
    return ReportData(current, previous, fetch_thumbnails(top_images(current), settings))


def save_results(folder: Path, results: Iterable[QueryResult], failed: Mapping[str, str]) -> None:
    """Write ``results`` and the ``failed`` queries (reasons by name) to ``folder``, replacing earlier ones."""
    folder.mkdir(parents=True, exist_ok=True)
    for stale in [*folder.glob("*.parquet"), *folder.glob(_SUMMARY)]:
        stale.unlink()
    scanned_bytes = 0
    for result in results:
        result.rows.to_parquet(folder / f"{result.query}.parquet", index=False)
        scanned_bytes += result.scanned_bytes
    summary = {"failed": dict(failed), "scanned_bytes": scanned_bytes}
    (folder / _SUMMARY).write_text(json.dumps(summary, indent=2), encoding="utf-8")


def load_results(folder: Path) -> Results:
    """Read what :func:`save_results` wrote."""
    summary = json.loads((folder / _SUMMARY).read_text(encoding="utf-8"))
    rows = {path.stem: pd.read_parquet(path) for path in sorted(folder.glob("*.parquet"))}
    return Results(rows, summary["failed"], summary["scanned_bytes"])


def save_thumbnails(folder: Path, thumbnails: Mapping[str, bytes]) -> None:
    """Write ``thumbnails`` beside the results in ``folder``, replacing earlier ones."""
    target = folder / _THUMBNAILS
    target.mkdir(parents=True, exist_ok=True)
    for stale in target.glob(f"*{_THUMBNAIL_SUFFIX}"):
        stale.unlink()
    for image_id, data in thumbnails.items():
        (target / f"{image_id}{_THUMBNAIL_SUFFIX}").write_bytes(data)


def load_data(folder: Path) -> ReportData:
    """Read the results in ``folder`` and, if present, the previous period's results and the thumbnails."""
    previous = load_results(folder / PREVIOUS) if (folder / PREVIOUS).is_dir() else Results({})
    files = sorted((folder / _THUMBNAILS).glob(f"*{_THUMBNAIL_SUFFIX}"))
    return ReportData(load_results(folder), previous, {path.stem: path.read_bytes() for path in files})


def top_images(results: Results) -> list[str]:
    """Return the ids of the most requested images; empty if that query failed or was not run."""
    rows = results["top_images"]
    return [] if rows is None else [str(image_id) for image_id in rows.image_id]


def fetch_thumbnails(image_ids: Iterable[str], settings: Settings) -> dict[str, bytes]:
    """Return the narrowest eager WebP of the first dozen images, by image id; private and unreadable ones are left out.

    Read from the derivatives bucket, because requests to the edge would appear in the next report's log.
    """
    try:
        bucket = look_up(settings, {"bucket": "derivatives-bucket"}, settings.regions.primary)["bucket"]
    except NotDeployedError:
        return {}
    s3 = boto3.client("s3", region_name=settings.regions.primary)
    shown = list(image_ids)[:_THUMBNAIL_COUNT]
    with ThreadPoolExecutor(_READS_AT_ONCE) as pool:
        width = min(settings.rendering.eager_widths)
        pictures = pool.map(lambda image_id: _read_thumbnail(s3, bucket, image_id, width), shown)
    return {image_id: data for image_id, data in zip(shown, pictures, strict=True) if data}


def _read_thumbnail(s3: Any, bucket: str, image_id: str, width: int) -> bytes | None:
    try:
        image = parse_image_id(image_id)
        if is_private(image):
            return None
        found = s3.get_object(Bucket=bucket, Key=derivative_key(image, Variant(width, 0, "webp")))
        return bytes(found["Body"].read()) if found["ContentLength"] <= _THUMBNAIL_BYTES else None
    except (MalformedKeyError, ClientError, BotoCoreError):
        return None
