"""``darkroom traffic``: simulated visits through the local edge, so that reports have data."""

import asyncio
import time
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from infra.command.terminal import console, reported_errors
from infra.local.errors import LocalStackError

if TYPE_CHECKING:
    from infra.command.traffic.replay import Outcome
    from infra.local.stack import LocalStack
    from lambdas.core.keys import ImageId

_PATIENCE_SECONDS = 60.0


class TrafficError(LocalStackError):
    """There is no picture to request, or no time to request it in."""


def traffic(
    *,
    requests: Annotated[int, typer.Option("--requests", "-n", min=1, help="Number of requests.")] = 5000,
    day: Annotated[
        str | None, typer.Option(help="Last day (UTC), such as 2026-11-23.", show_default="yesterday")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=90, help="Days to spread them over, busy and quiet hours each.")] = 1,
    seed: Annotated[int, typer.Option(help="Random seed; the same seed sends the same requests.")] = 1,
    concurrency: Annotated[int, typer.Option(min=1, max=256, help="Requests in flight at once.")] = 16,
    now: Annotated[bool, typer.Option("--now", help="Log the requests at the current time instead.")] = False,
) -> None:
    """Simulate a site's visitors on the local edge.

    A few pictures are popular; requests come from browsers, bots and other
    sites, and some links are dead. The edge logs each request at its simulated
    time, while its cache works in real time.

    Example:
      darkroom traffic --requests 2000 --days 7
    """
    with reported_errors():
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TaskProgressColumn,
            TextColumn,
            TimeRemainingColumn,
        )

        from infra.command.traffic.replay import hit_ratio, replay, summary_table
        from infra.command.traffic.visits import NoTimeError, visits
        from infra.local.stack import LocalStack

        stack = LocalStack.attach()
        last_day = _parse_day(day)
        shown, gone = _await_images(stack)
        outcomes: list[Outcome] = []
        try:
            planned = list(
                visits(seed, requests, shown, last_day=last_day, days=days, now=datetime.now(UTC), gone=gone)
            )
        except NoTimeError as error:
            raise TrafficError(str(error)) from error
        columns = (
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TaskProgressColumn(show_speed=True),
            TimeRemainingColumn(), TextColumn("{task.fields[hits]}"),
        )  # fmt: skip
        with Progress(*columns, console=console, transient=True) as progress:
            task = progress.add_task("Visits", total=requests, hits="")

            def report(outcome: "Outcome") -> None:
                outcomes.append(outcome)
                if len(outcomes) % 100 == 0 or len(outcomes) == requests:
                    ratio = hit_ratio(outcomes)
                    progress.update(
                        task, completed=len(outcomes), hits="" if ratio is None else f"{ratio:.1%} hits", refresh=True
                    )

            token = None if now else stack.keys.token
            asyncio.run(replay(planned, stack.edge_url, concurrency=concurrency, token=token, report=report))
        stack.edge_control("flush")
        console.print(summary_table(outcomes))
        _print_next(planned[0].moment.date(), planned[-1].moment.date(), now=now)


def _parse_day(text: str | None) -> date:
    if text is None:
        return datetime.now(UTC).date() - timedelta(days=1)
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise TrafficError(f"expected a day such as 2026-11-23 but received {text!r}") from error


def _await_images(stack: "LocalStack") -> "tuple[list[ImageId], list[ImageId]]":
    """Return the ids of public pictures, and those that viewers cannot see: private, rejected, held and removed ones.

    If pictures were uploaded but none is ready yet, wait for the first.
    """
    from lambdas.core.keys import ImageId, is_private
    from lambdas.core.stores.images import ImagesTable

    table = ImagesTable(stack.client("dynamodb"), stack.parameter("images-table"))
    deadline = time.monotonic() + _PATIENCE_SECONDS
    with console.status("Waiting until the first picture is ready"):
        while True:
            states = {ImageId(row["image_id"]): row["state"] for page in table.scan(0, 1) for row in page}
            shown = [each for each, state in states.items() if state == "ready" and not is_private(each)]
            undecided = [each for each, state in states.items() if state in ("expected", "processing")]
            if shown:
                return shown, sorted(states.keys() - set(shown) - set(undecided))
            if time.monotonic() > deadline or not undecided:
                raise TrafficError("there are no public pictures to request; upload some: darkroom upload FILES…")
            time.sleep(0.5)


def _print_next(first: date, last: date, *, now: bool) -> None:
    days = f"--day {first}" if first == last or now else f"--day {first} --last-day {last}"
    today = f"--day {datetime.now(UTC).date()}"
    console.print(
        "\nNext: [bold].venv/bin/python -m flows.export_images[/], so that reports know the pictures' tenants,"
        f"\nthen   [bold].venv/bin/python -m flows.delivery_report {today if now else days}[/]",
        highlight=False,
    )
