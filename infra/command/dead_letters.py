"""``darkroom dead-letters``: what no try could finish, why, and its way back."""

from collections.abc import Callable
from functools import partial
from typing import Annotated

import boto3
import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.markup import escape
from rich.padding import Padding

from infra.command.account import Account, AccountError, OnAws
from infra.command.terminal import console, explained
from infra.local.stack import LocalStack
from operations.dead_letters.dead_letter import DeadLetter
from operations.dead_letters.dead_letters import DeadLetterQueue, UnknownLaneError

Lane = Annotated[str | None, typer.Option("--lane", help="Of this lane only; of every lane where it is left out.")]
Names = Annotated[
    list[str] | None, typer.Argument(metavar="[ID]...", help="Image ids, keys of originals, or message ids.")
]
Because = Annotated[str | None, typer.Option("--because", help="Those whose reason contains this.")]
Every = Annotated[bool, typer.Option("--all", help="Every one.")]

dead_letters = typer.Typer(help="List what no try could finish, with the reason; send it back, or discard it.")


@dead_letters.callback(invoke_without_command=True)
def main(context: typer.Context, lane: Lane = None, aws: OnAws = False) -> None:
    """List what no try could finish, with the reason; send it back, or discard it."""
    if context.invoked_subcommand is None:
        with explained():
            _print([letter for queue in _queues(lane, on_aws=aws) for letter in _asked(queue.letters)], "none")


@dead_letters.command()
def send_back(
    names: Names = None, because: Because = None, every: Every = False, lane: Lane = None, aws: OnAws = False
) -> None:
    """Put messages into their lane's queue again, to be tried as often as new ones."""
    with explained():
        chosen = _choice(names, because, every=every)
        queues = _queues(lane, on_aws=aws)
        _print([letter for queue in queues for letter in _asked(partial(queue.send_back, chosen))], "none sent back")


@dead_letters.command()
def discard(names: Names = None, because: Because = None, lane: Lane = None, aws: OnAws = False) -> None:
    """Delete messages for good. Their originals stay where they are."""
    with explained():
        chosen = _choice(names, because, every=False)
        queues = _queues(lane, on_aws=aws)
        _print([letter for queue in queues for letter in _asked(partial(queue.discard, chosen))], "none discarded")


def _choice(names: list[str] | None, because: str | None, *, every: bool) -> Callable[[DeadLetter], bool]:
    if sum(map(bool, (names, because, every))) != 1:
        raise AccountError("expected ids, or --because with a part of the reason, or --all, and one of these alone")

    def chosen(letter: DeadLetter) -> bool:
        named = any(letter.is_named(name) for name in names or ())
        return every or named or (because is not None and because in letter.reason)

    return chosen


def _queues(lane: str | None, *, on_aws: bool) -> list[DeadLetterQueue]:
    account = Account.chosen(on_aws=on_aws)
    settings = account.settings
    session = boto3.Session(region_name=settings.regions.primary)
    client = session.client if on_aws else LocalStack.attach().client
    try:
        return [
            DeadLetterQueue(each, settings, account.parameter, client("sqs"), client("dynamodb"))
            for each in ([lane] if lane else settings.lane_names)
        ]
    except UnknownLaneError as error:
        raise AccountError(str(error)) from error


def _asked(question: Callable[[], list[DeadLetter]]) -> list[DeadLetter]:
    try:
        return question()
    except (BotoCoreError, ClientError) as error:
        raise AccountError(str(error)) from error


def _print(letters: list[DeadLetter], none: str) -> None:
    if not letters:
        console.print(f"Dead letters: {none}.")
    for letter in letters:
        name = letter.key.image_id if letter.key else f"message {letter.message_id}"
        tries = f"{letter.failure.attempt} tries" if letter.failure else "not noted"
        console.print(f"[bold]{escape(name)}[/]  {letter.lane}  {tries}  sent {letter.sent_at:%Y-%m-%d %H:%M} UTC")
        console.print(Padding(escape(letter.reason), (0, 0, 0, 2)), style="dim")
