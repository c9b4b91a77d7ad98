"""Every query, run by Athena on seeded logs and an export of seeded images, compared with independent results."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import partial

import boto3
import pandas as pd
import pytest
from expected_results import EXPECTED, Around, Row, Seen
from seeded_images import IMAGES, recorded_images
from seeded_logs import records_of, seed, unseed

from flows.reporting.periods import Period
from flows.reporting.queries import Analytics, Query, QueryResult, find_analytics, run_query
from infra.constructs.edge.access_log import PREFIX, partition_path
from infra.local.athena.planning import Planner
from infra.local.stack import LocalStack
from lambdas.core.records import image_row
from operations.images_snapshot import SNAPSHOTS, Snapshot, Tally
from tests.bench.analytics.reads import plan_query_files

SITE = "E1QUERIES"
DAYS = (date(2026, 2, 27), date(2026, 2, 28), date(2026, 3, 1), date(2026, 3, 2))
PERIOD = Period(DAYS[1], DAYS[2])


@pytest.fixture(scope="module", autouse=True)
def seeded(stack: LocalStack) -> Iterator[None]:
    """Seed four days of logs, of which the middle two are queried, and an export of the images in them."""
    s3, address = stack.client("s3", "us-east-1"), stack.parameter("images-list")
    snapshot = Snapshot.begin(address, datetime.now(UTC))
    seed(stack, SITE, *DAYS)
    try:
        with recorded_images(stack) as table:
            mine = {item["image_id"] for item in IMAGES}
            pages = ([item for item in page if item["image_id"] in mine] for page in table.scan(0, 1))
            snapshot.publish(s3, snapshot.write(s3, "seeded", Tally().rows(pages)))
        yield
    finally:
        snapshot.publish(s3, [])
        snapshot.discard(s3)
        unseed(stack, SITE, *DAYS)


@pytest.fixture(scope="module")
def analytics(stack: LocalStack) -> Iterator[Analytics]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in stack.environment().items():
            patch.setenv(name, value)
        patch.setattr(boto3, "DEFAULT_SESSION", None)
        yield replace(find_analytics(stack.settings), distribution=SITE)


@pytest.fixture(scope="module")
def planner(stack: LocalStack, analytics: Analytics, tmp_path_factory: pytest.TempPathFactory) -> Planner:
    return Planner(partial(stack.client, region=analytics.region), tmp_path_factory.mktemp("read"))


_results: dict[tuple[str, str | None], QueryResult] = {}


def run_once(name: str, tenant: str | None, analytics: Analytics) -> QueryResult:
    if (name, tenant) not in _results:
        _results[name, tenant] = run_query(Query(name), PERIOD, analytics, attempts=1, tenant=tenant)
    return _results[name, tenant]


def rows_of(frame: pd.DataFrame) -> list[Row]:
    return [
        {name: None if pd.isna(value) else value for name, value in row.items()} for row in frame.to_dict("records")
    ]


def in_order(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: [(str(type(value)), str(value)) for value in row.values()])


@pytest.mark.parametrize("tenant", [None, "studio"])
@pytest.mark.parametrize("name", [query.name for query in Query.all()])
def test_a_result_equals_that_computed_from_the_records(
    name: str, tenant: str | None, stack: LocalStack, analytics: Analytics
) -> None:
    result = run_once(name, tenant, analytics)
    records = [record for day in DAYS[1:3] for _, found in records_of(day) for record in found]
    expected = EXPECTED[name](Seen.of(records, map(image_row, IMAGES), tenant, stack.settings))
    assert len(expected) > 0
    received = rows_of(result.rows)
    for row, right in zip(in_order(received), in_order(expected), strict=True):
        assert list(row) == list(right)
        for column, value in right.items():
            if isinstance(value, Around):
                assert value.low <= row[column] <= value.high, column
            elif isinstance(value, float):
                assert row[column] == pytest.approx(value), column
            else:
                assert row[column] == value, column
    assert result.scanned_bytes > 0


@pytest.mark.parametrize("name", [query.name for query in Query.all()])
def test_only_files_of_the_queried_days_are_read(name: str, planner: Planner, analytics: Analytics) -> None:
    files = {file.key for file in plan_query_files(planner, Query(name), PERIOD, analytics).files}
    logs = {key for key in files if key.startswith(f"{PREFIX}/")}
    assert logs == {
        f"{partition_path(SITE, hour)}{hour:%H}.parquet" for day in DAYS[1:3] for hour, _ in records_of(day)
    }
    assert all(f"/{SNAPSHOTS}/" in key for key in files - logs)


@pytest.mark.parametrize("name", ["hit_ratio_by_hour", "top_images", "unused_variants"])
def test_a_day_without_logs_gives_the_same_columns(name: str, analytics: Analytics) -> None:
    nothing = run_query(Query(name), Period(date(2026, 1, 5), date(2026, 1, 5)), analytics, attempts=1).rows
    full = run_once(name, None, analytics).rows
    assert list(nothing.columns) == list(full.columns)
    assert list(nothing.dtypes) == list(full.dtypes)
    assert nothing.empty or name == "unused_variants"
