"""What redriving and discarding refuse, and when they need approval, whichever door they come through."""

from datetime import UTC, datetime

import pytest

from operations.approval import NotApprovedError
from operations.dead_letters.message import DeadMessage, Failure
from operations.dead_letters.plan import Choice, Taking, TakingPlan, WrongChoiceError

NOW = datetime(2026, 11, 1, 6, tzinfo=UTC)
NAMES = frozenset({"m1"})


def message(number: int, error: str = "AccessDenied") -> DeadMessage:
    failure = Failure("Record", error, "why", 5, "2026-11-01", "execution")
    return DeadMessage("shared", f"m{number}", "body", NOW, failure, "handle")


@pytest.mark.parametrize(
    ("action", "names", "because", "everything", "expected"),
    [
        ("redrive", None, None, False, "names or a part of the reason, or everything but received none of these"),
        ("redrive", [], "", False, "received none of these"),
        ("redrive", ["m1"], None, True, "received all of these"),
        ("redrive", None, "Access", True, "received all of these"),
        ("discard", None, None, False, "names or a part of the reason but received none of these"),
        ("discard", [], "", False, "received none of these"),
        ("discard", None, None, True, "with discard but received everything"),
        ("discard", ["m1"], None, True, "with discard but received everything"),
    ],
)
def test_a_choice_has_to_be_made(
    action: Taking, names: list[str] | None, because: str | None, expected: str, *, everything: bool
) -> None:
    with pytest.raises(WrongChoiceError, match=expected):
        Choice.to_take(action, names, because, everything=everything)


@pytest.mark.parametrize(
    ("choice", "chosen"),
    [
        (Choice.to_take("redrive", None, None, everything=True), ["m1", "m2"]),
        (Choice.to_take("redrive", NAMES, None), ["m1"]),
        (Choice.to_take("discard", None, "Denied"), ["m1"]),
        (Choice.to_take("discard", NAMES, "Throttled"), []),
        (Choice.to_take("discard", ["m2"], "Throttled"), ["m2"]),
    ],
)
def test_a_choice_includes_what_has_the_name_and_the_reason(choice: Choice, chosen: list[str]) -> None:
    both = [message(1), message(2, "Throttled")]
    assert [each.message_id for each in both if choice.includes(each)] == chosen


@pytest.mark.parametrize(
    ("action", "messages", "asked"),
    [("discard", 10, False), ("discard", 11, True), ("discard", 0, False), ("redrive", 1000, False)],
)
def test_discarding_more_than_the_limit_needs_approval(action: Taking, messages: int, *, asked: bool) -> None:
    warnings: list[str] = []
    plan = TakingPlan(action, [message(number) for number in range(messages)])
    plan.require_approval(10, warnings.append)
    assert bool(warnings) is asked
    if asked:
        assert "11 messages will be deleted permanently" in warnings[0]
        assert "11 of shared: Record: AccessDenied" in warnings[0]


def test_a_refusal_reaches_the_caller() -> None:
    def refuse(_warning: str) -> None:
        raise NotApprovedError("rejected; nothing was changed", rejected=True)

    with pytest.raises(NotApprovedError):
        TakingPlan("discard", [message(1)]).require_approval(0, refuse)


def test_messages_that_came_after_the_listing_are_left() -> None:
    plan = TakingPlan("discard", [message(1)])
    assert plan.includes(message(1))
    assert not plan.includes(message(2))
