"""``make bench ONLY=analytics``: a day's report over a million lines of log, and what it reads of them."""

import json
import os
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import boto3
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from flows.delivery_report import render_report
from flows.reporting.periods import Period
from flows.reporting.queries import Analytics, Query, QueryResult, find_analytics, run_query
from flows.reporting.reports import KINDS
from flows.reporting.results import save_results
from infra.constructs.edge.access_log import PREFIX, partition_path
from infra.local.athena.planning import Plan, Planner
from infra.local.stack import LocalStack
from infra.local.state import Ports
from operations.images_snapshot import Snapshot
from tests.bench.analytics.lines import image_rows, log_files
from tests.bench.analytics.reads import plan_query_files
from tests.bench.machine import describe_machine
from tests.bench.targets import Target

LINES, DAYS, SEED = 1_000_000, 10, 1
_FIRST_DAY, _SITE = date(2026, 3, 26), "E1BENCHMARK"  # over the end of a month
_ASKED = _FIRST_DAY + timedelta(days=DAYS // 2)
_UPLOADS = 8


def run(console: Console, out: Path) -> list[Target]:
    """Measure, print and write; return the targets."""
    machine = describe_machine()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with (
        tempfile.TemporaryDirectory() as scratch,
        Progress(*columns, console=console) as progress,
        _running(Path(scratch, "stack")) as stack,
    ):
        analytics = replace(find_analytics(stack.settings), distribution=_SITE)
        task = progress.add_task("Hours of log written", total=24 * DAYS)
        stored = _seed(stack, lambda: progress.advance(task))
        day, whole = Period(_ASKED, _ASKED), Period(_FIRST_DAY, _FIRST_DAY + timedelta(days=DAYS - 1))
        questions = Query.all()
        task = progress.add_task("Questions asked", total=len(questions))
        answers, asking = _ask_all(questions, day, analytics, stack, lambda: progress.advance(task))
        task = progress.add_task("Report rendered", total=1)
        rendering = _render(answers, day, stack, Path(scratch, "report"))
        progress.advance(task)
        task = progress.add_task("Reads counted", total=2 * len(questions))
        planner = Planner(partial(stack.client, region=analytics.region), Path(scratch, "read"))
        planned = _plans(planner, questions, day, analytics, lambda: progress.advance(task))
        everything = _plans(planner, questions, whole, analytics, lambda: progress.advance(task))
    read, of_all = (sum(each.execution.scanned_bytes for each in plans) for plans in (planned, everything))
    beyond = sum(not _is_of_the_day(file.key) for plan in planned for file in plan.files if file.key.startswith(PREFIX))
    hours = min(sum(file.key.startswith(PREFIX) for file in plan.files) for plan in planned)
    figures = {
        "report_seconds": round(asking + rendering, 3),
        "questions_seconds": round(asking, 3),
        "bytes_read_vs_whole_table": round(read / of_all, 4),
        "bytes_read_vs_stored": round(read / len(questions) / stored, 5),
        "files_beyond_the_day": beyond,
        "files_a_question": hours,
    }
    asked = {
        answer.query: {"seconds": round(answer.seconds, 3), "scanned_bytes": answer.scanned_bytes} for answer in answers
    }
    written = out / "analytics.json"
    report: dict[str, Any] = {
        **figures, "machine": machine, "lines": LINES, "days": DAYS, "stored_bytes": stored, "questions": asked
    }  # fmt: skip
    written.write_text(json.dumps(report, indent=1), encoding="utf-8")
    console.print(questions_table(answers, everything))
    console.print(
        f"One day of {DAYS}, {LINES:,} lines in {stored / 1e6:.0f} MB: {len(questions)} questions in {asking:.1f} s,"
        f" rendered in {rendering:.1f} s,"
        f" {read / 1e6:.1f} MB read, {read / of_all:.1%} of what they would read of every day"
    )
    console.print(f"Figures: {written}", soft_wrap=True)
    return [
        Target("bytes_read_vs_whole_table", figures["bytes_read_vs_whole_table"], 1.2 / DAYS),
        Target("files_beyond_the_day", beyond, 0),
        Target("files_a_question", hours, 24, "at least"),
    ]


def questions_table(answers: list[QueryResult], everything: list[Plan]) -> Table:
    """Return a row a question: seconds, what it read, and what it would read of every day."""
    table = Table(title="A day's report", title_justify="left")
    for heading in ("question", "s", "rows", "MB read", "of every day's"):
        table.add_column(heading, justify="left" if heading == "question" else "right")
    for answer, plan in zip(answers, everything, strict=True):
        share = answer.scanned_bytes / plan.execution.scanned_bytes
        table.add_row(
            answer.query, f"{answer.seconds:.2f}", f"{len(answer.rows):,}", f"{answer.scanned_bytes / 1e6:.2f}",
            f"{share:.1%}",
        )  # fmt: skip
    return table


def _seed(stack: LocalStack, advance: Any) -> int:
    """Write logs and an export of the images; return the stored bytes of the log."""
    s3, bucket = stack.client("s3", "us-east-1"), stack.parameter("logs-bucket")
    stored = 0
    with ThreadPoolExecutor(_UPLOADS) as pool:
        for key, body in log_files(SEED, LINES, _FIRST_DAY, DAYS, _SITE, stack.settings):
            stored += len(body)
            pool.submit(s3.put_object, Bucket=bucket, Key=key, Body=body).add_done_callback(lambda _: advance())
    snapshot = Snapshot.begin(stack.parameter("images-list"), datetime.now(UTC))
    snapshot.publish(s3, snapshot.write(s3, "seeded", image_rows(SEED, stack.settings)))
    return stored


def _ask_all(
    questions: list[Query], day: Period, analytics: Analytics, stack: LocalStack, advance: Any
) -> tuple[list[QueryResult], float]:
    """Ask all of ``questions``, as many side by side as the settings say; return the answers and how long all took."""
    chosen = stack.settings.analytics
    began = time.perf_counter()

    def answer(question: Query) -> QueryResult:
        found = run_query(question, day, analytics, attempts=chosen.attempts)
        advance()
        return found

    with ThreadPoolExecutor(chosen.concurrent_queries) as pool:
        answers = list(pool.map(answer, questions))
    return answers, time.perf_counter() - began


def _render(answers: list[QueryResult], day: Period, stack: LocalStack, folder: Path) -> float:
    """Make the page of the delivery report as its flow does; return the seconds."""
    began = time.perf_counter()
    save_results(folder / "results", answers, {})
    _, failure = render_report.fn(KINDS["delivery"], day, None, stack.settings.stage, folder)
    if failure:
        raise RuntimeError(f"expected a report but {failure}")
    return time.perf_counter() - began


def _plans(planner: Planner, questions: list[Query], period: Period, analytics: Analytics, advance: Any) -> list[Plan]:
    """Return what each question about ``period`` reads."""
    plans = []
    for question in questions:
        plans.append(plan_query_files(planner, question, period, analytics))
        advance()
    return plans


def _is_of_the_day(key: str) -> bool:
    folder = partition_path(_SITE, datetime(_ASKED.year, _ASKED.month, _ASKED.day, tzinfo=UTC))
    return key.startswith(folder.partition("hour=")[0])


@contextmanager
def _running(home: Path) -> Iterator[LocalStack]:
    """Start a stack that AWS clients of this process find."""
    stack = LocalStack.start(Ports.any_free(), home)
    before = dict(os.environ)
    os.environ.update(stack.environment())
    boto3.setup_default_session()
    try:
        yield stack
    finally:
        os.environ.clear()
        os.environ.update(before)
        boto3.setup_default_session()
        stack.stop()
