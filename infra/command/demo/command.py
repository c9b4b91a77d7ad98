"""``darkroom demo``: your pictures, or rendered ones, through all of Darkroom."""

import os
import signal
import subprocess
import time
import webbrowser
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from infra.command.stack import running_stack
from infra.command.terminal import Steps, console, format_count, format_duration, reported_errors, require_checkout
from infra.local.errors import LocalStackError

if TYPE_CHECKING:
    from infra.command.demo.records import Candidate
    from infra.local.stack import LocalStack

_BUILD = Path(__file__).resolve().parents[3] / "build"
_INCOMPLETE = 1  # exit status of the flow for a report that says itself what it lacks
_TAIL_LINES = 15


class ReportError(LocalStackError):
    """The flow made no report; the message ends with its last output."""


def demo(
    folder: Annotated[
        Path | None, typer.Argument(help="Files of any kind and number.", show_default="rendered pictures")
    ] = None,
    *,
    out: Annotated[Path, typer.Option(help="Folder for the contact sheet and the report.")] = _BUILD / "demo",
    keep: Annotated[bool, typer.Option("--keep", help="Leave the stack running if the demo started it.")] = False,
    show: Annotated[bool, typer.Option("--open", help="Open the contact sheet in a browser.")] = False,
    report: Annotated[bool, typer.Option(help="Make the delivery report too.")] = True,
    tenant: Annotated[str | None, typer.Option(help="Owner of the pictures.", show_default="first tenant")] = None,
) -> None:
    """Upload pictures and show what three browsers get.

    Starts the local stack if none runs, and ends it afterwards. The exit status
    is 1 if a file has no outcome or the report fails.

    Example:
      darkroom demo ~/Pictures --open
    """
    started, since = time.monotonic(), datetime.now(UTC)
    with reported_errors():
        require_checkout()
        from infra.command.demo.ingest import collect
        from infra.command.demo.run import PAGE, run_demo
        from infra.command.demo.table import print_table
        from infra.local.parts import PREFECT

        candidates = collect(folder.resolve()) if folder else _rendered_scenes()
        out = out.resolve()
        out.mkdir(parents=True, exist_ok=True)
        with ExitStack() as cleanup:
            cleanup.enter_context(_sigterm_as_interrupt())
            stack = cleanup.enter_context(_stack(keep=keep))
            if report:
                stack.begin(PREFECT)  # it starts while pictures are uploaded
            console.print(f"{format_count(len(candidates), 'file')} to {stack.upload_api}/uploads")
            pictures = run_demo(stack, candidates, out, console, tenant=tenant or next(iter(stack.settings.tenants)))
            print_table(pictures, console)
            page = _report(stack, out, since) if report else None
    settled = sum(picture.settled for picture in pictures)
    console.print(
        f"{settled} of {format_count(len(pictures), 'file')} have an outcome, "
        f"after {format_duration(time.monotonic() - started)}."
    )
    sheet = out / PAGE
    console.print(f"Contact sheet:   {escape(str(sheet))}", soft_wrap=True)
    if report:
        console.print(f"Delivery report: {escape(str(page or 'failed, see above'))}", soft_wrap=True)
    if show:
        webbrowser.open(sheet.as_uri())
    if settled < len(pictures) or (report and page is None):
        raise typer.Exit(1)


def _rendered_scenes() -> "list[Candidate]":
    from infra.command.demo.records import Candidate
    from operations.calibration.scenes import write_scenes

    with Steps() as steps:
        steps.announce("Render photographs")
        return [Candidate(path.name, path) for path in write_scenes(_BUILD / "scenes")]


@contextmanager
def _sigterm_as_interrupt() -> Iterator[None]:
    """Let SIGTERM end the run as Ctrl-C does, together with the stack that it started."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _stack(*, keep: bool) -> "Iterator[LocalStack]":
    """Yield the running stack, or one that is started for this run and ended after it."""
    running = running_stack()
    if running:
        yield running
        return
    with Steps() as steps:
        stack = _start(steps)
    try:
        yield stack
    finally:
        if keep:
            console.print(f"The stack keeps running: pictures at {stack.edge_url}; end it with: darkroom down")
        else:
            stack.stop()


def _start(steps: Steps) -> "LocalStack":
    from infra.local.ports import BusyPortError
    from infra.local.stack import LocalStack
    from infra.local.state import Ports

    try:
        return LocalStack.start(announce=steps.announce)
    except BusyPortError:
        # The default ports were not asked for, so any others will do.
        return LocalStack.start(Ports.any_free(), announce=steps.announce)


def _report(stack: "LocalStack", out: Path, since: datetime) -> Path | None:
    from infra.local.processes import ProcessError

    try:
        with Steps() as steps:
            steps.announce("Report on delivery")
            return _run_delivery_report(stack, out / "delivery-report", since, datetime.now(UTC))
    except (ProcessError, ReportError) as error:
        console.print(str(error), style="red", markup=False)
        return None


def _run_delivery_report(stack: "LocalStack", folder: Path, since: datetime, until: datetime) -> Path:
    """Run the flow delivery_report, as in production, on the days from ``since`` to ``until``; return its page.

    Raises:
        ProcessError: Prefect's server ended or never answered.
        ReportError: the flow made no page.
    """
    from infra.local.parts import PREFECT

    stack.edge_control("flush")
    stack.await_ready(PREFECT)
    _run_flow(stack, "flows.export_images")  # tenants and original sizes, for the report
    days = ("--day", f"{since:%Y-%m-%d}", "--last-day", f"{until:%Y-%m-%d}")
    run = _run_flow(stack, "flows.delivery_report", *days, "--folder", str(folder))
    page = folder / "delivery.html"
    if run.returncode not in (0, _INCOMPLETE) or not page.is_file():
        tail = "\n".join((run.stderr or run.stdout).strip().splitlines()[-_TAIL_LINES:])
        raise ReportError(f"expected a delivery report in {folder} but the flow ended with {run.returncode}:\n{tail}")
    return page


def _run_flow(stack: "LocalStack", flow: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    from infra.local.processes import python_module
    from infra.local.state import CHECKOUT

    return subprocess.run(
        [*python_module(flow), "--stage", stack.state.stage, *arguments],
        cwd=CHECKOUT,
        env=stack.worker_environment(os.environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
