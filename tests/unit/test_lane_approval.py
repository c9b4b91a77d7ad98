"""The form that approves a change of lanes, and edits of its numbers."""

from typing import Any

import pytest

from flows.tenant_concurrency import edited, lane_approval_form
from lambdas.core.settings.lanes import Tuning
from operations.tuning.proposal import Change, WrongEditError

TUNING = Tuning()
CHANGES = [Change("shared", None, 20, 60), Change("acme", 48, 70, 70), Change("big-co", 48, 40, 48)]
BUDGET = 160


def submitted(**values: Any) -> list[Change]:
    form = lane_approval_form(CHANGES, "the proposal")
    return edited(CHANGES, form.model_validate(values), BUDGET, TUNING)


def test_each_lane_with_a_reservation_has_a_number_field() -> None:
    fields = lane_approval_form(CHANGES, "the proposal").model_json_schema()["properties"]
    numbers = {field["title"]: field["default"] for name, field in fields.items() if name.startswith("lane_")}
    assert numbers == {"acme": 70, "big-co": 48}


def test_an_approval_ignores_the_numbers() -> None:
    assert submitted(decision="approve", lane_acme=9) == CHANGES


def test_an_edit_applies_the_numbers() -> None:
    found = submitted(decision="edit", **{"lane_acme": 60, "lane_big-co": 100})
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
def test_invalid_numbers_are_refused(numbers: dict[str, int], message: str) -> None:
    with pytest.raises(WrongEditError, match=message):
        submitted(decision="edit", **numbers)
