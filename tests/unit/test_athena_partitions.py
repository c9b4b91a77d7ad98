"""Which files a scan reads, and how many bytes of them."""

from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from infra.local.athena.query import parse_query, plan_query
from infra.local.athena.tables import (
    CatalogTable,
    DataFile,
    Scan,
    UnboundPartitionError,
    check_injected,
    count_bytes,
    relation,
    select_files,
)

TABLE = CatalogTable(
    database="stage",
    name="log",
    bucket="logs",
    prefix="log/",
    columns={"path": "string", "agent": "string"},
    partition_keys={"site": "string", "year": "int", "month": "int", "day": "int"},
    injected=frozenset({"site"}),
)
DAYS = [("2026", "12", "31"), ("2027", "01", "01"), ("2027", "01", "02"), ("2027", "10", "01")]
FILES = [
    DataFile(
        "logs",
        f"log/{site}/{'-'.join(day)}",
        "etag",
        dict(zip(("site", "year", "month", "day"), (site, *day), strict=True)),
    )
    for site in ("E1", "E2")
    for day in DAYS
]


def scan_of(condition: str) -> Scan:
    tree = parse_query(f"SELECT path FROM log WHERE {condition}")
    assert tree is not None
    (scan,) = plan_query(tree, "stage", lambda _database, _name: TABLE).scans
    return scan


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("site = 'E1' AND year = 2027 AND month = 1 AND day = 1", ["E1/2027-01-01"]),
        ("site = 'E1' AND month = 1", ["E1/2027-01-01", "E1/2027-01-02"]),
        (
            "site = 'E2' AND year * 10000 + month * 100 + day BETWEEN 20261231 AND 20270101",
            ["E2/2026-12-31", "E2/2027-01-01"],
        ),
        ("site IN ('E1', 'E2') AND day = 31", ["E1/2026-12-31", "E2/2026-12-31"]),
        ("site = 'nobody'", []),
        ("site = 'E1' AND path = '/'", [f"E1/{'-'.join(day)}" for day in DAYS]),
    ],
)
def test_only_matching_partitions_are_read(condition: str, expected: list[str]) -> None:
    assert [file.key.removeprefix("log/") for file in select_files(FILES, scan_of(condition))] == expected


@pytest.mark.parametrize("condition", ["site = 'E1'", "site IN ('E1', 'E2')", "'E1' = site AND day = 1"])
def test_an_injected_key_is_bound(condition: str) -> None:
    check_injected(scan_of(condition))


@pytest.mark.parametrize("condition", ["day = 1", "site > 'E1'", "site = 'E1' OR day = 1", "site = path"])
def test_an_unbound_injected_key_is_refused_as_in_athena(condition: str) -> None:
    with pytest.raises(UnboundPartitionError, match=r"CONSTRAINT_VIOLATION: For the injected .* column site"):
        check_injected(scan_of(condition))


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    written = []
    for day in ("01", "02"):
        path = tmp_path / f"site=E1/year=2027/month=01/day={day}" / "it's.parquet"
        path.parent.mkdir(parents=True)
        rows = {"path": [f"/{number}" for number in range(100)], "agent": [f"agent {number}" for number in range(100)]}
        pq.write_table(pa.table(rows), path)
        written.append(path)
    return written


def test_scanned_bytes_are_those_of_the_columns_read(paths: list[Path]) -> None:
    chunks = pq.read_metadata(paths[0]).row_group(0)
    stored = {chunks.column(place).path_in_schema: chunks.column(place).total_compressed_size for place in range(2)}
    assert count_bytes(paths[:1], {"path", "day"}) == stored["path"]
    assert count_bytes(paths, {"path", "agent"}) == 2 * sum(stored.values())
    assert count_bytes(paths, set()) == 0


def test_partition_keys_are_read_from_the_folders_as_the_catalog_types_them(paths: list[Path]) -> None:
    rows = duckdb.sql(relation(TABLE, paths))
    assert rows.columns == ["path", "agent", "site", "year", "month", "day"]
    counted = duckdb.sql("SELECT site, year, month, day, count(*) FROM rows GROUP BY ALL ORDER BY ALL").fetchall()
    assert counted == [("E1", 2027, 1, 1, 100), ("E1", 2027, 1, 2, 100)]
