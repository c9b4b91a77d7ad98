"""What the edge delivered in a day or a range of days: asked of Athena, rendered, published.

Run by Prefect from its deployments, or by hand: ``python -m flows.delivery_report --day 2026-11-23``. Safe to run
again: the report of the same days takes the old one's place, its page last.
"""

import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed, Failed
from prefect.task_runners import ThreadPoolTaskRunner
from pydantic import Field

from flows.reporting.asking import top_images
from flows.reporting.delivery_artifacts import show_report
from flows.reporting.findings import BEFORE, load_findings, save_thumbnails
from flows.reporting.made_report import MadeReport
from flows.reporting.periods import Period, PeriodError
from flows.reporting.publishing import upload_files
from flows.reporting.queries import Answer, Question, ask
from flows.reporting.rendering import (
    NotebookFailedError,
    execute_notebook,
    read_figures,
    render_html,
)
from flows.reporting.report_index import RECORD, write_index
from flows.reporting.report_kinds import KINDS, ReportKind
from flows.reporting.results import load_answers, save_answers
from flows.reporting.thumbnails import fetch_thumbnails
from flows.runtime.command_line import run_from_command_line
from flows.runtime.limits import ATHENA, REPORT_INDEX, make_missing_limits
from lambdas.core.settings import (
    DEFAULT_STAGE,
    Settings,
    SettingsError,
    load_settings,
)
from operations.discovery import Analytics, NotDeployedError, find_analytics
from operations.tenants import UnknownTenantError, chosen_tenants

REPORTS = Path("build") / "reports"


def _run_name() -> str:
    chosen = flow_run.parameters
    days = " to ".join(str(chosen[name]) for name in ("day", "last_day") if chosen.get(name))
    if not days:
        days = "yesterday" if chosen.get("days", 1) == 1 else f"{chosen['days']} days to yesterday"
    return " ".join(filter(None, (chosen.get("notebook"), days, chosen.get("tenant"), chosen.get("stage"))))


@task(task_run_name="ask {name}, {period.slug}", cache_policy=NO_CACHE)
def ask_question(name: str, period: Period, analytics: Analytics, settings: Settings, tenant: str | None) -> Answer:
    """Put one question to Athena, no more at once than the stage allows; a throttled call is tried again, later."""
    with ATHENA.hold(settings):
        return ask(Question(name), period, analytics, attempts=settings.analytics.attempts, tenant=tenant)


@task(cache_policy=NO_CACHE)
def collect_thumbnails(folder: Path, settings: Settings) -> int:
    """Put small pictures of the images asked for most beside the answers in ``folder``; return how many there are."""
    thumbnails = fetch_thumbnails(top_images(load_answers(folder)), settings)
    save_thumbnails(folder, thumbnails)
    return len(thumbnails)


@task(cache_policy=NO_CACHE)
def render_report(
    kind: ReportKind, period: Period, tenant: str | None, stage: str, folder: Path
) -> tuple[dict[str, Any], str]:
    """Execute the notebook on the answers in ``folder`` and write its page; return its figures and what failed."""
    notebook = folder / f"{kind.notebook}.ipynb"
    figures: dict[str, Any] = {}
    failure = ""
    try:
        execute_notebook(
            kind.notebook,
            notebook,
            {
                "first_day": str(period.first_day),
                "last_day": str(period.last_day),
                "tenant": tenant or "",
                "stage": stage,
                "answers_folder": str(folder / "answers"),
            },
        )
        figures = read_figures(notebook)
    except NotebookFailedError as error:
        failure = str(error)
    render_html(notebook, folder / f"{kind.notebook}.html", f"{kind.title}, {period.label}", failure)
    return figures, failure


@task(retries=2, retry_delay_seconds=[2, 10], cache_policy=NO_CACHE)
def publish_report(report: MadeReport, folder: Path, analytics: Analytics, settings: Settings) -> str:
    """Put it all into the reports bucket, the page after what it was made of; renew the index; return its link."""
    record = folder / RECORD
    record.write_text(report.record().model_dump_json(indent=2), encoding="utf-8")
    answers = sorted(path for path in (folder / "answers").rglob("*") if path.is_file())
    files = [*answers, report.page.with_suffix(".ipynb"), report.page, record]
    upload_files(folder, files, analytics.reports_bucket, report.prefix, analytics.region)
    with REPORT_INDEX.hold(settings):  # of two that write it at once, the slower would forget the other's report
        return write_index(settings, analytics)


