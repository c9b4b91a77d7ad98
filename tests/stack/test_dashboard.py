"""The dashboard shows every alarm and every lane, and costs are at list prices."""

import json
import re
from typing import Any

import pytest
from synthesized import Assembly

from infra.names import Names
from lambdas.core.settings import Settings
from operations.costs.prices import PRICES

LONGEST_EXPRESSION = 2048  # characters: CloudWatch's metric math
WIDEST = 24


@pytest.fixture(scope="module")
def widgets(aws: Assembly) -> list[dict[str, Any]]:
    body = aws.one("AWS::CloudWatch::Dashboard").properties["DashboardBody"]
    text = "".join(part if isinstance(part, str) else part["Ref"] for part in body["Fn::Join"][1])
    found: list[dict[str, Any]] = json.loads(text)["widgets"]
    return found


def metrics(widget: dict[str, Any]) -> list[list[Any]]:
    found: list[list[Any]] = widget["properties"].get("metrics", [])
    return found


def expressions(widget: dict[str, Any]) -> list[str]:
    return [metric[0]["expression"] for metric in metrics(widget) if isinstance(metric[0], dict)]


def titled(widgets: list[dict[str, Any]], beginning: str) -> list[dict[str, Any]]:
    found = [each for each in widgets if each["properties"].get("title", "").startswith(beginning)]
    assert found, beginning
    return found


def test_headings_are_in_order(widgets: list[dict[str, Any]]) -> None:
    headings = [each["properties"]["markdown"] for each in widgets if each["type"] == "text"]
    assert [re.sub(r"\?.*", "?", heading) for heading in headings] == [
        "## Is it healthy?", "## Who is hurting?", "## What does it cost?",
    ]  # fmt: skip


def test_dashboard_shows_every_alarm(widgets: list[dict[str, Any]], aws: Assembly) -> None:
    shown = [arn for each in widgets if each["type"] == "alarm" for arn in each["properties"]["alarms"]]
    names = {alarm.properties["AlarmName"] for alarm in aws.all("AWS::CloudWatch::Alarm")}
    assert {arn.rpartition(":")[2] for arn in shown} == names
    assert len(shown) == len(names)


def test_every_lane_has_its_row_and_its_cost(widgets: list[dict[str, Any]], settings: Settings) -> None:
    (costs,) = titled(widgets, "USD an hour, by lane")
    for lane in settings.lane_names:
        assert len(titled(widgets, f"{lane}: ")) == 4
        assert any(
            metric[0].get("label", "").startswith(lane) for metric in metrics(costs) if isinstance(metric[0], dict)
        )


def test_costs_are_at_list_prices(widgets: list[dict[str, Any]]) -> None:
    (costs,) = titled(widgets, "USD an hour, by service")
    (requests,) = (
        each for each in metrics(costs) if each[:2] == ["AWS/WAFV2", "Requests"] or each[-1].get("id") == "s7_0_0"
    )
    (priced,) = (each for each in expressions(costs) if "s7_0_0" in each)
    (factor,) = re.findall(r"\* ([0-9.]+)", priced)
    assert requests[:2] == ["AWS/CloudFront", "Requests"]
    assert float(factor) / 10**12 == pytest.approx(PRICES.web_acl_million_requests / 10**6)


def test_expressions_are_within_cloudwatchs_limit(widgets: list[dict[str, Any]]) -> None:
    found = [expression for each in widgets for expression in expressions(each)]
    assert found
    assert max(map(len, found)) <= LONGEST_EXPRESSION


def test_tenant_rows_search_the_handlers_namespace(widgets: list[dict[str, Any]], aws: Assembly, names: Names) -> None:
    (waits,) = titled(widgets, "Seconds from upload to outcome")
    assert f"{{{names.metrics_namespace},service,tenant}}" in expressions(waits)[0]
    namespaces = {
        function.properties["Environment"]["Variables"]["POWERTOOLS_METRICS_NAMESPACE"]
        for function in aws.all("AWS::Lambda::Function")
        if "Environment" in function.properties
    }
    assert namespaces == {names.metrics_namespace}


def test_rows_have_full_width(widgets: list[dict[str, Any]]) -> None:
    rows: dict[int, int] = {}
    for widget in widgets:
        rows[widget["y"]] = rows.get(widget["y"], 0) + widget["width"]
    assert set(rows.values()) == {WIDEST}
