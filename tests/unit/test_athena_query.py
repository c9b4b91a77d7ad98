"""Athena's SQL as DuckDB answers it, in Athena's way."""

from typing import Any

import duckdb
import pytest
from sqlglot import exp

from infra.local.athena.query import MalformedQueryError, parse_query, plan_query
from infra.local.athena.tables import CatalogTable, relation

LOG = CatalogTable(
    database="stage",
    name="log",
    bucket="logs",
    prefix="log/",
    columns={"path": "string", "bytes": "string"},
    partition_keys={"site": "string", "day": "int"},
    injected=frozenset({"site"}),
)
ROWS = """(SELECT * FROM (VALUES
    ('/a.avif', '100', 'E1', 21), ('/b.jpeg', '250', 'E1', 22), ('/c.jpeg', '-', 'E2', 22)
) AS t(path, bytes, site, day))"""


def lookup(database: str, name: str) -> CatalogTable | None:
    return LOG if (database, name) == ("stage", "log") else None


def answer(sql: str, *parameters: str) -> duckdb.DuckDBPyRelation:
    tree = parse_query(sql, parameters)
    assert tree is not None
    query = plan_query(tree, "stage", lookup)
    return duckdb.sql(query.to_duckdb([ROWS] * len(query.scans)))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("url_extract_host('https://u@Ex.com:8443/a/b?x=1&y=b%20c#f')", "Ex.com"),
        ("url_extract_port('https://Ex.com:8443/a')", 8443),
        ("url_extract_port('https://Ex.com/a')", None),
        ("url_extract_path('https://Ex.com:80/a/b?x=1')", "/a/b"),
        ("url_extract_query('https://e.com/a?x=1&y=2#f')", "x=1&y=2"),
        ("url_extract_fragment('https://e.com/a?x=1#f')", "f"),
        ("url_extract_parameter('https://e.com/a?x=1&y=b%20c#f', 'y')", "b c"),
        ("url_extract_parameter('https://e.com/a?x=1', 'z')", None),
        ("upper(url_extract_host('http://a.b/c'))", "A.B"),
        ("to_iso8601(timestamp '2026-11-23 10:11:12')", "2026-11-23T10:11:12.000"),
        ("hamming_distance('ab', 'ac')", 1),
        ("every(true)", True),
        ("date_format(timestamp '2026-11-23 10:11:12', '%Y-%m-%d %H:%i')", "2026-11-23 10:11"),
        ("element_at(split('a/b/c', '/'), -1)", "c"),
        ("split_part('a/b/c', '/', 2)", "b"),
        (r"regexp_extract('1024x0.avif', '^(\d+)x(\d+)\.(\w+)$', 3)", "avif"),
        ("regexp_like('Googlebot/2.1', '(?i)BOT')", True),
        ("url_decode('a%20b')", "a b"),
        ("json_extract_scalar('{\"a\": 1}', '$.a')", "1"),
        ("count_if(true)", 1),
        ("date_diff('hour', timestamp '2026-11-23 10:00:00', timestamp '2026-11-23 12:30:00')", 2),
        ("cardinality(map(array['a', 'b'], array[1, 2]))", 2),
        ("cardinality(array[1, 2, 3])", 3),
        ("element_at(map(array['a', 'b'], array[1, 2]), 'b')", 2),
        ("element_at(map(array['a'], array[1]), 'z')", None),
        ("regexp_extract('a', 'b')", None),
        ("regexp_extract('/img/ab', '^/(img/)?(a)', 2)", "a"),
        ("7 / 2", 3),
        ("-7 / 2", -3),
        ("count(*) / 2", 0),
        ("7 / 2.0", 3.5),
        ("7e0 / 2", 3.5),
        ("try_cast('-' AS bigint)", None),
    ],
)
def test_functions_behave_as_in_athena(expression: str, expected: Any) -> None:
    (value,) = answer(f"SELECT {expression}").fetchall()[0]
    assert (float(value) if isinstance(expected, float) else value) == expected


def test_whole_numbers_divided_by_zero_are_an_error() -> None:
    with pytest.raises(duckdb.Error, match="DIVISION_BY_ZERO"):
        answer("SELECT 1 / (day - day) FROM log").fetchall()


def test_an_unnamed_column_is_named_by_position() -> None:
    assert answer("SELECT day, count(*), max(bytes) FROM log GROUP BY 1").columns == ["day", "_col1", "_col2"]


