"""The CDK's own command deploys every stack, changes one setting and takes all down; a picture goes through it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
import samples
from cdk_command import CdkCommand, copied_checkout, why_unavailable, write_filtered_assembly
from outcomes import await_outcome, upload

from infra.local.cloudformation.deploy import Deployment
from infra.local.endpoint import ACCOUNT, CLIENT_CONFIG, Endpoint
from infra.local.stack import ASSEMBLY, LocalStack
from infra.local.state import Ports
from infra.names import Names
from lambdas.core.keys import MIME_TYPES
from lambdas.core.settings import load_settings

# Where a function's versions are numbered, new code makes one, and its address is published.
OF_NEW_CODE = {"AWS::Lambda::Function": {"Code"}, "AWS::Lambda::Version": set(), "AWS::SSM::Parameter": {"Value"}}


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    if reason := why_unavailable():
        pytest.skip(f"the CDK's command cannot be had from npm: {reason}")
    folder = tmp_path_factory.mktemp("cdk")

    def deploy(assembly: Path, endpoint: Endpoint, _announce: object) -> Deployment:
        cdk, filtered = CdkCommand(endpoint), folder / "assembly"
        stripped = write_filtered_assembly(assembly, filtered)
        cdk.bootstrap(filtered)
        printed = cdk.deploy(filtered)
        return Deployment([line.split()[1] for line in printed.splitlines() if line.startswith("✅")], stripped)

    running = LocalStack.start(Ports.any_free(), folder / "home", deploy=deploy)
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def image_id(deployed: LocalStack, tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("picture") / "photo.jpg"
    file.write_bytes(samples.jpeg())
    return upload(deployed, file)


def assert_shown(stack: LocalStack, image_id: str) -> None:
    with httpx.Client(trust_env=False, timeout=60) as http:
        answer = http.get(f"{stack.edge_url}/img/{image_id}?w=512&dpr=1", headers={"Accept": "image/avif"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, MIME_TYPES["avif"]), answer.text


def test_a_picture_goes_through_what_the_command_deployed(deployed: LocalStack, image_id: str) -> None:
    assert deployed.deployment
    assert len(deployed.deployment.stacks) == len(set(deployed.deployment.stacks)) > 5
    record = await_outcome(deployed, image_id)
    assert record["state"] == "ready", record.get("rejection")
    assert set(record["derivatives"]) == {str(variant) for variant in deployed.settings.eager_variants}
    assert_shown(deployed, image_id)


def test_a_changed_setting_changes_only_what_depends_on_it(deployed: LocalStack, image_id: str, tmp_path: Path) -> None:
    checkout = copied_checkout(tmp_path)
    cdk = CdkCommand(deployed.endpoint, checkout)
    context = json.loads((checkout / "cdk.json").read_text(encoding="utf-8"))
    context["context"]["target"] = "host"  # this machine's assets again, not AWS's
    (checkout / "cdk.json").write_text(json.dumps(context), encoding="utf-8")
    seconds = load_settings().delivery.not_found_seconds
    toml = (checkout / "darkroom.toml").read_text(encoding="utf-8")
    changed = f"delivery.not_found_seconds = {seconds - 1}\nlimits.max_side = 29_999\n{toml}"
    (checkout / "darkroom.toml").write_text(changed, encoding="utf-8")

    cdk.make("synth", f"STAGE={deployed.settings.stage}")
    write_filtered_assembly(checkout / "cdk.out", tmp_path / "assembly")
    changes = cdk.changes(tmp_path / "assembly")

    # What functions read travels in the code of all but the edge's, which has the few that it needs inlined.
    beside = {stack: resources for stack, resources in changes.items() if not stack.endswith("Delivery")}
    for stack, resources in beside.items():
        for (kind, name), properties in resources.items():
            assert kind in OF_NEW_CODE, f"{stack}: {kind} {name}"
            assert properties <= OF_NEW_CODE[kind], f"{stack}: {kind} {name}"
    delivery = next(resources for stack, resources in changes.items() if stack.endswith("Delivery"))
    assert {kind: properties for (kind, _), properties in delivery.items()} == {
        "AWS::CloudFront::Function": {"FunctionCode"},
        "AWS::CloudFront::CachePolicy": {"CachePolicyConfig"},
        "AWS::CloudFront::Distribution": {"DistributionConfig"},
    }
    untouched = {stack for stack, resources in changes.items() if not resources}
    assert {stack.removeprefix("DarkroomDev") for stack in untouched} >= {"Storage", "Analytics"}

    printed = cdk.deploy(tmp_path / "assembly")
    unchanged = {line.split()[1] for line in printed.splitlines() if line.endswith("(no changes)")}
    assert unchanged == untouched
    assert await_outcome(deployed, image_id)["state"] == "ready"
    assert_shown(deployed, image_id)


def test_destroy_removes_everything_as_documented(deployed: LocalStack, tmp_path: Path) -> None:
    assert stacks(deployed)
    assert buckets(deployed)
    for bucket in buckets(deployed):
        bucket.object_versions.delete()
    write_filtered_assembly(ASSEMBLY, tmp_path / "assembly")
    CdkCommand(deployed.endpoint).make("destroy", f"OPTIONS=--app {tmp_path / 'assembly'} --force --ci")
    assert not stacks(deployed)
    assert not buckets(deployed)


def buckets(stack: LocalStack) -> list[Any]:
    session = boto3.Session(stack.keys.access_key, stack.keys.secret_key, region_name=stack.endpoint.region)
    s3 = session.resource("s3", endpoint_url=stack.endpoint.url, config=CLIENT_CONFIG)
    return [bucket for bucket in s3.buckets.all() if bucket.name.startswith(f"{stack.settings.prefix}-")]


def stacks(stack: LocalStack) -> set[str]:
    beginning = Names(stack.settings, ACCOUNT).stack("")
    return {
        found["StackName"]
        for region in (stack.settings.regions.primary, stack.settings.regions.replica)
        for page in stack.client("cloudformation", region).get_paginator("describe_stacks").paginate()
        for found in page["Stacks"]
        if found["StackName"].startswith(beginning) and found["StackStatus"] != "DELETE_COMPLETE"
    }
