"""``prefect.yaml``: every deployment has an existing flow and valid parameters."""

import os
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest
import yaml
from prefect import Flow
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.schedules import construct_schedule
from prefect.flows import load_flow_from_entrypoint
from prefect.states import Running
from prefect.utilities.callables import parameter_schema

from flows.runtime.role import role_of, take_role
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
def test_its_flow_takes_its_role(deployment: dict[str, Any]) -> None:
    assert take_role in (flow_of(deployment).on_running_hooks or ())


@pytest.mark.parametrize(("stage", "profile"), [("dev", "darkroom-dev-takedown"), ("staging", None)])
def test_a_flow_takes_the_role_that_the_worker_has_a_profile_for(
    stage: str, profile: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config"
    config.write_text("[profile darkroom-dev-takedown]\naws_access_key_id = of-the-role\naws_secret_access_key = x\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of-the-worker")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setenv("AWS_PROFILE", "undone by monkeypatch")
    monkeypatch.delenv("AWS_PROFILE")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    flow = load_flow_from_entrypoint("flows.takedown.takedown", use_placeholder_flow=False)
    run = FlowRun(flow_id=uuid4(), parameters={"stage": stage})
    with role_of(flow, run):
        assert access_key() == ("of-the-role" if profile else "of-the-worker")
    assert access_key() == "of-the-worker"
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    take_role(flow, run, Running())
    assert os.environ.get("AWS_PROFILE") == profile
    assert access_key() == ("of-the-role" if profile else "of-the-worker")


def access_key() -> str:
    return boto3.client("sts", "us-east-1")._request_signer._credentials.access_key


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
