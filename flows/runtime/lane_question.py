"""The question whether lanes are to be changed as proposed, with a number for each that whoever approves may edit."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import Field, create_model

from flows.runtime.approval import Approval
from lambdas.core.settings.lanes import Tuning
from operations.tuning.proposal import Change


class WrongEditError(ValueError):
    """The numbers that somebody put in cannot be applied: the message says which and why."""


class LaneApproval(Approval):
    """Approve the proposal, reject it, or edit its numbers and approve those."""

    decision: Literal["approve", "reject", "edit"] = Field(  # type: ignore[assignment]  # one answer more
        description="approve applies the proposal, edit the numbers below, reject nothing."
    )


def question_about_lanes(changes: Sequence[Change], description: str) -> type[LaneApproval]:
    """Return the question, with a field for each lane that has a reservation."""
    fields: dict[str, Any] = {
        _field(change.lane): (int, Field(default=change.after, title=change.lane, description=_description(change)))
        for change in changes
        if change.before is not None
    }
    question = create_model("LaneApproval", __base__=LaneApproval, **fields)
    question._description = description
    return question


def edited(changes: Sequence[Change], answer: LaneApproval, budget: int, tuning: Tuning) -> list[Change]:
    """Return the proposal with the numbers of ``answer``, where it is an edit.

    Raises:
        WrongEditError: a number is below the floor or beyond the ceiling, or together they pass the budget.
    """
    if answer.decision != "edit":
        return list(changes)
    numbers: Mapping[str, int] = {
        each.lane: getattr(answer, _field(each.lane)) for each in changes if each.before is not None
    }
    for lane, number in numbers.items():
        if not tuning.floor <= number <= tuning.ceiling:
            raise WrongEditError(
                f"expected {tuning.floor} to {tuning.ceiling} executions at once for {lane} but received {number};"
                " nothing was changed"
            )
    if sum(numbers.values()) > budget:
        raise WrongEditError(
            f"expected at most {budget} executions at once for all lanes but received {sum(numbers.values())};"
            " nothing was changed"
        )
    return [Change(each.lane, each.before, each.need, numbers.get(each.lane, each.after)) for each in changes]


def _field(lane: str) -> str:
    return f"lane_{lane}"  # a tenant may be called reason


def _description(change: Change) -> str:
    need = "not known" if change.need is None else f"{change.need}"
    return f"Executions at once: has {change.before}, needs {need}."
