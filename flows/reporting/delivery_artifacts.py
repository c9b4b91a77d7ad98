"""What a report leaves on the page of its run: links, the answer in a sentence, key figures, a small table."""

from typing import Any

from prefect.artifacts import create_link_artifact

from flows.reporting.made_report import MadeReport
from flows.reporting.publishing import sign_link
from flows.reporting.queries import Question
from flows.reporting.report_kinds import ReportKind
from flows.reporting.results import Answers
from flows.runtime.artifacts import markdown_table, show_rows, show_story

_ROWS = 20


def show_report(kind: ReportKind, report: MadeReport, answers: Answers, index: str, region: str) -> None:
    """Leave the artifacts of ``report``; ``index`` is the link to the page of all reports."""
    create_link_artifact(
        key=f"{kind.notebook}-report",
        link=sign_link(report.bucket, report.key, region),
        link_text=f"{kind.title} report, {report.period}",
        description=f"The page, for a week; it stays at {report.uri}",
    )
    create_link_artifact(
        key="reports", link=index, link_text="All reports", description="The index of past reports, for a week"
    )
    lines = [f"- Unanswered: {name}: {reason}" for name, reason in report.unanswered.items()]
    lines += [f"- Failed: {report.failure}"] if report.failure else []
    shown = {name: value for name, value in report.figures.items() if isinstance(value, int | float)}
    if shown:
        rows = [(name.replace("_", " "), _written(name, value)) for name, value in shown.items()]
        lines += ["", *markdown_table(("figure", "value"), rows)]
    show_story(f"{kind.notebook}-verdict", report.sentence, lines, what="Was it fine?")
    table = answers[kind.table]
    if table is not None:
        rows_of_it = [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]
        key = kind.table.replace("_", "-")
        show_rows(key, rows_of_it, Question(kind.table).comment, shown=_ROWS, whole=report.uri)


def _written(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name.endswith(("_ratio", "_share")):
        return f"{value:.1%}"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"
