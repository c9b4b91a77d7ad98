"""How Lambda's concurrency is divided among lanes, and within one among its functions."""

from itertools import pairwise
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.core.settings import Settings, SettingsError, parse_settings
from lambdas.core.settings.lanes import SHARED_LANE, UNRESERVED_CONCURRENCY, LaneFunction, Lanes

STAGE = "trial"
DEMO = "[tenants.demo]\n"
FUNCTIONS = get_args(LaneFunction)


def settings_with(tables: str = "", stage: str = "") -> Settings:
    return parse_settings(f"{DEMO}{tables}\n[stage.{STAGE}]\n{stage}", STAGE)


@pytest.mark.parametrize(
    ("reserved", "expected"),
    [
        (4, {"validate": 1, "metadata": 1, "derive": 1, "record": 1}),
        (5, {"validate": 1, "metadata": 1, "derive": 2, "record": 1}),
        (16, {"validate": 2, "metadata": 3, "derive": 9, "record": 2}),
        (52, {"validate": 5, "metadata": 9, "derive": 33, "record": 5}),
    ],
)
def test_a_reservation_is_shared_out_by_shares(reserved: int, expected: dict[str, int]) -> None:
    shares: dict[Any, int] = {"validate": 1, "metadata": 2, "derive": 8, "record": 1}
    assert Lanes(account_concurrency=1000, shares=shares).share_out(reserved) == expected


@given(st.fixed_dictionaries(dict.fromkeys(FUNCTIONS, st.integers(1, 50))), st.integers(len(FUNCTIONS), 2000))
def test_it_is_shared_out_whole_with_one_for_each_and_more_for_more(shares: dict[Any, int], reserved: int) -> None:
    shared_out = Lanes(account_concurrency=1000, shares=shares).share_out(reserved)
    assert sum(shared_out.values()) == reserved
    assert min(shared_out.values()) >= 1
    by_share = sorted(shares, key=lambda name: shares[name])
    for less, more in pairwise(by_share):
        assert shared_out[more] >= shared_out[less] or shares[more] == shares[less]


def test_each_lane_s_functions_by_the_settings() -> None:
    settings = settings_with('[tenants.acme]\nlane = "dedicated"\nreserved_concurrency = 24')
    assert sum(settings.reserved_concurrency("acme").values()) == 24
    with pytest.raises(KeyError):
        settings.reserved_concurrency("nobody")


@pytest.mark.parametrize(("stage", "executions"), [("", 400), ("590", 590), ("0", 0)])
def test_the_shared_lane_has_a_ceiling_unless_it_is_taken_away(stage: str, executions: int) -> None:
    settings = settings_with(stage=f"lanes.shared_reserved_concurrency = {stage}" if stage else "")
    assert sum(settings.reserved_concurrency(SHARED_LANE).values()) == executions


def test_functions_that_people_wait_for_have_reservations_and_leave_lambda_its_hundred() -> None:
    settings = settings_with(stage="lanes.reserved.generate = 200")
    assert settings.function_reservations == {
        "authorize": 40, "upload_api": 80, "generate": 200, "sweep": 20, "backfill": 50,
    }  # fmt: skip
    ours = sum(settings.function_reservations.values()) + settings.lanes.shared_reserved_concurrency
    assert ours <= settings.lanes.account_concurrency - UNRESERVED_CONCURRENCY


@pytest.mark.parametrize(
    ("tenant", "stage", "expected", "received"),
    [
        ('lane = "dedicated"', "", "expected reserved_concurrency for a dedicated lane", "none"),
        ('lane = "shared"\nreserved_concurrency = 9', "", "for a dedicated lane only", "9"),
        ('lane = "dedicated"\nreserved_concurrency = 3', "", "greater than or equal to 4", "3"),
        ('lane = "dedicated"\nreserved_concurrency = 901', "", "at most 900 concurrent executions", "1611"),
        ('lane = "dedicated"\nreserved_concurrency = 190', "", "ok", ""),
        ('lane = "dedicated"\nreserved_concurrency = 191', "", "at most 900",
         "tenants.*.reserved_concurrency = 191"),
        ('lane = "dedicated"\nreserved_concurrency = 9', "lanes.account_concurrency = 10", "at most -90",
         "719"),
        ('lane = "shared"', "lanes.shared_reserved_concurrency = 3", "of 0, or of 4 or more", "3"),
        ('lane = "shared"', "lanes.reserved.sweep = 3", "of 0, or of 4 or more", "3"),
        ('lane = "shared"', "lanes.reserved.generate = 311", "at most 900", "lanes.reserved.generate = 311"),
        ('lane = "shared"', 'tenants.sweep = { lane = "dedicated", reserved_concurrency = 9 }',
         "expected another name for a dedicated tenant", "queue of takedowns"),
        ('lane = "shared"', "lanes.reserved.origin_request = 5", "reserved.origin_request", "origin_request"),
        ('lane = "shared"', "lanes.shares = { derive = 1 }", "ok", ""),
        ('lane = "shared"', "lanes.shares.derive = 0", "greater than 0", "0"),
    ],
)  # fmt: skip
def test_reservations_that_lambda_would_refuse(tenant: str, stage: str, expected: str, received: str) -> None:
    tables = f"[tenants.acme]\n{tenant}"
    if expected == "ok":  # a stage's table is laid over the other shares
        assert settings_with(tables, stage).lanes.shares["metadata"]
        return
    with pytest.raises(SettingsError) as refused:
        settings_with(tables, stage)
    assert expected in str(refused.value)
    assert received in str(refused.value)


def test_a_share_that_is_left_out_has_its_default() -> None:
    assert settings_with(stage="lanes.shares = { derive = 20 }").lanes.shares == {
        "validate": 1,
        "metadata": 2,
        "derive": 20,
        "record": 1,
    }


def test_an_account_that_reserves_nothing_may_be_as_small_as_a_new_one() -> None:
    none = "{ authorize = 0, upload_api = 0, generate = 0, sweep = 0 }"
    lanes = f"lanes = {{ account_concurrency = 10, shared_reserved_concurrency = 0, reserved = {none} }}"
    assert settings_with(stage=f"{lanes}\nbackfill.reserved_concurrency = 0").lanes.account_concurrency == 10
    with pytest.raises(SettingsError, match=r"at most -90 concurrent executions.* but received 50"):
        settings_with(stage=lanes)
