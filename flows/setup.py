"""What flows need on Prefect's server: ``python -m flows.setup``, once a stage, and as often as you like.

Makes the concurrency limits that flows hold, blocks of prefect-aws for what the stage deployed, and, with --notify, an
automation that posts each scheduled run that failed to an address such as a Slack webhook.
"""

import argparse
import sys
from collections.abc import Sequence

from flows.runtime.blocks import save_blocks
from flows.runtime.failure_alerts import ensure_alert
from flows.runtime.limits import LIMITS, ensure_limits
from lambdas.core.settings import (
    DEFAULT_STAGE,
    Settings,
    SettingsError,
    load_settings,
)
from operations.discovery import NotDeployedError


def set_up(settings: Settings, notify: str | None = None) -> list[str]:
    """Make, or bring up to date, all of it; return a line on each thing.

    ``notify`` is the address to which failed scheduled runs are posted; None leaves that as it is.

    Raises:
        NotDeployedError: the stage is not deployed.
    """
    ensure_limits(settings)
    made = [f"limit {limit.name(settings)}: {limit.slots(settings)} at once" for limit in LIMITS]
    made += [f"block {name}" for name in save_blocks(settings)]
    if notify:
        made.append(f"automation {ensure_alert(notify, settings)}")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Set up the server that ``PREFECT_API_URL`` names, say what is there now, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m flows.setup", description=(__doc__ or "").split("\n\n")[1])
    parser.add_argument("--stage", default=DEFAULT_STAGE, help="whose flows (default: %(default)s)")
    parser.add_argument("--notify", metavar="URL", help="where a failed scheduled run is posted; unchanged if left out")
    chosen = parser.parse_args(arguments)
    try:
        made = set_up(load_settings(stage=chosen.stage), chosen.notify)
    except (SettingsError, NotDeployedError) as error:
        print(error, file=sys.stderr)
        return 2
    print("\n".join(made))
    return 0


if __name__ == "__main__":
    sys.exit(main())
