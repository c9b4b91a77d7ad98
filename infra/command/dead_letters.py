"""``darkroom dead-letters``: messages that failed every attempt, why, and how they get another."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.padding import Padding

from infra.command.deployment import Deployment, DeploymentError, OnAws, aws_errors
from infra.command.terminal import DryRun, approve_on_terminal, console, format_count, print_plan, reported_errors

if TYPE_CHECKING:
    from operations.dead_letters.announcing import Announcer
    from operations.dead_letters.message import DeadMessage
    from operations.dead_letters.plan import Choice, Taking
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

    Does what the flow dead_letters does, with the same safeguards.

    Example:
      darkroom dead-letters
      darkroom dead-letters redrive --because "AccessDenied" --no-dry-run
    """
    if context.invoked_subcommand is None:
        with _errors():
            queues = _queues(lane, Deployment.chosen(on_aws=aws))
            messages = [message for queue in queues for message in queue.messages()]
            _print(messages)
            if not messages:
                console.print("Dead letters: none.")


@dead_letters.command()
def redrive(
    names: Names = None,
    because: Because = None,
    every: Every = False,
    lane: Lane = None,
    dry_run: DryRun = True,
    aws: OnAws = False,
) -> None:
    """Return messages to their lane's queue, with as many attempts as new ones."""
    with _errors():
        from operations.dead_letters.plan import Choice

        choice = Choice.to_take("redrive", names, because, everything=every)
        _take("redrive", choice, lane, Deployment.chosen(on_aws=aws), dry_run=dry_run)


@dead_letters.command()
def announce(
    names: Annotated[list[str], typer.Argument(metavar="ORIGINAL...", help="Keys of originals, or image ids.")],
    dry_run: DryRun = True,
    aws: OnAws = False,
) -> None:
    """Announce originals to their lane again; those rejected as too_costly are reopened."""
    with _errors():
        announcer = _announcer(on_aws=aws)
        announcements, refused = announcer.check_all(names)
        for each in announcements:
            if not dry_run:
                announcer.announce(each)
            done = "would be announced" if dry_run else "announced"
            console.print(f"[bold]{each.key.image_id}[/]  {each.lane}  {done}{', reopened' if each.reopens else ''}")
        if dry_run and announcements:
            print_plan(f"{format_count(len(announcements), 'original')} would be announced", dry_run=True)
        if refused:
            raise DeploymentError("\n".join(refused))


@dead_letters.command()
def discard(
    names: Names = None,
    because: Because = None,
    lane: Lane = None,
    dry_run: DryRun = True,
    ask_above: Annotated[
        int | None, typer.Option(min=0, help="Deleting more messages asks for approval. Default: from the settings.")
    ] = None,
    aws: OnAws = False,
) -> None:
    """Delete messages permanently. Their originals are kept."""
    with _errors():
        from operations.dead_letters.plan import Choice

        choice = Choice.to_take("discard", names, because)
        _take("discard", choice, lane, Deployment.chosen(on_aws=aws), dry_run=dry_run, ask_above=ask_above)


def _take(
    action: "Taking",
    choice: "Choice",
    lane: str | None,
    deployment: Deployment,
    *,
    dry_run: bool,
    ask_above: int | None = None,
) -> None:
    from operations.dead_letters.plan import TakingPlan

    queues = _queues(lane, deployment)
    plan = TakingPlan(action, [message for queue in queues for message in queue.messages() if choice.includes(message)])
    _print(plan.messages)
    if dry_run:
        print_plan(plan.sentence, dry_run=True)
        return
    limit = deployment.settings.operations.ask_above if ask_above is None else ask_above
    plan.require_approval(limit, approve_on_terminal)
    lanes = {message.lane for message in plan.messages}
    taken = [
        message
        for queue in queues
        if queue.lane in lanes
        for message in (queue.redrive if action == "redrive" else queue.discard)(plan.includes)
    ]
    console.print(f"{plan.done(len(taken))}.", highlight=False)


@contextmanager
def _errors() -> Iterator[None]:
    with reported_errors(), aws_errors("the dead-letter queues cannot be used"):
        from operations.approval import NotApprovedError
        from operations.dead_letters.announcing import NotAnnouncedError
        from operations.dead_letters.plan import WrongChoiceError

        try:
            yield
        except (NotApprovedError, NotAnnouncedError, WrongChoiceError) as error:
            raise DeploymentError(str(error)) from error


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


def _print(messages: "Sequence[DeadMessage]") -> None:
    for message in messages:
        name = message.key.image_id if message.key else f"message {message.message_id}"
        attempts = f"{message.failure.attempt} attempts" if message.failure else "attempts unknown"
        console.print(f"[bold]{escape(name)}[/]  {message.lane}  {attempts}  sent {message.sent_at:%Y-%m-%d %H:%M} UTC")
        console.print(Padding(escape(message.reason), (0, 0, 0, 2)), style="dim")
