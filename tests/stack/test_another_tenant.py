"""What a dedicated tenant, one table in darkroom.toml, changes in the templates, and what it leaves alone."""

from typing import Any

import pytest
from assemblies import DEDICATED_TENANT
from synthesized import Assembly

LANE, PIPELINE = f"DarkroomProductionLane-{DEDICATED_TENANT}", "DarkroomProductionPipeline"


@pytest.fixture
def before(assemblies: dict[str, Assembly]) -> Assembly:
    return assemblies["without-dedicated-tenant"]


@pytest.fixture
def after(production: Assembly) -> Assembly:
    return production


def resources(assembly: Assembly, stack: str, kind: str) -> list[dict[str, Any]]:
    found = assembly.templates[stack]["Resources"].values()
    return [resource["Properties"] for resource in found if resource["Type"] == kind]


def test_only_the_shared_rule_and_the_dashboard_change_beside_its_stack(before: Assembly, after: Assembly) -> None:
    assert set(after.templates) - set(before.templates) == {LANE}
    changed = [stack for stack, template in before.templates.items() if after.templates[stack] != template]
    assert changed == ["DarkroomProductionDashboard", PIPELINE]
    old, new = (templates.templates[PIPELINE]["Resources"] for templates in (before, after))
    [name] = [name for name in old.keys() | new.keys() if old.get(name) != new.get(name)]
    assert new[name]["Type"] == "AWS::Events::Rule"


def test_its_originals_go_to_its_own_lane(after: Assembly) -> None:
    [shared] = resources(after, PIPELINE, "AWS::Events::Rule")
    [own] = resources(after, LANE, "AWS::Events::Rule")
    assert shared["EventPattern"]["detail"]["object"]["key"] == [{"anything-but": {"prefix": "acme/"}}]
    assert own["EventPattern"]["detail"]["object"]["key"] == [{"prefix": "acme/"}]


@pytest.mark.parametrize(
    ("kind", "count"),
    [("AWS::Events::Rule", 1), ("AWS::SQS::Queue", 2), ("AWS::Pipes::Pipe", 1), ("AWS::StepFunctions::StateMachine", 1),
     ("AWS::Lambda::Function", 4), ("AWS::Lambda::LayerVersion", 1)],
)  # fmt: skip
def test_its_lane_is_complete(after: Assembly, kind: str, count: int) -> None:
    assert len(resources(after, LANE, kind)) == count


def test_templates_reserve_no_concurrency_for_lanes_so_that_deployments_keep_tuning(after: Assembly) -> None:
    lanes = [
        function
        for stack in (LANE, PIPELINE)
        for function in resources(after, stack, "AWS::Lambda::Function")
        if not function["FunctionName"].endswith(("-generate", "-sweep"))
    ]
    assert len(lanes) == 8
    for function in lanes:
        assert "ReservedConcurrentExecutions" not in function


def test_its_lane_is_published(after: Assembly) -> None:
    names = {parameter["Name"] for parameter in resources(after, LANE, "AWS::SSM::Parameter")}
    assert names >= {
        f"/darkroom/production/lane-acme-{thing}" for thing in ("queue-url", "dlq-url", "pipe", "derive-function")
    }
