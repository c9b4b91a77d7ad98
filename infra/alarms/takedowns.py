"""The alarm on takedowns that could not be ended."""

from constructs import Construct

from infra.alarms.alarm import alarm, metric
from infra.names import Names


def sweep_alarm(scope: Construct, dead_letters: str, names: Names) -> None:
    """Alarm on messages in the queue ``dead_letters`` of the sweep function."""
    alarm(
        scope,
        names=names,
        kind="takedowns-unfinished",
        of="sweep",
        means="Takedowns could not be ended: objects of removed pictures may be left.",
        metric=metric("AWS/SQS", "ApproximateNumberOfMessagesVisible", {"QueueName": dead_letters}, "Maximum"),
        threshold=1,
    )
