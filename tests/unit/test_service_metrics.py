"""What the emulator's queues tell CloudWatch, as SQS would."""

from infra.local.emulator.service_metrics import queue_figures

NOW = 1_000.0


def test_queue_figures() -> None:
    waiting = {"sent_at": NOW - 30, "visible_at": NOW - 30}
    in_flight = {"sent_at": NOW - 90, "visible_at": NOW + 60}
    assert queue_figures([waiting, waiting, in_flight], NOW) == {
        "ApproximateNumberOfMessagesVisible": 2,
        "ApproximateNumberOfMessagesNotVisible": 1,
        "ApproximateAgeOfOldestMessage": 90,
    }


def test_figures_of_an_empty_queue() -> None:
    assert set(queue_figures([], NOW).values()) == {0}
