"""Lanes as the settings name them: their rules and their names."""

from typing import Any

import pytest

from infra.constructs.lane.routing import PatternTooLongError, event_pattern
from infra.names import Names, NameTooLongError
from infra.synth import NO_ACCOUNT
from lambdas.core.settings import (
    Settings,
    SettingsError,
    parse_settings,
)

STAGE = "staging"
TABLES = {"shared": 'lane = "shared"', "dedicated": 'lane = "dedicated"\nreserved_concurrency = 8'}


def with_tenants(**lanes: str) -> Settings:
    tables = "".join(f"\n[tenants.{tenant}]\n{TABLES[lane]}\n" for tenant, lane in lanes.items())
    return parse_settings(f"[tenants.demo]\n{tables}\n[stage.{STAGE}]", STAGE)


@pytest.mark.parametrize(
    ("lane", "dedicated", "key"),
    [
        ("shared", (), None),
        ("shared", ("acme",), [{"anything-but": {"prefix": "acme/"}}]),
        ("shared", ("zenith", "acme"), [{"anything-but": {"prefix": ["acme/", "zenith/"]}}]),
        ("acme", ("acme", "zenith"), [{"prefix": "acme/"}]),
    ],
)
def test_each_original_is_for_one_lane(lane: str, dedicated: tuple[str, ...], key: list[Any] | None) -> None:
    pattern = event_pattern("originals", lane, with_tenants(**dict.fromkeys(dedicated, "dedicated")))
    assert pattern["detail"]["bucket"] == {"name": ["originals"]}
    assert pattern["detail"].get("object") == (None if key is None else {"key": key})


def test_more_dedicated_tenants_than_a_rule_can_leave_out_are_refused_before_eventbridge_does() -> None:
    settings = with_tenants(**{f"tenant-number-{number}": "dedicated" for number in range(100)})
    with pytest.raises(PatternTooLongError, match=r"at most 2048 characters .* received \d+: .* 100 dedicated tenants"):
        event_pattern("originals", "shared", settings)


def test_the_shared_lane_is_always_there() -> None:
    assert with_tenants(acme="dedicated", bazaar="shared").lane_names == ("shared", "acme")


def test_no_dedicated_lane_takes_the_shared_one_s_name() -> None:
    with pytest.raises(SettingsError, match="expected another name for a dedicated tenant but received 'shared'"):
        with_tenants(shared="dedicated")


def test_a_tenant_whose_functions_would_have_too_long_a_name_is_refused_before_aws_does() -> None:
    names = Names(with_tenants(), NO_ACCOUNT)
    with pytest.raises(
        NameTooLongError, match=r"at most 64 characters but received 'darkroom-staging-x+-metadata' \(\d+\)"
    ):
        names.function("metadata", "x" * 45)


def test_a_bucket_name_that_s3_would_refuse_is_refused_before() -> None:
    names = Names(with_tenants(), NO_ACCOUNT)
    with pytest.raises(NameTooLongError, match="at most 63 characters"):
        names.bucket("derivatives", "ap-southeast-1-and-a-longer-one")
