"""``darkroom down``: end the local stack."""

from infra.command.terminal import console, explained
from infra.local.stack import end_stack
from infra.local.state import StateFolder, default_home


def down() -> None:
    """End every process of the local stack and remove all that it left on disk."""
    folder = StateFolder(default_home())
    with explained():
        existed = folder.home.exists()
        ended = end_stack(folder)
    if ended or existed:
        console.print(f"Ended {ended} processes and removed {folder.home}.")
    else:
        console.print("Nothing was running.")
