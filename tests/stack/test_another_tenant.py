"""A tenant is one table in darkroom.toml: what that changes in the templates, and what it leaves alone."""

from typing import Any

import pytest
from production import production_settings, synthesize_production
from synthesized import Assembly

SETTINGS = production_settings()
TENANT = "acme"  # has a lane of its own there
LANE, PIPELINE = f"DarkroomProductionLane-{TENANT}", "DarkroomProductionPipeline"


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    others = {name: tenant for name, tenant in SETTINGS.tenants.items() if name != TENANT}
    settings = SETTINGS.model_copy(update={"tenants": others})
    return synthesize_production(tmp_path_factory.mktemp("before"), settings, judged=False)


@pytest.fixture(scope="module")
def after(production: Assembly) -> Assembly:
    return production


def resources(assembly: Assembly, stack: str, kind: str) -> list[dict[str, Any]]:
    found = assembly.templates[stack]["Resources"].values()
    return [resource["Properties"] for resource in found if resource["Type"] == kind]


def test_it_gets_a_stack_and_every_other_is_as_it_was_but_for_the_shared_rule_and_the_dashboard(
    before: Assembly, after: Assembly
) -> None:
    assert set(after.templates) - set(before.templates) == {LANE}
    changed = [stack for stack, template in before.templates.items() if after.templates[stack] != template]
    assert changed == ["DarkroomProductionDashboard", PIPELINE]
    old, new = (templates.templates[PIPELINE]["Resources"] for templates in (before, after))
    [name] = [name for name in old.keys() | new.keys() if old.get(name) != new.get(name)]
    assert new[name]["Type"] == "AWS::Events::Rule"


def test_its_originals_leave_the_shared_lane_for_its_own(after: Assembly) -> None:
    [shared] = resources(after, PIPELINE, "AWS::Events::Rule")
    [own] = resources(after, LANE, "AWS::Events::Rule")
    assert shared["EventPattern"]["detail"]["object"]["key"] == [{"anything-but": {"prefix": "acme/"}}]
    assert own["EventPattern"]["detail"]["object"]["key"] == [{"prefix": "acme/"}]


@pytest.mark.parametrize(
    ("kind", "count"),
    [("AWS::Events::Rule", 1), ("AWS::SQS::Queue", 2), ("AWS::Pipes::Pipe", 1), ("AWS::StepFunctions::StateMachine", 1),
     ("AWS::Lambda::Function", 4), ("AWS::Lambda::LayerVersion", 1)],
)  # fmt: skip
def test_its_lane_is_whole(after: Assembly, kind: str, count: int) -> None:
    assert len(resources(after, LANE, kind)) == count


def test_no_lanes_reservation_is_the_templates_so_that_no_deployment_undoes_its_tuning(after: Assembly) -> None:
    for stack in (LANE, PIPELINE):
        for function in resources(after, stack, "AWS::Lambda::Function"):
            assert "ReservedConcurrentExecutions" not in function


def test_what_its_lane_is_made_of_can_be_found(after: Assembly) -> None:
    names = {parameter["Name"] for parameter in resources(after, LANE, "AWS::SSM::Parameter")}
    assert names >= {
        f"/darkroom/production/lane-acme-{thing}" for thing in ("queue-url", "dlq-url", "pipe", "derive-function")
    }
