"""The CDK's own command deploys every stack, at the third attempt, changes one setting and takes all down."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
import samples
from cdk_command import CdkCommand, copied_checkout, why_unavailable, write_filtered_assembly
from outcomes import await_outcome, upload

from infra.local.cloudformation.assembly import Template
from infra.local.cloudformation.deploy import Deployment
from infra.local.emulator.stack_operations import ACCOUNT_CONCURRENCY
from infra.local.endpoint import ACCOUNT, CLIENT_CONFIG, Endpoint
from infra.local.stack import LocalStack
from infra.local.state import Ports
from infra.names import Names
from lambdas.core.keys import MIME_TYPES
from lambdas.core.settings import DEFAULT_STAGE, load_settings
from lambdas.core.settings.lanes import UNRESERVED_CONCURRENCY
from operations.stack_protection import stage_stacks

# Where a function's versions are numbered, new code makes one, and its address is published.
OF_NEW_CODE = {"AWS::Lambda::Function": {"Code"}, "AWS::Lambda::Version": set(), "AWS::SSM::Parameter": {"Value"}}


def protect(toml: str) -> str:
    """Change the stage of a settings file to a protected one."""
    return re.sub(r"(?<=protected = )false", "true", toml)


def reserve_too_much(stack: str, template: Template) -> None:
    """Have the backfill reserve more than the account has, as in a new account with a small quota."""
    if stack.endswith("Backfill"):
        function = next(each for each in template["Resources"].values() if each["Type"] == "AWS::Lambda::Function")
        function["Properties"]["ReservedConcurrentExecutions"] = ACCOUNT_CONCURRENCY - UNRESERVED_CONCURRENCY + 1


def break_storage_too(stack: str, template: Template) -> None:
    """Have the creation of everything that holds data fail at its end."""
    reserve_too_much(stack, template)
    if stack.endswith("Storage"):
        properties = {
            "Runtime": "python3.13",
            "Handler": "index.handler",
            "Role": f"arn:aws:iam::{ACCOUNT}:role/any",
            "Code": {"ZipFile": "def handler(event, context): pass"},
            "ReservedConcurrentExecutions": ACCOUNT_CONCURRENCY,
        }
        last = {"Type": "AWS::Lambda::Function", "DependsOn": list(template["Resources"]), "Properties": properties}
        template["Resources"]["Last"] = last


@dataclass
class FirstDeployment:
    """What ``make deploy`` printed, before the bootstrap and at each attempt, and which stacks were then protected."""

    checkout: Path
    refused: str = ""
    printed: list[str] = field(default_factory=list)
    protected: list[set[str]] = field(default_factory=list)
    assembly: Path = Path()


@pytest.fixture(scope="module")
def attempts(tmp_path_factory: pytest.TempPathFactory) -> FirstDeployment:
    if reason := why_unavailable():
        pytest.skip(f"the CDK's command cannot be had from npm: {reason}")
    return FirstDeployment(copied_checkout(tmp_path_factory.mktemp("cdk") / "checkout", protect))


@pytest.fixture(scope="module")
def deployed(attempts: FirstDeployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """Deploy a protected stage, which fails twice before it succeeds."""
    folder = tmp_path_factory.mktemp("assemblies")

    def deploy(_assembly: Path, endpoint: Endpoint, _announce: object) -> Deployment:
        cdk = CdkCommand(endpoint, attempts.checkout)
        cdk.make("synth", f"STAGE={DEFAULT_STAGE}")
        attempts.refused = cdk.deploy(attempts.checkout / "cdk.out", fails=True)
        cdk.bootstrap()
        stripped = []
        for name, change in {"storage": break_storage_too, "backfill": reserve_too_much, "mended": None}.items():
            attempts.assembly = folder / name
            stripped = write_filtered_assembly(
                attempts.checkout / "cdk.out", attempts.assembly, *([change] if change else [])
            )
            attempts.printed.append(cdk.deploy(attempts.assembly, fails=change is not None))
            attempts.protected.append({name for name, protected in stacks(endpoint).items() if protected})
        finished = [line.split()[1] for line in attempts.printed[-1].splitlines() if line.startswith("✅")]
        return Deployment(finished, stripped)

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


def test_preflight_stops_a_deployment_without_bootstrap(attempts: FirstDeployment, deployed: LocalStack) -> None:
    assert deployed
    assert "make bootstrap" in attempts.refused
    assert "DarkroomDev" not in attempts.refused, "expected the CDK's command not to begin"


def test_a_failed_first_deployment_is_repeated(attempts: FirstDeployment, deployed: LocalStack) -> None:
    storage, backfill, mended = attempts.printed
    assert "DarkroomDevStorage" in failed(storage)
    assert failed(backfill) == ["DarkroomDevBackfill"]
    assert "UnreservedConcurrentExecution below its minimum" in backfill
    assert failed(mended) == []
    assert set(stacks(deployed.endpoint)) == attempts.protected[-1]


def test_only_what_exists_is_protected(attempts: FirstDeployment, deployed: LocalStack) -> None:
    first, second, last = attempts.protected
    assert "DarkroomDevReplica" in first < second < last
    assert (last - first) >= {"DarkroomDevStorage", "DarkroomDevBackfill"}
    assert "DarkroomDevBackfill" not in second
    table = deployed.client("dynamodb").describe_table(TableName=deployed.parameter("images-table"))["Table"]
    assert table["DeletionProtectionEnabled"] is True


def failed(printed: str) -> list[str]:
    """Return the stacks of which ``cdk deploy`` says that they failed."""
    return re.findall(r"^❌\s+(\S+) failed", printed, re.MULTILINE)


def test_a_picture_goes_through_what_the_command_deployed(deployed: LocalStack, image_id: str) -> None:
    assert deployed.deployment
    assert len(deployed.deployment.stacks) == len(set(deployed.deployment.stacks)) > 5
    record = await_outcome(deployed, image_id)
    assert record["state"] == "ready", record.get("rejection")
    assert set(record["derivatives"]) == {str(variant) for variant in deployed.settings.eager_variants}
    assert_shown(deployed, image_id)


def test_a_changed_setting_changes_only_what_depends_on_it(deployed: LocalStack, image_id: str, tmp_path: Path) -> None:
    seconds = load_settings().delivery.not_found_seconds
    changed = f"delivery.not_found_seconds = {seconds - 1}\nlimits.max_side = 29_999\n"
    checkout = copied_checkout(tmp_path / "checkout", lambda toml: changed + protect(toml))
    cdk = CdkCommand(deployed.endpoint, checkout)

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


def test_destroy_removes_everything_as_documented(
    attempts: FirstDeployment, deployed: LocalStack, tmp_path: Path
) -> None:
    refused = CdkCommand(deployed.endpoint, attempts.checkout).destroy(attempts.assembly, fails=True)
    assert "TerminationProtection is enabled" in refused

    checkout = copied_checkout(tmp_path / "checkout", lambda toml: toml)
    cdk, assembly = CdkCommand(deployed.endpoint, checkout), tmp_path / "assembly"
    cdk.make("synth", f"STAGE={deployed.settings.stage}")
    write_filtered_assembly(checkout / "cdk.out", assembly)
    cdk.deploy(assembly)
    assert not any(stacks(deployed.endpoint).values())
    assert buckets(deployed)
    for bucket in buckets(deployed):
        bucket.object_versions.delete()

    assert "CloudFront still has replicas" in cdk.destroy(assembly, fails=True)
    assert not stacks(deployed.endpoint)
    assert not buckets(deployed)
    names = Names(deployed.settings, ACCOUNT)
    functions = deployed.client("lambda")
    assert functions.get_function(FunctionName=names.function("origin_request"))
    cdk.destroy(assembly)  # when the replicas are gone
    with pytest.raises(functions.exceptions.ResourceNotFoundException):
        functions.get_function(FunctionName=names.function("origin_request"))
    assert not deployed.client("dynamodb").list_tables()["TableNames"]


def buckets(stack: LocalStack) -> list[Any]:
    session = boto3.Session(stack.keys.access_key, stack.keys.secret_key, region_name=stack.endpoint.region)
    s3 = session.resource("s3", endpoint_url=stack.endpoint.url, config=CLIENT_CONFIG)
    return [bucket for bucket in s3.buckets.all() if bucket.name.startswith(f"{stack.settings.prefix}-")]


def stacks(endpoint: Endpoint) -> dict[str, bool]:
    """Return whether each of the stage's stacks is protected from termination."""
    settings = load_settings()
    found = stage_stacks(settings, endpoint.client, (settings.regions.primary, settings.regions.replica))
    return {each.name: each.is_protected for each in found}
