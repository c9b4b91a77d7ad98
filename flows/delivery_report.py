"""Delivery report: query the edge's access log for a day or a range of days, render a notebook, publish the page.

Run it from its deployments, or by hand: ``python -m flows.delivery_report --day 2026-11-23``. It can be repeated
safely: a report replaces an earlier one about the same days, its page last.
"""

import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from prefect import flow, task
from prefect.artifacts import create_link_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed, Failed
from prefect.task_runners import ThreadPoolTaskRunner
from pydantic import Field

from flows.reporting.periods import Period, PeriodError
from flows.reporting.publishing import RECORD, sign_link, upload_files, write_index
from flows.reporting.queries import Analytics, Query, QueryResult, find_analytics, run_query
from flows.reporting.rendering import NotebookFailedError, execute_notebook, read_figures, render_html
from flows.reporting.reports import KINDS, FinishedReport, ReportKind
from flows.reporting.results import (
    PREVIOUS,
    Results,
    fetch_thumbnails,
    load_data,
    load_results,
    save_results,
    save_thumbnails,
    top_images,
)
from flows.runtime.artifacts import markdown_table, show_summary, show_table
from flows.runtime.command_line import run_from_command_line
from flows.runtime.policies import ATHENA, REPORT_INDEX, create_missing_limits
from flows.runtime.role import take_role
from lambdas.core.settings import DEFAULT_STAGE, Settings, SettingsError, load_settings
from operations.discovery import NotDeployedError, UnknownTenantError, chosen_tenants

REPORTS = Path("build") / "reports"
_RESULTS = "results"
_SHOWN_ROWS = 20


def _run_name() -> str:
    chosen = flow_run.parameters
    days = " to ".join(str(chosen[name]) for name in ("day", "last_day") if chosen.get(name))
    if not days:
        days = "yesterday" if chosen.get("days", 1) == 1 else f"{chosen['days']} days to yesterday"
    return " ".join(filter(None, (chosen.get("notebook"), days, chosen.get("tenant"), chosen.get("stage"))))


@task(task_run_name="query {name}, {period.slug}", cache_policy=NO_CACHE)
def run_named_query(
    name: str, period: Period, analytics: Analytics, settings: Settings, tenant: str | None
) -> QueryResult:
    """Run one query, with the stage's limit on concurrent queries; throttled calls are retried."""
    with ATHENA.hold(settings):
        return run_query(Query(name), period, analytics, attempts=settings.analytics.attempts, tenant=tenant)


@task(cache_policy=NO_CACHE)
def collect_thumbnails(folder: Path, settings: Settings) -> int:
    """Save thumbnails of the most requested images beside the results in ``folder``; return their number."""
    thumbnails = fetch_thumbnails(top_images(load_results(folder)), settings)
    save_thumbnails(folder, thumbnails)
    return len(thumbnails)


@task(cache_policy=NO_CACHE)
def render_report(
    kind: ReportKind, period: Period, tenant: str | None, stage: str, folder: Path
) -> tuple[dict[str, Any], str]:
    """Execute the notebook on the results in ``folder`` and write its page; return its figures and its failure."""
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
                "results_folder": str(folder / _RESULTS),
            },
        )
        figures = read_figures(notebook)
    except NotebookFailedError as error:
        failure = str(error)
    render_html(notebook, folder / f"{kind.notebook}.html", f"{kind.title}, {period.label}", failure)
    return figures, failure


@task(retries=2, retry_delay_seconds=[2, 10], cache_policy=NO_CACHE)
def publish_report(report: FinishedReport, folder: Path, analytics: Analytics, settings: Settings) -> str:
    """Upload everything to the reports bucket, the page after its sources; update the index and return its link."""
    record = folder / RECORD
    record.write_text(report.record().model_dump_json(indent=2), encoding="utf-8")
    results = sorted(path for path in (folder / _RESULTS).rglob("*") if path.is_file())
    files = [*results, report.page.with_suffix(".ipynb"), report.page, record]
    upload_files(folder, files, analytics.reports_bucket, report.prefix, analytics.region)
    with REPORT_INDEX.hold(settings):  # a concurrent writer would lose the other's report
        return write_index(settings, analytics)


