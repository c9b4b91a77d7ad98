"""Every query: its header, its syntax in Athena's dialect, safe parameters, and its translation for DuckDB."""

import re
from datetime import date

import duckdb
import pytest
import sqlglot
from pyathena.formatter import DefaultParameterFormatter
from sqlglot import exp

from flows.reporting.periods import Period
from flows.reporting.queries import Query, UnknownQueryError, query_parameters, settings_parameters
from infra.constructs.edge.access_log import COLUMNS, PARTITION_KEYS, TABLE
from infra.local.athena.query import parse_query, plan_query
from infra.local.athena.tables import CatalogTable, Scan, check_injected, relation
from lambdas.core.records import COLUMNS as IMAGE_COLUMNS
from lambdas.core.settings import load_settings

PERIOD = Period(date(2026, 12, 30), date(2027, 1, 2))
IMAGES = CatalogTable(
    database="darkroom_dev",
    name="images",
    bucket="logs",
    prefix="images/current/",
    columns={column.name: column.type for column in IMAGE_COLUMNS},
    partition_keys={},
    injected=frozenset(),
    listed=True,
)
LOG = CatalogTable(
    database="darkroom_dev",
    name=TABLE,
    bucket="logs",
    prefix="cloudfront/",
    columns=dict.fromkeys(COLUMNS, "string"),
    partition_keys={key: "string" if key == "distributionid" else "int" for key in PARTITION_KEYS},
    injected=frozenset({"distributionid"}),
)

NUMBERS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
STANDARD = {"distribution", "first_year", "last_year", "first_day", "last_day", "tenant"}

tenants = pytest.mark.parametrize("tenant", [None, "demo"])
queries = pytest.mark.parametrize("query", Query.all(), ids=lambda query: query.name)


def bound(query: Query, distribution: str = "E1", tenant: str | None = None) -> str:
    parameters = query_parameters(distribution, PERIOD, tenant, settings_parameters(load_settings()))
    return DefaultParameterFormatter().format(query.text, parameters)


def scans(query: Query, tenant: str | None) -> list[Scan]:
    tree = parse_query(bound(query, tenant=tenant))
    assert tree is not None
    return plan_query(tree, LOG.database, lookup).scans


def lookup(database: str, name: str) -> CatalogTable | None:
    return {(table.database, table.name): table for table in (LOG, IMAGES)}.get((database, name))


def listed(query: Query, heading: str) -> list[str]:
    """Return what a line of the header lists."""
    found = re.search(rf"{heading}: ([^.]*)\.", query.header)
    assert found, f"expected {heading} in the header of {query.name}"
    return found[1].split(", ")


def test_there_are_queries() -> None:
    assert "hit_ratio_by_format" in {query.name for query in Query.all()}


@queries
def test_the_header_asks_a_question_and_lists_what_is_scanned(query: Query) -> None:
    assert "?" in query.purpose
    assert query.header.partition("Scans: ")[2]


@queries
def test_the_header_lists_the_parameters(query: Query) -> None:
    used = set(re.findall(r"%\((\w+)\)[sd]", query.text))
    standard, *others = listed(query, "Parameters")
    assert standard == "standard"
    assert used == STANDARD | set(others)


@queries
def test_it_is_one_query_in_athenas_dialect(query: Query) -> None:
    statements = sqlglot.parse(bound(query), dialect="athena")
    assert len(statements) == 1
    assert isinstance(statements[0], exp.Query)


@queries
@tenants
def test_it_reads_one_distribution_and_the_queried_days(query: Query, tenant: str | None) -> None:
    (scan,) = (scan for scan in scans(query, tenant) if scan.table is LOG)
    check_injected(scan)
    bounded = [{column.name for column in predicate.find_all(exp.Column)} for predicate in scan.predicates]
    assert {"distributionid"} in bounded
    assert {"year", "month", "day"} in bounded
    assert {"year"} in bounded, "expected a condition on the year alone: without it, Athena projects every year"


@queries
def test_it_scans_as_many_columns_as_its_header_says(query: Query) -> None:
    patterns = {"access_log": r"of the days; (\w+) columns", "images": r"(\w+) columns? of images"}
    said = {table: re.search(pattern, query.header) for table, pattern in patterns.items()}
    read: dict[str, set[str]] = {}
    for scan in scans(query, None):
        read.setdefault(scan.table.name, set()).update(scan.columns - set(scan.table.partition_keys))
    counted = {table: NUMBERS.index(found[1].lower()) for table, found in said.items() if found}
    assert counted == {table: len(columns) for table, columns in read.items()}


@queries
def test_with_a_tenant_it_reads_the_tenants_of_images(query: Query) -> None:
    columns = {column for scan in scans(query, "demo") if scan.table is IMAGES for column in scan.columns}
    assert {"image_id", "tenant"} <= columns
    assert "'demo'" in bound(query, tenant="demo")


@queries
@tenants
def test_duckdb_runs_its_translation_and_returns_the_listed_columns(query: Query, tenant: str | None) -> None:
    tree = parse_query(bound(query, tenant=tenant))
    assert tree is not None
    plan = plan_query(tree, LOG.database, lookup)
    result = duckdb.sql(plan.to_duckdb([relation(scan.table, []) for scan in plan.scans]))
    assert all(name == name.lower() and not name.startswith("_col") for name in result.columns)
    assert result.columns == listed(query, "Columns")
    assert result.fetchall() == []


@queries
def test_a_parameter_cannot_inject_sql(query: Query) -> None:
    hostile = "E1' OR distributionid <> '"
    tree = sqlglot.parse_one(bound(query, hostile), dialect="athena")
    assert hostile in {literal.name for literal in tree.find_all(exp.Literal)}


@pytest.mark.parametrize("name", ["nothing", "../verdict", "hit_ratio_by_format.sql", ""])
def test_an_unknown_query_is_refused(name: str) -> None:
    with pytest.raises(UnknownQueryError, match=r"expected one of the queries .*hit_ratio_by_format.* but received"):
        _ = Query(name).text


@pytest.mark.parametrize(
    ("host", "expected"),
    [("example.com", True), ("www.example.com", True), ("notexample.com", False), ("example.com.evil.org", False)],
)
def test_listed_hosts_match_subdomains_and_nothing_else(host: str, expected: bool) -> None:
    settings = load_settings()
    allowing = settings.model_copy(update={"waf": settings.waf.model_copy(update={"referers": ("example.com",)})})
    pattern = settings_parameters(allowing)["listed_hosts"]
    assert bool(re.search(str(pattern), host)) == expected
    assert settings_parameters(settings)["listed_hosts"] == ""
