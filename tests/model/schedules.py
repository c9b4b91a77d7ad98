"""Play random schedules: ``make schedules N=1000000``, or one of a seed: ``make schedules SEED=17``."""

import os
import sys
import time
import warnings
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Annotated

import typer
from exploration import Found, first_found, run_seed, shortened
from world import installed

_AT_ONCE = 2_000


def _explore(first: int, end: int) -> tuple[int, tuple[int, Found] | None]:
    warnings.simplefilter("ignore")
    with installed():
        found = first_found(range(first, end))
        return end - first, (found[0], shortened(found[1])) if found else None


def main(
    number: Annotated[int, typer.Option(help="How many schedules.")] = 100_000,
    first: Annotated[int, typer.Option(help="The first seed.")] = 0,
    seed: Annotated[int | None, typer.Option(help="Play the schedule of this seed, and print it.")] = None,
    processes: Annotated[int, typer.Option(help="How many at a time.")] = os.cpu_count() or 1,
) -> None:
    """Play random schedules; exit with 1 at the first that breaks an invariant, and print it."""
    if seed is not None:
        with installed():
            found = run_seed(seed)
        print(found or f"seed {seed}: every invariant holds")
        sys.exit(1 if found else 0)
    began, played = time.monotonic(), 0
    ends = range(first, first + number, _AT_ONCE)
    with ProcessPoolExecutor(processes) as pool:
        tasks = [pool.submit(_explore, each, min(each + _AT_ONCE, first + number)) for each in ends]
        for task in as_completed(tasks):
            count, broken = task.result()
            played += count
            if broken is not None:
                pool.shutdown(cancel_futures=True)
                print(f"seed {broken[0]}\n{broken[1]}")
                sys.exit(1)
            took = time.monotonic() - began
            print(f"{played:,} schedules, {played / took:.0f} a second", flush=True)


if __name__ == "__main__":
    typer.run(main)
