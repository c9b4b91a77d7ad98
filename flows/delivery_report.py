"""What the edge delivered in a day or a range of days: asked of Athena, rendered, published.

Run by Prefect from its deployment, or by hand: ``python -m flows.delivery_report --day 2026-11-23``.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed, Failed
from prefect.task_runners import ThreadPoolTaskRunner
from pydantic import BaseModel, ConfigDict

from flows.answers import load_answers, save_answers
from flows.discovery import Analytics, NotDeployedError, find_analytics
from flows.periods import Period, PeriodError
from flows.publishing import sign_link, upload_files
from flows.questions import Answer, Question, ask
from flows.rendering import NotebookFailedError, execute_notebook, read_figures, render_html
from lambdas.settings import DEFAULT_STAGE, SettingsError, load_settings

QUESTIONS = ("hit_ratio_by_format",)
NOTEBOOK = "delivery"
REPORTS = Path("build") / "reports" / NOTEBOOK


class DeliveryReport(BaseModel):
    """A report as it was made.

    ``page`` is the HTML file, ``uri`` its copy in the reports bucket, ``figures`` the notebook's named
    figures, ``unanswered`` the reason by question, ``failure`` what kept the notebook from its end.
    """

    model_config = ConfigDict(frozen=True)

    page: Path
    uri: str
    figures: dict[str, Any] = {}
    unanswered: dict[str, str] = {}
    failure: str = ""


def _run_name() -> str:
    parameters = flow_run.parameters
    days = filter(None, (parameters.get("day"), parameters.get("last_day")))
    return f"delivery {' to '.join(map(str, days)) or 'yesterday'} {parameters.get('stage')}"


@task(task_run_name="ask {name}")
def ask_question(name: str, period: Period, analytics: Analytics, attempts: int) -> Answer:
    """Put one question to Athena; a throttled call is tried again, each time later."""
    return ask(Question(name), period, analytics, attempts=attempts)


@task
def render_report(period: Period, stage: str, folder: Path) -> tuple[dict[str, Any], str]:
    """Execute the notebook on the answers in ``folder`` and write its page; return its figures and what failed."""
    notebook = folder / f"{NOTEBOOK}.ipynb"
    figures: dict[str, Any] = {}
    failure = ""
    try:
        execute_notebook(
            NOTEBOOK,
            notebook,
            {
                "first_day": str(period.first_day),
                "last_day": str(period.last_day),
                "stage": stage,
                "answers_folder": str(folder / "answers"),
            },
        )
        figures = read_figures(notebook)
    except NotebookFailedError as error:
        failure = str(error)
    render_html(notebook, folder / f"{NOTEBOOK}.html", f"Delivery, {period.label}", failure)
    return figures, failure


@task(retries=2, retry_delay_seconds=[2, 10])
def publish_report(folder: Path, analytics: Analytics, prefix: str) -> str:
    """Put answers, notebook and page into the reports bucket, the page last; return the page's address in S3."""
    page = folder / f"{NOTEBOOK}.html"
    files = [*sorted((folder / "answers").iterdir()), folder / f"{NOTEBOOK}.ipynb", page]
    upload_files(folder, files, analytics.reports_bucket, prefix, analytics.region)
    return f"s3://{analytics.reports_bucket}/{prefix}/{page.name}"


