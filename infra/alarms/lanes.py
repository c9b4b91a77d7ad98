"""Alarms of one lane: what waits too long, what was given up, and executions that did not end well."""

from constructs import Construct

from infra.alarms.alarm import alarm, metric
from infra.names import Names

_DAY = 86_400


def queue_alarms(scope: Construct, lane: str, queue: str, dead_letters: str, names: Names) -> None:
    """Watch the queues that are called ``queue`` and ``dead_letters``."""
    settings = names.settings.alarms
    given_up = {"QueueName": dead_letters}
    alarm(
        scope,
        names=names,
        kind="queue-age",
        of=lane,
        means=f"Originals wait long for the lane {lane}.",
        metric=metric("AWS/SQS", "ApproximateAgeOfOldestMessage", {"QueueName": queue}, "Maximum"),
        threshold=settings.queue_age_seconds,
    )
    alarm(
        scope,
        names=names,
        kind="dead-letters",
        of=lane,
        means=f"The lane {lane} gave up on originals.",
        metric=metric("AWS/SQS", "ApproximateNumberOfMessagesVisible", given_up, "Maximum"),
        threshold=settings.dead_letters,
    )
    alarm(
        scope,
        names=names,
        kind="dead-letter-age",
        of=lane,
        means=f"Dead letters of the lane {lane} are about to be forgotten: SQS keeps them for 14 days.",
        metric=metric("AWS/SQS", "ApproximateAgeOfOldestMessage", given_up, "Maximum"),
        threshold=settings.dead_letter_age_days * _DAY,
    )


def rule_alarm(scope: Construct, lane: str, rule: str, names: Names) -> None:
    """Watch the rule that is called ``rule``, which fills the lane's queue."""
    alarm(
        scope,
        names=names,
        kind="originals-unrouted",
        of=lane,
        means=f"EventBridge could not hand originals to the lane {lane}.",
        metric=metric("AWS/Events", "FailedInvocations", {"RuleName": rule}, "Sum"),
        threshold=names.settings.alarms.unrouted_originals,
    )


def execution_alarms(scope: Construct, lane: str, state_machine_arn: str, names: Names) -> None:
    """Watch the executions of the lane's state machine."""
    settings = names.settings.alarms
    dimensions = {"StateMachineArn": state_machine_arn}
    alarm(
        scope,
        names=names,
        kind="executions-failed",
        of=lane,
        means=f"Executions of the lane {lane} fail, though its state machine catches every error.",
        metric=metric("AWS/States", "ExecutionsFailed", dimensions, "Sum"),
        threshold=settings.failed_executions,
    )
    alarm(
        scope,
        names=names,
        kind="executions-timed-out",
        of=lane,
        means=f"Executions of the lane {lane} do not end within {names.settings.pipeline.execution_seconds} s.",
        metric=metric("AWS/States", "ExecutionsTimedOut", dimensions, "Sum"),
        threshold=settings.timed_out_executions,
    )
