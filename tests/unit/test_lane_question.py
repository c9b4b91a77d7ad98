"""What whoever approves a change of lanes may put in."""

from typing import Any

import pytest

from flows.runtime.lane_question import WrongEditError, edited, question_about_lanes
from lambdas.core.settings.lanes import Tuning
from operations.tuning.proposal import Change

TUNING = Tuning()
CHANGES = [Change("shared", None, 20, 60), Change("acme", 48, 70, 70), Change("big-co", 48, 40, 48)]
BUDGET = 160


def answered(**answer: Any) -> list[Change]:
    question = question_about_lanes(CHANGES, "what is proposed")
    return edited(CHANGES, question.model_validate(answer), BUDGET, TUNING)


def test_a_number_stands_there_for_each_lane_with_a_reservation() -> None:
    fields = question_about_lanes(CHANGES, "what is proposed").model_json_schema()["properties"]
    numbers = {field["title"]: field["default"] for name, field in fields.items() if name.startswith("lane_")}
    assert numbers == {"acme": 70, "big-co": 48}


def test_an_approval_is_of_the_proposal_whatever_the_numbers_say() -> None:
    assert answered(decision="approve", lane_acme=9) == CHANGES


def test_an_edit_is_of_its_numbers() -> None:
    found = answered(decision="edit", **{"lane_acme": 60, "lane_big-co": 100})
    assert [change.after for change in found] == [60, 60, 100]


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"lane_acme": 3}, "expected 8 to 400 executions at once for acme but received 3; nothing was changed"),
        ({"lane_acme": 401}, "expected 8 to 400 executions at once for acme but received 401"),
        ({"lane_acme": 113}, "expected at most 160 executions at once for all lanes but received 161"),
    ],
    ids=["below-the-floor", "beyond-the-ceiling", "over-budget"],
)
def test_numbers_that_cannot_be_are_refused(numbers: dict[str, int], message: str) -> None:
    with pytest.raises(WrongEditError, match=message):
        answered(decision="edit", **numbers)
