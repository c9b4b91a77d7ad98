"""Every question in SQL: explained, parsed as Athena would, bound safely, and written for DuckDB."""

import re
from datetime import date

import duckdb
import pytest
import sqlglot
from pyathena.formatter import DefaultParameterFormatter
from sqlglot import exp

from flows.reporting.asked import question_parameters, settings_parameters
from flows.reporting.periods import Period
from flows.reporting.queries import Question, UnknownQuestionError
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

tenants = pytest.mark.parametrize("tenant", [None, "demo"])
questions = pytest.mark.parametrize("question", Question.all(), ids=lambda question: question.name)


def bound(question: Question, distribution: str = "E1", tenant: str | None = None) -> str:
    parameters = question_parameters(distribution, PERIOD, tenant, settings_parameters(load_settings()))
    return DefaultParameterFormatter().format(question.text, parameters)


def scans(question: Question, tenant: str | None) -> list[Scan]:
    tree = parse_query(bound(question, tenant=tenant))
    assert tree is not None
    return plan_query(tree, LOG.database, lookup).scans


def lookup(database: str, name: str) -> CatalogTable | None:
    return {(table.database, table.name): table for table in (LOG, IMAGES)}.get((database, name))


def test_there_are_questions() -> None:
    assert "hit_ratio_by_format" in {question.name for question in Question.all()}


@questions
def test_its_comment_says_what_it_answers_and_what_it_scans(question: Question) -> None:
    answers, scans, _ = question.comment.partition("Scans: ")
    assert "?" in answers
    assert scans


@questions
def test_it_is_one_query_in_athenas_dialect(question: Question) -> None:
    statements = sqlglot.parse(bound(question), dialect="athena")
    assert len(statements) == 1
    assert isinstance(statements[0], exp.Query)


@questions
@tenants
def test_it_reads_one_distribution_and_the_days_asked_for(question: Question, tenant: str | None) -> None:
    (scan,) = (scan for scan in scans(question, tenant) if scan.table is LOG)
    check_injected(scan)
    bounded = [{column.name for column in predicate.find_all(exp.Column)} for predicate in scan.predicates]
    assert {"distributionid"} in bounded
    assert {"year", "month", "day"} in bounded
    assert {"year"} in bounded, "expected years of their own: Athena projects every hour of those that are left open"


@questions
def test_it_scans_the_columns_that_its_comment_says(question: Question) -> None:
    told = {"access_log": r"days asked for; (\w+) columns", "images": r"(\w+) columns? of images"}
    said = {table: re.search(pattern, question.comment) for table, pattern in told.items()}
    read: dict[str, set[str]] = {}
    for scan in scans(question, None):
        read.setdefault(scan.table.name, set()).update(scan.columns - set(scan.table.partition_keys))
    counted = {table: NUMBERS.index(found[1].lower()) for table, found in said.items() if found}
    assert counted == {table: len(columns) for table, columns in read.items()}


@questions
def test_with_a_tenant_it_reads_whose_the_images_are(question: Question) -> None:
    columns = {column for scan in scans(question, "demo") if scan.table is IMAGES for column in scan.columns}
    assert {"image_id", "tenant"} <= columns
    assert "'demo'" in bound(question, tenant="demo")


@questions
@tenants
def test_duckdb_runs_its_translation(question: Question, tenant: str | None) -> None:
    tree = parse_query(bound(question, tenant=tenant))
    assert tree is not None
    query = plan_query(tree, LOG.database, lookup)
    answer = duckdb.sql(query.to_duckdb([relation(scan.table, []) for scan in query.scans]))
    assert all(name == name.lower() and not name.startswith("_col") for name in answer.columns)
    assert answer.fetchall() == []


@questions
def test_a_parameter_cannot_leave_its_place(question: Question) -> None:
    hostile = "E1' OR distributionid <> '"
    tree = sqlglot.parse_one(bound(question, hostile), dialect="athena")
    assert hostile in {literal.name for literal in tree.find_all(exp.Literal)}


@pytest.mark.parametrize("name", ["nothing", "../verdict", "hit_ratio_by_format.sql", ""])
def test_an_unknown_question_is_refused(name: str) -> None:
    with pytest.raises(
        UnknownQuestionError, match=r"expected one of the questions .*hit_ratio_by_format.* but received"
    ):
        _ = Question(name).text


@pytest.mark.parametrize(
    ("host", "listed"),
    [("example.com", True), ("www.example.com", True), ("notexample.com", False), ("example.com.evil.org", False)],
)
def test_listed_hosts_take_in_their_subdomains_and_no_others(host: str, listed: bool) -> None:
    settings = load_settings()
    allowing = settings.model_copy(update={"waf": settings.waf.model_copy(update={"referers": ("example.com",)})})
    pattern = settings_parameters(allowing)["listed_hosts"]
    assert bool(re.search(str(pattern), host)) == listed
    assert settings_parameters(settings)["listed_hosts"] == ""
