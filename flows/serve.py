"""Serve every deployment of ``prefect.yaml`` from one long-lived process: ``python -m flows.serve``.

For one machine: whatever the server asks to run, by a button or a schedule, runs here as a process of its own.
A team deploys to a work pool instead, from the same file: ``prefect deploy --all``.
"""

import argparse
import os
import sys
from collections.abc import Sequence

from prefect import serve

from flows.runtime.deployments import FILE, DeploymentsError, read_deployments
from flows.setup import set_up
from lambdas.core.settings import (
    SettingsError,
    default_stage,
    load_settings,
)
from operations.discovery import NotDeployedError

_RUNS_AT_ONCE = 4


def main(arguments: Sequence[str] | None = None) -> int:
    """Set up the server that ``PREFECT_API_URL`` names, serve until told to stop, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m flows.serve", description=(__doc__ or "").split("\n\n")[1])
    parser.add_argument("--stage", default=default_stage(), help="whose flows (default: %(default)s)")
    chosen = parser.parse_args(arguments)
    os.chdir(FILE.parent)  # where entrypoints are looked for
    try:
        deployments = read_deployments()
        set_up(load_settings(stage=chosen.stage))
        served = [each.serve(chosen.stage) for each in deployments]
    except (DeploymentsError, SettingsError, NotDeployedError) as error:
        print(error, file=sys.stderr)
        return 2
    serve(*served, limit=_RUNS_AT_ONCE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
