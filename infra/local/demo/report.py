"""The delivery report of what the edge served, by the same flow as in production."""

import os
import subprocess
import sys
from pathlib import Path

import httpx

from infra.local.stack import LocalStack
from infra.local.state import CHECKOUT


class ReportError(RuntimeError):
    """The flow failed; the message ends with what it printed last."""


def run_delivery_report(stack: LocalStack, out: Path) -> Path:
    """Have the edge write its log out, run the flow on it, and return the report's HTML file, in ``out``.

    Raises:
        ReportError: the flow failed.
    """
    httpx.post(f"{stack.edge_url}/_edge/flush", timeout=60, trust_env=False).raise_for_status()
    report = out / "delivery-report.html"
    report.unlink(missing_ok=True)
    run = subprocess.run(
        [sys.executable, "-m", "flows.delivery_report", "--output", str(report)],
        cwd=CHECKOUT,
        env={**os.environ, **stack.environment()},
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode != 0 or not report.exists():
        tail = "\n".join((run.stderr or run.stdout).strip().splitlines()[-15:])
        raise ReportError(f"expected the delivery report at {report} but the flow ended with {run.returncode}:\n{tail}")
    return report