@flow(
    name="delivery-report",
    flow_run_name=_run_name,
    validate_parameters=True,
)
def delivery_report(
    day: date | None = None,
    last_day: date | None = None,
    stage: str = DEFAULT_STAGE,
    folder: Path | None = None,
) -> State[DeliveryReport]:
    """Report on what the edge delivered.

    A question that fails, or a notebook that stops, still gives a report, which says so; the run then ends as
    Incomplete or Failed.

    Args:
        day: the day (UTC); yesterday if left out.
        last_day: the last day of a range that begins with ``day``; ``day`` alone if left out.
        stage: whose edge: dev, staging, production …
        folder: where the report is written, beside its copy in the reports bucket;
            ``build/reports/delivery/<days>`` if left out.

    Days that cannot be reported on, wrong settings and a stage that is not deployed end as Failed, in a sentence.
    """
    try:
        period = Period.of(day, last_day)
        settings = load_settings(stage=stage)
        analytics = find_analytics(settings)
    except (PeriodError, SettingsError, NotDeployedError) as error:
        return Failed(message=str(error))
    folder = (folder or REPORTS / period.slug).resolve()
    given = {"period": period, "analytics": analytics, "attempts": settings.analytics.attempts}
    threads: ThreadPoolTaskRunner[Any] = ThreadPoolTaskRunner(settings.analytics.concurrent_questions)
    with threads as runner:
        asked = {name: runner.submit(ask_question, {"name": name, **given}) for name in QUESTIONS}
        outcomes = {name: future.result(raise_on_failure=False) for name, future in asked.items()}
    save_answers(
        folder / "answers",
        [outcome for outcome in outcomes.values() if isinstance(outcome, Answer)],
        {name: str(outcome) for name, outcome in outcomes.items() if not isinstance(outcome, Answer)},
    )
    figures, failure = render_report(period, stage, folder)
    uri = publish_report(folder, analytics, f"{NOTEBOOK}/{period.slug}")
    answers = load_answers(folder / "answers")
    report = DeliveryReport(
        page=folder / f"{NOTEBOOK}.html",
        uri=uri,
        figures=figures,
        unanswered=dict(answers.unanswered),
        failure=failure,
    )
    _show(report, analytics, {name: rows.to_dict("records") for name, rows in answers.rows.items()})
    if failure:
        return Failed(message=f"{failure}; what there is of the report: {uri}", data=report)
    if report.unanswered:
        return Completed(
            name="Incomplete", message=f"unanswered: {', '.join(sorted(report.unanswered))}; report: {uri}", data=report
        )
    return Completed(message=str(figures.get("sentence", uri)), data=report)


def _show(report: DeliveryReport, analytics: Analytics, rows: Mapping[str, Sequence[Mapping[Any, Any]]]) -> None:
    """Leave the report's link, its sentence and its table as artifacts of the run."""
    key = report.uri.removeprefix(f"s3://{analytics.reports_bucket}/")
    create_link_artifact(
        key="delivery-report",
        link=sign_link(analytics.reports_bucket, key, analytics.region),
        link_text="Delivery report",
        description=f"The page, for a week; it stays at {report.uri}",
    )
    lines = [f"**{report.figures.get('sentence', 'The notebook did not reach its end.')}**", ""]
    lines += [f"- Unanswered: {name}: {reason}" for name, reason in report.unanswered.items()]
    lines += [f"- Failed: {report.failure}"] if report.failure else []
    create_markdown_artifact(key="delivery-verdict", markdown="\n".join(lines), description="Was it fine?")
    for name, table in rows.items():
        create_table_artifact(
            key=name.replace("_", "-"), table=[dict(row) for row in table], description=Question(name).comment
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the flow from a command line, print the page's path, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m flows.delivery_report", description=delivery_report.description)
    parser.add_argument(
        "--day", type=date.fromisoformat, help="the day (UTC), such as 2026-11-23; yesterday if left out"
    )
    parser.add_argument("--last-day", type=date.fromisoformat, help="the last day of a range that begins with --day")
    parser.add_argument("--stage", default=DEFAULT_STAGE, help="whose edge (default: %(default)s)")
    parser.add_argument("--out", type=Path, help="folder to write the report into")
    chosen = parser.parse_args(arguments)
    state = delivery_report(chosen.day, chosen.last_day, chosen.stage, chosen.out, return_state=True)
    report = state.result(raise_on_failure=False)
    if not isinstance(report, DeliveryReport):
        print(state.message, file=sys.stderr)
        return 2
    print(report.page)
    for name, reason in report.unanswered.items():
        print(f"{name}: {reason}", file=sys.stderr)
    if report.failure:
        print(report.failure, file=sys.stderr)
    return 1 if report.failure or report.unanswered else 0


if __name__ == "__main__":
    sys.exit(main())