@flow(name="delivery-report", flow_run_name=_run_name, validate_parameters=True, on_running=[take_role])
def delivery_report(
    day: date | None = None,
    last_day: date | None = None,
    days: Annotated[int, Field(ge=1, le=366)] = 1,
    tenant: str | None = None,
    notebook: Literal["delivery", "tenants"] = "delivery",
    stage: str = DEFAULT_STAGE,
    folder: Path | None = None,
) -> State[FinishedReport]:
    """Report on what the edge delivered.

    A failed query or notebook still gives a report that says so; the run then ends as Incomplete or Failed.

    Args:
        day: First day (UTC); yesterday if left out.
        last_day: Last day of a range that begins with day; day alone if left out.
        days: Number of days ending with last_day or yesterday; used if day is left out.
        tenant: Only this tenant's pictures; all if left out.
        notebook: delivery shows whether delivery was fine, and why; tenants shows usage and cost by tenant.
        stage: Stage to report on, such as dev, staging or production.
        folder: Where the report is written, besides the reports bucket; build/reports/<notebook>/<days> if left out.

    Invalid days, an unknown tenant, invalid settings and a stage that is not deployed end as Failed with a message, and
    write nothing.
    """
    try:
        period = Period.of(day, last_day, days)
        settings = load_settings(stage=stage)
        chosen_tenants(settings, tenant)
        analytics = find_analytics(settings)
    except (PeriodError, SettingsError, UnknownTenantError, NotDeployedError) as error:
        return Failed(message=str(error))
    create_missing_limits(settings)
    kind = KINDS[notebook]
    name = f"{period.slug}_{tenant}" if tenant else period.slug
    folder = (folder or REPORTS / kind.notebook / name).resolve()
    given = {"analytics": analytics, "settings": settings, "tenant": tenant}
    _run_queries(kind.queries, period, folder / _RESULTS, given)
    _run_queries(kind.compared, period.previous, folder / _RESULTS / PREVIOUS, given)
    collect_thumbnails(folder / _RESULTS, settings)
    figures, failure = render_report(kind, period, tenant, stage, folder)
    data = load_data(folder / _RESULTS)
    report = FinishedReport(
        title=kind.title,
        period=period.label,
        first_day=period.first_day,
        last_day=period.last_day,
        tenant=tenant,
        page=folder / f"{kind.notebook}.html",
        bucket=analytics.reports_bucket,
        prefix=f"{kind.notebook}/{name}",
        figures=figures,
        failed_queries=data.failed,
        failure=failure,
    )
    index = publish_report(report, folder, analytics, settings)
    _show(kind, report, data.current, index, analytics.region)
    if failure:
        return Failed(message=f"{failure}; incomplete report: {report.uri}", data=report)
    if report.failed_queries:
        first, reason = next(iter(report.failed_queries.items()))
        return Completed(
            name="Incomplete",
            message=f"{len(report.failed_queries)} failed queries, such as {first}: {reason}; report: {report.uri}",
            data=report,
        )
    return Completed(message=str(figures.get("sentence", report.uri)), data=report)


def _run_queries(names: Sequence[str], period: Period, folder: Path, given: dict[str, Any]) -> None:
    """Run queries concurrently and save their results and failures in ``folder``."""
    settings: Settings = given["settings"]
    threads: ThreadPoolTaskRunner[Any] = ThreadPoolTaskRunner(settings.analytics.concurrent_queries)
    with threads as runner:
        submitted = {name: runner.submit(run_named_query, {"name": name, "period": period, **given}) for name in names}
        outcomes = {name: future.result(raise_on_failure=False) for name, future in submitted.items()}
    save_results(
        folder,
        [outcome for outcome in outcomes.values() if isinstance(outcome, QueryResult)],
        {name: str(outcome) for name, outcome in outcomes.items() if not isinstance(outcome, QueryResult)},
    )


def _show(kind: ReportKind, report: FinishedReport, results: Results, index: str, region: str) -> None:
    create_link_artifact(
        key=f"{kind.notebook}-report",
        link=sign_link(report.bucket, report.key, region),
        link_text=f"{kind.title} report, {report.period}",
        description=f"The page; the link is valid for a week. Stored at {report.uri}",
    )
    create_link_artifact(
        key="reports",
        link=index,
        link_text="All reports",
        description="The index of reports; the link is valid for a week",
    )
    lines = [f"- Failed query: {name}: {reason}" for name, reason in report.failed_queries.items()]
    lines += [f"- Failed: {report.failure}"] if report.failure else []
    figures = {name: value for name, value in report.figures.items() if isinstance(value, int | float)}
    if figures:
        rows = [(name.replace("_", " "), _format_figure(name, value)) for name, value in figures.items()]
        lines += ["", *markdown_table(("figure", "value"), rows)]
    show_summary(f"{kind.notebook}-verdict", report.sentence, lines, description="Was it fine?")
    table = results[kind.table]
    if table is not None:
        table_rows = [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]
        key = kind.table.replace("_", "-")
        show_table(key, table_rows, Query(kind.table).purpose, shown=_SHOWN_ROWS, complete=report.uri)


def _format_figure(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name.endswith(("_ratio", "_share")):
        return f"{value:.1%}"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"


if __name__ == "__main__":
    sys.exit(run_from_command_line(delivery_report))
