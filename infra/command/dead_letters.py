"""``darkroom dead-letters``: messages that failed every attempt, why, and how to send them back."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.padding import Padding

from infra.command.deployment import Deployment, DeploymentError, OnAws, aws_errors
from infra.command.terminal import console, reported_errors

if TYPE_CHECKING:
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
    """List, send back or discard messages that failed.

    Example:
      darkroom dead-letters
      darkroom dead-letters send-back --because "AccessDenied"
    """
    if context.invoked_subcommand is None:
        with _errors():
            _print([letter for queue in _queues(lane, on_aws=aws) for letter in queue.messages()], "none")


@dead_letters.command()
def send_back(
    names: Names = None, because: Because = None, every: Every = False, lane: Lane = None, aws: OnAws = False
) -> None:
    """Return messages to their lane's queue, with as many attempts as new ones."""
    with _errors():
        chosen = _choice(names, because, every=every)
        queues = _queues(lane, on_aws=aws)
        _print([letter for queue in queues for letter in queue.redrive(chosen)], "none sent back")


@dead_letters.command()
def discard(names: Names = None, because: Because = None, lane: Lane = None, aws: OnAws = False) -> None:
    """Delete messages permanently. Their originals are kept."""
    with _errors():
        chosen = _choice(names, because, every=False)
        queues = _queues(lane, on_aws=aws)
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


def _queues(lane: str | None, *, on_aws: bool) -> "list[DeadLetterQueue]":
    from operations.dead_letters.queue import DeadLetterQueue, UnknownLaneError

    deployment = Deployment.chosen(on_aws=on_aws)
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
