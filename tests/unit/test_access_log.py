"""The access log's fields and paths, as the log delivery, the table and the local edge all read them."""

from datetime import UTC, datetime

import pytest

from infra.constructs.edge.access_log import (
    COLUMNS,
    FIELDS,
    LOCATION_TEMPLATE,
    PARTITION_KEYS,
    RECORD_FIELDS,
    SUFFIX_PATH,
    partition_path,
)


def test_every_field_has_a_column_of_its_own() -> None:
    assert len(set(RECORD_FIELDS)) == len(set(COLUMNS)) == len(FIELDS)


@pytest.mark.parametrize(
    ("field", "column"),
    [
        ("date", "date"),
        ("cs(User-Agent)", "cs_user_agent"),
        ("cs(Host)", "cs_host"),
        ("x-edge-result-type", "x_edge_result_type"),
        ("sc-status", "sc_status"),
        ("time-to-first-byte", "time_to_first_byte"),
    ],
)
def test_columns_are_named_as_cloudfront_names_them(field: str, column: str) -> None:
    assert (field, column) in FIELDS


@pytest.mark.parametrize("field", ["cs-uri-query", "cs(Cookie)"])
def test_nothing_that_may_hold_a_token_is_logged(field: str) -> None:
    assert field not in RECORD_FIELDS


@pytest.mark.parametrize(
    ("hour", "expected"),
    [
        (datetime(2026, 1, 2, 3, tzinfo=UTC), "cloudfront/distributionid=E1/year=2026/month=01/day=02/hour=03/"),
        (datetime(2030, 12, 31, 23, tzinfo=UTC), "cloudfront/distributionid=E1/year=2030/month=12/day=31/hour=23/"),
        (datetime(2026, 6, 1, 0, tzinfo=UTC), "cloudfront/distributionid=E1/year=2026/month=06/day=01/hour=00/"),
    ],
)
def test_partition_path(hour: datetime, expected: str) -> None:
    assert partition_path("E1", hour) == expected


def test_the_table_s_template_makes_the_same_path() -> None:
    values = {"distributionid": "E1", "year": "2026", "month": "01", "day": "02", "hour": "03"}
    path = LOCATION_TEMPLATE
    for key, value in values.items():
        path = path.replace(f"${{{key}}}", value)
    assert path == partition_path("E1", datetime(2026, 1, 2, 3, tzinfo=UTC))
    assert tuple(values) == PARTITION_KEYS


def test_the_delivery_s_suffix_names_no_keys() -> None:
    assert SUFFIX_PATH == "{distributionid}/{yyyy}/{MM}/{dd}/{HH}"
