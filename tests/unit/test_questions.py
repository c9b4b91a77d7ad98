"""Every question in SQL: explained, parsed as Athena would, bound safely, and written for DuckDB."""

from datetime import date

import duckdb
import pytest
import sqlglot
from pyathena.formatter import DefaultParameterFormatter
from sqlglot import exp

from flows.periods import Period
from flows.questions import Question, UnknownQuestionError
from infra.access_log import COLUMNS, PARTITION_KEYS, TABLE
from infra.local.athena.catalog import CatalogTable
from infra.local.athena.partitions import check_injected, relation
from infra.local.athena.query import parse_query, plan_query

PERIOD = Period(date(2026, 12, 30), date(2027, 1, 2))
LOG = CatalogTable(
    database="darkroom_dev",
    name=TABLE,
    bucket="logs",
    prefix="cloudfront/",
    columns=dict.fromkeys(COLUMNS, "string"),
    partition_keys={key: "string" if key == "distributionid" else "int" for key in PARTITION_KEYS},
    injected=frozenset({"distributionid"}),
)

questions = pytest.mark.parametrize("question", Question.all(), ids=lambda question: question.name)


def bound(question: Question, distribution: str = "E1") -> str:
    return DefaultParameterFormatter().format(question.text, {"distribution": distribution, **PERIOD.parameters})


def lookup(database: str, name: str) -> CatalogTable | None:
    return LOG if (database, name) == (LOG.database, LOG.name) else None


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
def test_it_reads_one_distribution_and_the_days_asked_for(question: Question) -> None:
    tree = parse_query(bound(question))
    assert tree is not None
    scans = plan_query(tree, LOG.database, lookup).scans
    assert scans
    for scan in scans:
        check_injected(scan)
        bounded = {column.name for predicate in scan.predicates for column in predicate.find_all(exp.Column)}
        assert {"distributionid", "year", "month", "day"} <= bounded


@questions
def test_duckdb_runs_its_translation(question: Question) -> None:
    tree = parse_query(bound(question))
    assert tree is not None
    query = plan_query(tree, LOG.database, lookup)
    answer = duckdb.sql(query.to_duckdb([relation(LOG, []) for _ in query.scans]))
    assert all(name == name.lower() and not name.startswith("_col") for name in answer.columns)


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
