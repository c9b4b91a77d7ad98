"""``darkroom dead-letters``: messages that failed every attempt, why, and how they get another."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.padding import Padding

from infra.command.deployment import Deployment, DeploymentError, OnAws, aws_errors
from infra.command.terminal import console, reported_errors

if TYPE_CHECKING:
    from operations.dead_letters.announcing import Announcer
    from operations.dead_letters.message import DeadMessage
    from operations.dead_letters.queue import DeadLetterQueue

Lane = Annotated[str | None, typer.Option("--lane", help="Only of this lane. Default: all lanes.")]
Names = Annotated[
    list[str] | None, typer.Argument(metavar="[ID]...", help="Image ids, keys of originals, or message ids.")
]
Because = Annotated[str | None, typer.Option("--because", help="Those whose reason contains this text.")]
Every = Annotated[bool, typer.Option("--all", help="All of them.")]

dead_letters = typer.Typer()


@dead_letters.callback(invoke_without_command=True)
def main(context: typer.Context, lane: Lane = None, aws: OnAws = False) -> None:
    """List, redrive or discard messages that failed.

    Example:
      darkroom dead-letters
      darkroom dead-letters redrive --because "AccessDenied"
    """
    if context.invoked_subcommand is None:
        with _errors():
            _print(
                [letter for queue in _queues(lane, Deployment.chosen(on_aws=aws)) for letter in queue.messages()],
                "none",
            )


@dead_letters.command()
def redrive(
    names: Names = None, because: Because = None, every: Every = False, lane: Lane = None, aws: OnAws = False
) -> None:
    """Return messages to their lane's queue, with as many attempts as new ones."""
    with _errors():
        chosen = _choice(names, because, every=every)
        queues = _queues(lane, Deployment.chosen(on_aws=aws))
        _print([letter for queue in queues for letter in queue.redrive(chosen)], "none redriven")


@dead_letters.command()
def announce(
    names: Annotated[list[str], typer.Argument(metavar="ORIGINAL...", help="Keys of originals, or image ids.")],
    aws: OnAws = False,
) -> None:
    """Announce originals to their lane again; those rejected as too_costly are reopened."""
    from lambdas.core.keys import MalformedKeyError
    from operations.dead_letters.announcing import NotAnnouncedError

    refused = []
    with _errors():
        announcer = _announcer(on_aws=aws)
        for name in names:
            try:
                announced = announcer.check(name)
                announcer.announce(announced)
            except (MalformedKeyError, NotAnnouncedError) as error:
                refused.append(str(error))
            else:
                console.print(f"[bold]{announced.key.image_id}[/]  {announced.lane}  announced")
        if refused:
            raise DeploymentError("\n".join(refused))


@dead_letters.command()
def discard(names: Names = None, because: Because = None, lane: Lane = None, aws: OnAws = False) -> None:
    """Delete messages permanently. Their originals are kept."""
    with _errors():
        chosen = _choice(names, because, every=False)
        queues = _queues(lane, Deployment.chosen(on_aws=aws))
        _print([letter for queue in queues for letter in queue.discard(chosen)], "none discarded")


@contextmanager
def _errors() -> Iterator[None]:
    with reported_errors(), aws_errors("the dead-letter queues cannot be used"):
        yield


def _choice(names: list[str] | None, because: str | None, *, every: bool) -> "Callable[[DeadMessage], bool]":
    if sum(map(bool, (names, because, every))) != 1:
        raise DeploymentError("expected ids, or --because with a part of the reason, or --all: one of these")

    def chosen(letter: "DeadMessage") -> bool:
        named = any(letter.is_named(name) for name in names or ())
        return every or named or (because is not None and because in letter.reason)

    return chosen


def _announcer(*, on_aws: bool) -> "Announcer":
    from lambdas.core.stores.images import ImagesTable
    from operations.dead_letters.announcing import Announcer
    from operations.inventory import DerivativesBucket, Inventory

    deployment = Deployment.chosen(on_aws=on_aws)
    client, parameter = deployment.client, deployment.parameter
    s3, dynamodb, table = client("s3"), client("dynamodb"), parameter("images-table")
    replica = client("s3", deployment.settings.regions.replica)
    inventory = Inventory(
        s3=s3,
        originals_bucket=parameter("originals-bucket"),
        dynamodb=dynamodb,
        images_table=table,
        primary=DerivativesBucket(s3, parameter("derivatives-bucket")),
        replica=DerivativesBucket(replica, parameter("replica-bucket")),
    )
    queues = {queue.lane: queue for queue in _queues(None, deployment)}
    return Announcer(deployment.settings, inventory, ImagesTable(dynamodb, table), queues)


def _queues(lane: str | None, deployment: Deployment) -> "list[DeadLetterQueue]":
    from operations.dead_letters.queue import DeadLetterQueue, UnknownLaneError

    settings, client = deployment.settings, deployment.client
    try:
        return [
            DeadLetterQueue(each, settings, deployment.parameter, client("sqs"), client("dynamodb"))
            for each in ([lane] if lane else settings.lane_names)
        ]
    except UnknownLaneError as error:
        raise DeploymentError(str(error)) from error


def _print(letters: "list[DeadMessage]", none: str) -> None:
    if not letters:
        console.print(f"Dead letters: {none}.")
    for letter in letters:
        name = letter.key.image_id if letter.key else f"message {letter.message_id}"
        attempts = f"{letter.failure.attempt} attempts" if letter.failure else "attempts unknown"
        console.print(f"[bold]{escape(name)}[/]  {letter.lane}  {attempts}  sent {letter.sent_at:%Y-%m-%d %H:%M} UTC")
        console.print(Padding(escape(letter.reason), (0, 0, 0, 2)), style="dim")
