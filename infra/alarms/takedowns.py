"""Alarms on takedowns that do not end."""

from constructs import Construct

from infra.alarms.alarm import alarm, metric
from infra.names import Names
from lambdas.core.life import FINAL_SECONDS

_OVERDUE = 3  # times as old as a message of a takedown that ends in time
_DAY = 86_400


def sweep_alarms(scope: Construct, queue: str, dead_letters: str, names: Names) -> None:
    """Alarm on the age of messages in the ``queue`` of the sweep function, and on its ``dead_letters``."""
    settings, dead_letter_queue = names.settings.alarms, {"QueueName": dead_letters}
    alarm(
        scope,
        names=names,
        kind="queue-age",
        of="sweep",
        means="Takedowns wait too long for their end.",
        metric=metric("AWS/SQS", "ApproximateAgeOfOldestMessage", {"QueueName": queue}, "Maximum"),
        threshold=_OVERDUE * FINAL_SECONDS,
    )
    alarm(
        scope,
        names=names,
        kind="dead-letters",
        of="sweep",
        means="Takedowns could not be ended: objects of removed pictures may be left.",
        metric=metric("AWS/SQS", "ApproximateNumberOfMessagesVisible", dead_letter_queue, "Maximum"),
        threshold=settings.dead_letters,
    )
    alarm(
        scope,
        names=names,
        kind="dead-letter-age",
        of="sweep",
        means="Takedowns that could not be ended are about to be forgotten: SQS deletes dead letters after 14 days.",
        metric=metric("AWS/SQS", "ApproximateAgeOfOldestMessage", dead_letter_queue, "Maximum"),
        threshold=settings.dead_letter_age_days * _DAY,
    )
