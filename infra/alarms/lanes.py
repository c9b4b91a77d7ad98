"""Alarms on a lane: its queue, its dead letters, its rule and its executions."""

from constructs import Construct

from infra.alarms.alarm import alarm, metric
from infra.names import Names

_DAY = 86_400


def queue_alarms(scope: Construct, lane: str, queue: str, dead_letters: str, names: Names) -> None:
    """Alarm on the age of messages in ``queue``, and on the number and age of ``dead_letters``."""
    settings = names.settings.alarms
    dead_letter_queue = {"QueueName": dead_letters}
    alarm(
        scope,
        names=names,
        kind="queue-age",
        of=lane,
        means=f"Originals wait too long in the queue of the lane {lane}.",
        metric=metric("AWS/SQS", "ApproximateAgeOfOldestMessage", {"QueueName": queue}, "Maximum"),
        threshold=settings.queue_age_seconds,
    )
    alarm(
        scope,
        names=names,
        kind="dead-letters",
        of=lane,
        means=f"Originals of the lane {lane} are in its dead-letter queue.",
        metric=metric("AWS/SQS", "ApproximateNumberOfMessagesVisible", dead_letter_queue, "Maximum"),
        threshold=settings.dead_letters,
    )
    alarm(
        scope,
        names=names,
        kind="dead-letter-age",
        of=lane,
        means=f"Dead letters of the lane {lane} are about to expire: SQS deletes them after 14 days.",
        metric=metric("AWS/SQS", "ApproximateAgeOfOldestMessage", dead_letter_queue, "Maximum"),
        threshold=settings.dead_letter_age_days * _DAY,
    )


def rule_alarm(scope: Construct, lane: str, rule: str, names: Names) -> None:
    """Alarm on events that ``rule`` could not deliver to the lane's queue."""
    alarm(
        scope,
        names=names,
        kind="originals-unrouted",
        of=lane,
        means=f"EventBridge could not deliver originals to the lane {lane}.",
        metric=metric("AWS/Events", "FailedInvocations", {"RuleName": rule}, "Sum"),
        threshold=names.settings.alarms.unrouted_originals,
    )


def execution_alarms(scope: Construct, lane: str, state_machine_arn: str, names: Names) -> None:
    """Alarm on executions of the lane's state machine that fail or time out."""
    settings = names.settings.alarms
    dimensions = {"StateMachineArn": state_machine_arn}
    alarm(
        scope,
        names=names,
        kind="executions-failed",
        of=lane,
        means=f"Executions of the lane {lane} fail, although its state machine catches every error.",
        metric=metric("AWS/States", "ExecutionsFailed", dimensions, "Sum"),
        threshold=settings.failed_executions,
    )
    alarm(
        scope,
        names=names,
        kind="executions-timed-out",
        of=lane,
        means=f"Executions of the lane {lane} do not finish within {names.settings.pipeline.execution_seconds} s.",
        metric=metric("AWS/States", "ExecutionsTimedOut", dimensions, "Sum"),
        threshold=settings.timed_out_executions,
    )
