"""``darkroom traffic``: a site's visitors, so that there is something to report."""

import asyncio
import time
from datetime import UTC, date, datetime, timedelta
from typing import Annotated

import httpx
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from infra.command.terminal import console, explained
from infra.command.traffic.replay import Outcome, replay
from infra.command.traffic.rhythm import NoTimeError
from infra.command.traffic.summary import hit_ratio, summary_table
from infra.command.traffic.visits import visits
from infra.local.errors import LocalStackError
from infra.local.stack import LocalStack
from lambdas.core.keys import ImageId, is_private
from lambdas.core.stores.images import ImagesTable

_PATIENCE_SECONDS = 60.0


class TrafficError(LocalStackError):
    """There is nothing to ask for, or no time to ask for it in."""


def traffic(
    *,
    requests: Annotated[int, typer.Option("--requests", "-n", min=1, help="How many.")] = 5000,
    day: Annotated[str | None, typer.Option(help="The last day (UTC), such as 2026-11-23; yesterday.")] = None,
    days: Annotated[int, typer.Option(min=1, max=90, help="Spread over so many days, each with its rhythm.")] = 1,
    seed: Annotated[int, typer.Option(help="Of all that is left to chance; the same one asks the same.")] = 1,
    concurrency: Annotated[int, typer.Option(min=1, max=256, help="Requests under way at once.")] = 16,
    now: Annotated[bool, typer.Option("--now", help="Log them as they come, not over the days.")] = False,
) -> None:
    """Visit the pictures that are there as a site's viewers would, through the local edge.

    Few pictures are popular, browsers ask as real ones do, bots and other sites come too, and some links are dead.
    The edge logs each request under its own time of the days asked for; its cache lives in the time of this run.
    """
    with explained():
        stack = LocalStack.attach()
        last_day = _day(day)
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

            def tell(outcome: Outcome) -> None:
                outcomes.append(outcome)
                if len(outcomes) % 100 == 0 or len(outcomes) == requests:
                    ratio = hit_ratio(outcomes)
                    progress.update(
                        task, completed=len(outcomes), hits="" if ratio is None else f"{ratio:.1%} hits", refresh=True
                    )

            asyncio.run(replay(planned, stack.edge_url, concurrency=concurrency, stamped=not now, tell=tell))
        httpx.post(f"{stack.edge_url}/_edge/flush", timeout=60, trust_env=False).raise_for_status()
        console.print(summary_table(outcomes))
        _print_next(planned[0].moment.date(), planned[-1].moment.date(), now=now)


def _day(text: str | None) -> date:
    if text is None:
        return datetime.now(UTC).date() - timedelta(days=1)
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise TrafficError(f"expected a day such as 2026-11-23 but received {text!r}") from error


def _await_images(stack: LocalStack) -> tuple[list[ImageId], list[ImageId]]:
    """Return :func:`_images`; the first pictures that were uploaded are waited for."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    with console.status("Waiting until the first picture is ready"):
        while True:
            shown, gone = _images(stack)
            if shown:
                return shown, gone
            if time.monotonic() > deadline or not _is_anything_uploaded(stack):
                raise TrafficError(
                    "expected pictures that anyone may see but there are none: darkroom upload PICTURES…"
                )
            time.sleep(0.5)


def _is_anything_uploaded(stack: LocalStack) -> bool:
    return bool(stack.client("dynamodb").scan(TableName=stack.parameter("uploads-table"), Limit=1)["Items"])


def _images(stack: LocalStack) -> tuple[list[ImageId], list[ImageId]]:
    """Return the ids of pictures that anyone may see, and of what nobody can: private ones and rejected uploads."""
    table = ImagesTable(stack.client("dynamodb"), stack.parameter("images-table"))
    shown: list[ImageId] = []
    gone: list[ImageId] = []
    for item in (item for page in table.scan(0, 1) for item in page):
        image_id = ImageId(item["image_id"])
        (shown if item["outcome"] == "ready" and not is_private(image_id) else gone).append(image_id)
    return shown, gone


def _print_next(first: date, last: date, *, now: bool) -> None:
    days = f"--day {first}" if first == last or now else f"--day {first} --last-day {last}"
    today = f"--day {datetime.now(UTC).date()}"
    console.print(
        "\nNext: [bold].venv/bin/python -m flows.export_images[/], so that questions know whose pictures these are,"
        f"\nthen   [bold].venv/bin/python -m flows.delivery_report {today if now else days}[/]",
        highlight=False,
    )
