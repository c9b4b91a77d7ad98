"""``prefect.yaml``: every deployment has an existing flow and valid parameters."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect import Flow
from prefect.client.schemas.schedules import construct_schedule
from prefect.flows import load_flow_from_entrypoint
from prefect.utilities.callables import parameter_schema

from flows.serve import DeploymentsError, read_deployments

CHECKOUT = Path(__file__).resolve().parents[2]
CONFIGURATION = yaml.safe_load((CHECKOUT / "prefect.yaml").read_text(encoding="utf-8"))

deployments = pytest.mark.parametrize(
    "deployment",
    CONFIGURATION["deployments"],
    ids=lambda deployment: f"{deployment['entrypoint']} {deployment['name']}",
)


def flow_of(deployment: dict[str, Any]) -> Flow[..., Any]:
    file, _, name = deployment["entrypoint"].partition(":")
    assert (CHECKOUT / file).is_file()
    return load_flow_from_entrypoint(f"{file.removesuffix('.py').replace('/', '.')}.{name}", use_placeholder_flow=False)


@deployments
def test_its_parameters_are_valid(deployment: dict[str, Any]) -> None:
    flow = flow_of(deployment)
    flow.validate_parameters(deployment.get("parameters", {}))


@deployments
def test_every_parameter_of_the_flow_has_a_description(deployment: dict[str, Any]) -> None:
    for name, schema in parameter_schema(flow_of(deployment).fn).properties.items():
        assert schema.get("description"), name


@deployments
def test_its_schedules_are_in_utc(deployment: dict[str, Any]) -> None:
    for schedule in deployment.get("schedules", ()):
        assert construct_schedule(cron=schedule["cron"], timezone=schedule["timezone"]).timezone == "UTC"
        assert schedule["timezone"] == "UTC"


@deployments
def test_it_has_description_tags_and_work_pool(deployment: dict[str, Any]) -> None:
    assert deployment["description"]
    assert deployment["tags"]
    assert deployment["work_pool"]["name"] == "darkroom"


@deployments
def test_it_is_served_as_it_is_deployed(deployment: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(CHECKOUT)  # entrypoints are paths in the checkout
    (read,) = [
        each
        for each in read_deployments()
        if each.name == deployment["name"] and each.entrypoint == deployment["entrypoint"]
    ]
    served = read.serve("staging")
    assert served.parameters == {**deployment.get("parameters", {}), "stage": "staging"}
    assert [schedule.schedule.cron for schedule in served.schedules or ()] == [
        schedule["cron"] for schedule in deployment.get("schedules", ())
    ]
    assert served.tags == deployment["tags"]


def test_an_unknown_field_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "prefect.yaml"
    file.write_text("deployments: [{name: x, description: y, entrypoint: a.py:b, schedule: [{cron: '* * * * *'}]}]")
    with pytest.raises(DeploymentsError, match=r"received schedule: Extra inputs are not permitted"):
        read_deployments(file)