@flow(name="delivery-report", flow_run_name=_run_name, validate_parameters=True)
def delivery_report(
    day: date | None = None,
    last_day: date | None = None,
    days: Annotated[int, Field(ge=1, le=366)] = 1,
    tenant: str | None = None,
    notebook: Literal["delivery", "tenants"] = "delivery",
    stage: str = DEFAULT_STAGE,
    folder: Path | None = None,
) -> State[MadeReport]:
    """Report on what the edge delivered.

    A question that fails, or a notebook that stops, still gives a report, which says so; the run then ends as
    Incomplete or Failed.

    Args:
        day: the first day (UTC); yesterday if left out.
        last_day: the last day of a range that begins with ``day``; ``day`` alone if left out.
        days: how many days, ending with ``last_day`` or yesterday; counts where ``day`` is left out.
        tenant: whose pictures alone; everybody's if left out.
        notebook: delivery tells whether it was fine, and why; tenants tells who used what, and what it cost.
        stage: whose edge: dev, staging, production …
        folder: where the report is written, beside its copy in the reports bucket;
            ``build/reports/<notebook>/<days>`` if left out.

    Days that cannot be reported on, an unknown tenant, wrong settings and a stage that is not deployed end as Failed,
    in a sentence, and write nothing.
    """
    try:
        period = Period.of(day, last_day, days)
        settings = load_settings(stage=stage)
        chosen_tenants(settings, tenant)
        analytics = find_analytics(settings)
    except (PeriodError, SettingsError, UnknownTenantError, NotDeployedError) as error:
        return Failed(message=str(error))
    make_missing_limits(settings)
    kind = KINDS[notebook]
    name = f"{period.slug}_{tenant}" if tenant else period.slug
    folder = (folder or REPORTS / kind.notebook / name).resolve()
    asked = {"analytics": analytics, "settings": settings, "tenant": tenant}
    _ask_all(kind.questions, period, folder / "answers", asked)
    _ask_all(kind.compared, period.before, folder / "answers" / BEFORE, asked)
    collect_thumbnails(folder / "answers", settings)
    figures, failure = render_report(kind, period, tenant, stage, folder)
    findings = load_findings(folder / "answers")
    report = MadeReport(
        title=kind.title,
        period=period.label,
        first_day=period.first_day,
        last_day=period.last_day,
        tenant=tenant,
        page=folder / f"{kind.notebook}.html",
        bucket=analytics.reports_bucket,
        prefix=f"{kind.notebook}/{name}",
        figures=figures,
        unanswered=findings.unanswered,
        failure=failure,
    )
    index = publish_report(report, folder, analytics, settings)
    show_report(kind, report, findings.now, index, analytics.region)
    if failure:
        return Failed(message=f"{failure}; what there is of the report: {report.uri}", data=report)
    if report.unanswered:
        first, reason = next(iter(report.unanswered.items()))
        return Completed(
            name="Incomplete",
            message=f"{len(report.unanswered)} unanswered, as {first}: {reason}; report: {report.uri}",
            data=report,
        )
    return Completed(message=str(figures.get("sentence", report.uri)), data=report)


def _ask_all(names: Sequence[str], period: Period, folder: Path, given: dict[str, Any]) -> None:
    """Ask about ``period``, a few questions at a time, and save in ``folder`` what was answered and what was not."""
    settings: Settings = given["settings"]
    threads: ThreadPoolTaskRunner[Any] = ThreadPoolTaskRunner(settings.analytics.concurrent_questions)
    with threads as runner:
        asked = {name: runner.submit(ask_question, {"name": name, "period": period, **given}) for name in names}
        outcomes = {name: future.result(raise_on_failure=False) for name, future in asked.items()}
    save_answers(
        folder,
        [outcome for outcome in outcomes.values() if isinstance(outcome, Answer)],
        {name: str(outcome) for name, outcome in outcomes.items() if not isinstance(outcome, Answer)},
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the flow from a command line and return the exit status."""
    return run_from_command_line(delivery_report, arguments)


if __name__ == "__main__":
    sys.exit(main())
