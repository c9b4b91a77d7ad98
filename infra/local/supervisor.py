"""Starts again what dies of a local stack: ``python -m infra.local.supervisor``, in the environment of a part.

The emulator is the exception: all of the stack's data is in its memory.
"""

import logging
import time
from collections import defaultdict

from infra.local.emulator.server import NAME as EMULATOR
from infra.local.errors import LocalStackError
from infra.local.processes import find_process
from infra.local.stack import LocalStack
from infra.local.state import ProcessRecord, StateFolder, default_home

MOST_DEATHS, WINDOW_SECONDS = 5, 120.0
_POLL_SECONDS = 0.25
_FIRST_DELAY_SECONDS = 0.5

log = logging.getLogger("supervisor")


def seconds_to_wait(deaths: list[float], now: float) -> float | None:
    """Return how long a part that died at ``deaths``, the last one now, is left ended; None gives it up.

    The first time it is started at once, then after twice as long each time; ``deaths`` are in seconds, as ``now``.
    """
    recent = sum(now - death <= WINDOW_SECONDS for death in deaths)
    if recent > MOST_DEATHS:
        return None
    return 0.0 if recent < 2 else _FIRST_DELAY_SECONDS * 2 ** (recent - 2)


class Supervisor:
    """Watches the stack of one folder."""

    def __init__(self, folder: StateFolder) -> None:
        self._folder = folder
        self._deaths: defaultdict[str, list[float]] = defaultdict(list)
        self._due: dict[str, float] = {}

    def run(self) -> None:
        """Watch until the stack's folder is removed or its emulator has ended."""
        while self._folder.home.exists():
            state = self._folder.read()
            for record in state.processes if state else ():
                if find_process(record) is not None or (state and record.name in state.given_up):
                    continue
                if record.name == EMULATOR:
                    log.error("the %s ended, and with it all data; what is left: darkroom down", record.name)
                    return
                self._revive(record)
            time.sleep(_POLL_SECONDS)

    def _revive(self, record: ProcessRecord) -> None:
        now, name = time.monotonic(), record.name
        if name not in self._due:
            self._deaths[name].append(now)
            wait = seconds_to_wait(self._deaths[name], now)
            if wait is None:
                log.error("the %s died %d times within %g s and is given up; its log: %s", name,
                          MOST_DEATHS + 1, WINDOW_SECONDS, self._folder.log(name))  # fmt: skip
                LocalStack.recorded(self._folder.home).give_up(name)
                return
            self._due[name] = now + wait
        if now >= self._due[name]:
            del self._due[name]
            log.warning("the %s ended: it is started again", name)
            try:
                LocalStack.recorded(self._folder.home).revive(record)
            except LocalStackError as error:
                log.warning("%s", error)


def main() -> None:
    """Run until stopped."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    Supervisor(StateFolder(default_home())).run()


if __name__ == "__main__":
    main()