def test_columns_come_as_the_catalog_orders_them() -> None:
    assert answer("SELECT * FROM log").columns == ["path", "bytes", "site", "day"]


def test_parameters_are_bound_in_order() -> None:
    rows = answer("SELECT path FROM log WHERE site = ? AND day = ?", "'E1'", "22").fetchall()
    assert rows == [("/b.jpeg",)]


def test_a_common_table_expression_is_no_catalog_table() -> None:
    rows = answer("WITH log AS (SELECT 1 AS one) SELECT one FROM log")
    assert rows.fetchall() == [(1,)]


@pytest.mark.parametrize(
    ("sql", "parameters", "message"),
    [
        ("SELEC 1", (), "line 1:"),
        ("SELECT 'open", (), "."),
        ("SELECT ?", (), "Incorrect number of parameters: expected 1 but found 0"),
        ("SELECT 1", ("1",), "Incorrect number of parameters: expected 0 but found 1"),
        ("SELECT ?", ("'open",), "."),
    ],
)
def test_malformed(sql: str, parameters: tuple[str, ...], message: str) -> None:
    with pytest.raises(MalformedQueryError, match=message):
        parse_query(sql, parameters)


@pytest.mark.parametrize("sql", ["SHOW TABLES", "CREATE TABLE t (a int)", "DROP TABLE t", "MSCK REPAIR TABLE t"])
def test_other_statements_are_left_alone(sql: str) -> None:
    assert parse_query(sql) is None


def scans(sql: str) -> list[tuple[set[str], set[str]]]:
    """Return each scan's columns, and its predicates in Athena's SQL."""
    tree = parse_query(sql)
    assert tree is not None
    return [
        (scan.columns, {predicate.sql(dialect="athena", identify=False) for predicate in scan.predicates})
        for scan in plan_query(tree, "stage", lookup).scans
    ]


@pytest.mark.parametrize(
    ("sql", "columns", "predicates"),
    [
        ("SELECT path FROM log WHERE site = 'E1' AND bytes > '1'", {"path", "site", "bytes"}, {"\"site\" = 'E1'"}),
        ("SELECT path FROM log l WHERE l.day IN (21, 22)", {"path", "day"}, {'"day" IN (21, 22)'}),
        ("SELECT 1 FROM log WHERE day = 21 OR site = 'E1'", {"day", "site"}, {'"day" = 21 OR "site" = \'E1\''}),
        ("SELECT 1 FROM log WHERE day = 21 OR path = '/'", {"day", "path"}, set()),
        ("WITH all_of AS (SELECT * FROM log) SELECT path FROM all_of WHERE day = 21", {"path", "day"}, {'"day" = 21'}),
        ("SELECT count(*) FROM log", set(), set()),
        ("SELECT 1 FROM log WHERE day = (SELECT max(1))", {"day"}, set()),
    ],
    ids=["and", "alias", "or-of-keys", "or-with-a-column", "through-with", "count", "subquery"],
)
def test_what_a_scan_reads(sql: str, columns: set[str], predicates: set[str]) -> None:
    assert scans(sql) == [(columns, predicates)]


def test_the_outer_side_of_a_join_is_not_narrowed() -> None:
    first, second = scans("SELECT a.path FROM log a LEFT JOIN log b ON a.path = b.path WHERE b.day IS NULL")
    assert first[1] == second[1] == set()


def test_each_mention_of_a_table_is_a_scan_of_its_own() -> None:
    found = scans("SELECT 1 FROM log WHERE day = 21 UNION ALL SELECT 1 FROM log WHERE day = 22")
    assert [predicates for _, predicates in found] == [{'"day" = 21'}, {'"day" = 22'}]


def test_an_unknown_column_is_reported_by_duckdb() -> None:
    with pytest.raises(duckdb.Error, match="nope"):
        answer("SELECT nope FROM log")


def test_a_relation_without_files_has_the_tables_columns() -> None:
    empty = duckdb.sql(relation(LOG, []))
    assert (empty.columns, [str(kind) for kind in empty.types]) == (
        ["path", "bytes", "site", "day"],
        ["VARCHAR", "VARCHAR", "VARCHAR", "INTEGER"],
    )
    assert empty.fetchall() == []


def test_tables_stay_marked_when_a_query_is_written_twice() -> None:
    tree = parse_query("SELECT path FROM log")
    assert tree is not None
    query = plan_query(tree, "stage", lookup)
    assert query.to_duckdb([ROWS]) == query.to_duckdb([ROWS])
    assert list(query.tree.find_all(exp.Table))
