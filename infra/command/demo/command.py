"""``darkroom demo``: a person's pictures, or rendered ones, through the whole of Darkroom."""

import signal
import time
import webbrowser
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.markup import escape

from infra.command.demo import wording
from infra.command.demo.collect import collect
from infra.command.demo.records import Candidate
from infra.command.demo.report import ReportError, run_delivery_report
from infra.command.demo.run import PAGE, run_demo
from infra.command.demo.table import print_table
from infra.command.terminal import Steps, console, explained
from infra.local.parts import PREFECT
from infra.local.ports import BusyPortError
from infra.local.processes import ProcessError
from infra.local.stack import LocalStack, NotRunningError
from infra.local.state import CHECKOUT, Ports
from operations.calibration.scenes import write_scenes

_SCENES = CHECKOUT / "build" / "scenes"
_OUT = CHECKOUT / "build" / "demo"


def demo(
    folder: Annotated[
        Path | None, typer.Argument(help="Your pictures, of any kind and number; without it, rendered ones.")
    ] = None,
    *,
    out: Annotated[Path, typer.Option(help="Where the contact sheet and the report are written.")] = _OUT,
    keep: Annotated[bool, typer.Option("--keep", help="Leave a stack that this started running.")] = False,
    show: Annotated[bool, typer.Option("--open", help="Open the contact sheet when it is done.")] = False,
    report: Annotated[bool, typer.Option(help="Report on what the edge delivered, by the flow.")] = True,
    tenant: Annotated[str | None, typer.Option(help="Whose pictures they are; the first tenant if not said.")] = None,
) -> None:
    """Upload pictures, have them drawn, ask for them as three browsers would, and show what came back."""
    started, since = time.monotonic(), datetime.now(UTC)
    with explained():
        candidates = collect(folder.resolve()) if folder else _rendered()
        out = out.resolve()
        out.mkdir(parents=True, exist_ok=True)
        with ExitStack() as ending:
            ending.enter_context(_orderly_end())
            stack = ending.enter_context(_stack(keep=keep))
            if report:
                stack.begin(PREFECT)  # ready by the time that there is something to report
            console.print(f"{wording.count(len(candidates), 'file')} to {stack.upload_api}/uploads")
            pictures = run_demo(stack, candidates, out, console, tenant=tenant or next(iter(stack.settings.tenants)))
            print_table(pictures, console)
            page = _report(stack, out, since) if report else None
    settled = sum(picture.settled for picture in pictures)
    console.print(
        f"{settled} of {wording.count(len(pictures), 'file')} have an outcome, "
        f"after {wording.duration(time.monotonic() - started)}."
    )
    sheet = out / PAGE
    console.print(f"Contact sheet:   {escape(str(sheet))}", soft_wrap=True)
    if report:
        console.print(f"Delivery report: {escape(str(page or 'failed, see above'))}", soft_wrap=True)
    if show:
        webbrowser.open(sheet.as_uri())
    if settled < len(pictures) or (report and page is None):
        raise typer.Exit(1)


def _rendered() -> list[Candidate]:
    with Steps() as steps:
        steps.announce("Render photographs")
        return [Candidate(path.name, path) for path in write_scenes(_SCENES)]


def _report(stack: LocalStack, out: Path, since: datetime) -> Path | None:
    try:
        with Steps() as steps:
            steps.announce("Report on what the edge served")
            return run_delivery_report(stack, out / "delivery-report", since, datetime.now(UTC))
    except (ProcessError, ReportError) as error:
        console.print(str(error), style="red", markup=False)
        return None


@contextmanager
def _orderly_end() -> Iterator[None]:
    """Make SIGTERM end the run as SIGINT does: with what it started."""

    def end(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _stack(*, keep: bool) -> Iterator[LocalStack]:
    """Give the stack that runs, or one started for this run and ended after it."""
    running = _running()
    if running:
        yield running
        return
    with Steps() as steps:
        stack = _start(steps)
    try:
        yield stack
    finally:
        if keep:
            console.print(f"The stack goes on: pictures at {stack.edge_url}; end it: darkroom down")
        else:
            stack.stop()


def _running() -> LocalStack | None:
    try:
        return LocalStack.attach()
    except NotRunningError:
        return None


def _start(steps: Steps) -> LocalStack:
    try:
        return LocalStack.start(announce=steps.announce)
    except BusyPortError:
        # Nobody asked for the usual ports: any others will do.
        return LocalStack.start(Ports.any_free(), announce=steps.announce)
