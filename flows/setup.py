"""What flows need on Prefect's server: ``python -m flows.setup``, once a stage, and as often as you like.

Makes the concurrency limits that flows hold, and blocks of prefect-aws for what the stage deployed.
"""

import argparse
import sys
from collections.abc import Sequence

from flows.blocks import save_blocks
from flows.discovery import NotDeployedError
from flows.limits import LIMITS, ensure_limits
from lambdas.settings import DEFAULT_STAGE, Settings, SettingsError, load_settings


def set_up(settings: Settings) -> list[str]:
    """Make, or bring up to date, all of it; return a line on each thing.

    Raises:
        NotDeployedError: the stage is not deployed.
    """
    ensure_limits(settings)
    made = [f"limit {limit.name(settings)}: {limit.slots(settings)} at once" for limit in LIMITS]
    return made + [f"block {name}" for name in save_blocks(settings)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Set up the server that ``PREFECT_API_URL`` names, say what is there now, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m flows.setup", description=(__doc__ or "").split("\n\n")[1])
    parser.add_argument("--stage", default=DEFAULT_STAGE, help="whose flows (default: %(default)s)")
    try:
        made = set_up(load_settings(stage=parser.parse_args(arguments).stage))
    except (SettingsError, NotDeployedError) as error:
        print(error, file=sys.stderr)
        return 2
    print("\n".join(made))
    return 0


if __name__ == "__main__":
    sys.exit(main())
