"""The delivery report of what the edge served, by the same flow as in production."""

import os
import subprocess
from datetime import datetime
from pathlib import Path

import httpx

from infra.local.parts import PREFECT
from infra.local.prefect import prefect_environment
from infra.local.processes import python_module
from infra.local.stack import LocalStack
from infra.local.state import CHECKOUT

_INCOMPLETE = 1  # the flow's exit status for a report that says itself what it lacks
_TAIL_LINES = 15


class ReportError(RuntimeError):
    """There is no report; the message ends with what the flow printed last."""


def run_delivery_report(stack: LocalStack, folder: Path, since: datetime, until: datetime) -> Path:
    """Have the edge write its log out, run the flow on the days from ``since`` to ``until``, return its page.

    The stack has PREFECT, ready or not.

    Raises:
        ProcessError: Prefect's server ended or never answered.
        ReportError: the flow made no page.
    """
    httpx.post(f"{stack.edge_url}/_edge/flush", timeout=60, trust_env=False).raise_for_status()
    stack.await_ready(PREFECT)
    _run(stack, "flows.export_images")  # else the report does not know whose pictures they are, nor how large they were
    days = ("--day", f"{since:%Y-%m-%d}", "--last-day", f"{until:%Y-%m-%d}")
    run = _run(stack, "flows.delivery_report", *days, "--folder", str(folder))
    page = folder / "delivery.html"
    if run.returncode not in (0, _INCOMPLETE) or not page.is_file():
        tail = "\n".join((run.stderr or run.stdout).strip().splitlines()[-_TAIL_LINES:])
        raise ReportError(f"expected a delivery report in {folder} but the flow ended with {run.returncode}:\n{tail}")
    return page


def _run(stack: LocalStack, flow: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*python_module(flow), "--stage", stack.state.stage, *arguments],
        cwd=CHECKOUT,
        env={**os.environ, **stack.environment(), **prefect_environment(stack.folder)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
