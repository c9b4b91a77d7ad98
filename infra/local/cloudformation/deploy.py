"""Deployment of a synthesized assembly to the emulator: publish assets, filter, deploy, set what was dropped."""

import io
import json
import os
import time
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from infra.local.cloudformation.assembly import Asset, Stack, Template, read_assembly
from infra.local.cloudformation.dropped import Dropped, apply_dropped, collect_dropped
from infra.local.cloudformation.template_filter import Stripped, filter_template
from infra.local.endpoint import ACCOUNT, Endpoint
from infra.local.errors import LocalStackError


def zip_folder(folder: Path) -> bytes:
    """Return ``folder`` as a zip archive, not compressed: it only goes over loopback."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for parent, folders, files in os.walk(folder, followlinks=True):
            folders.sort()
            for name in sorted(files):
                path = Path(parent) / name
                archive.write(path, path.relative_to(folder))
    return buffer.getvalue()


class AssetPublisher:
    """Puts assets where templates expect them; creates the staging buckets that a bootstrap would have created."""

    def __init__(self, endpoint: Endpoint):
        self._endpoint = endpoint
        self._clients: dict[str, Any] = {}
        self._buckets: set[str] = set()
        self._published: set[tuple[str, str]] = set()

    def publish(self, assets: Iterable[Asset], region: str) -> None:
        """Upload what is not there yet of ``assets`` to buckets in ``region``."""
        for asset in assets:
            if (asset.bucket, asset.key) not in self._published:
                body = zip_folder(asset.source) if asset.packaging == "zip" else asset.source.read_bytes()
                self.put(asset.bucket, asset.key, body, region)

    def put(self, bucket: str, key: str, body: bytes, region: str) -> str:
        """Upload ``body``, and return the URL at which CloudFormation reads it."""
        if region not in self._clients:
            self._clients[region] = self._endpoint.client("s3", region)
        s3 = self._clients[region]
        if bucket not in self._buckets:
            where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
            s3.create_bucket(Bucket=bucket, **where)
            self._buckets.add(bucket)
        s3.put_object(Bucket=bucket, Key=key, Body=body)
        self._published.add((bucket, key))
        return f"{self._endpoint.url}/{bucket}/{key}"


_CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
_BOOTSTRAP_PARAMETER = "/cdk-bootstrap/hnb659fds/version"
_BOOTSTRAP_VERSION = "30"  # CDK's default synthesizer asks for 6 or later
_TEMPLATE_BUCKET = "darkroom-local-templates"
_POLL_SECONDS = 0.02
_STACK_SECONDS = 120.0


class DeployError(LocalStackError):
    """A stack was refused or rolled back; names the resource and the emulator's reason."""


@dataclass(slots=True)
class Deployment:
    """What a deployment created, left out, and set by API."""

    stacks: list[str] = field(default_factory=list)
    stripped: list[Stripped] = field(default_factory=list)
    applied: list[Dropped] = field(default_factory=list)


Deployer = Callable[[Path, Endpoint, Callable[[str], None]], Deployment]


def deploy_assembly(
    folder: Path, endpoint: Endpoint, announce: Callable[[str], None] = lambda _text: None
) -> Deployment:
    """Deploy every stack of the assembly in ``folder``.

    Args:
        folder: a synthesized assembly.
        endpoint: the emulator.
        announce: called with each stack's name before it is deployed.

    Raises:
        DeployError: a stack could not be created.
    """
    stacks = read_assembly(folder, ACCOUNT, endpoint.region)
    publisher = AssetPublisher(endpoint)
    deployment = Deployment()
    pending = []
    for region in {stack.region for stack in stacks}:
        endpoint.client("ssm", region).put_parameter(
            Name=_BOOTSTRAP_PARAMETER, Value=_BOOTSTRAP_VERSION, Type="String", Overwrite=True
        )
    for stack in stacks:
        announce(stack.name)
        publisher.publish(stack.assets, stack.region)
        filtered, stripped = filter_template(stack.template)
        template, dropped = collect_dropped(filtered)
        outputs = _create(stack, template, endpoint, publisher)
        pending.append((stack, dropped, outputs))
        deployment.stacks.append(stack.name)
        deployment.stripped += stripped
        deployment.applied += dropped
    # A bucket may replicate to one that a later stack makes.
    for stack, dropped, outputs in pending:
        if dropped:
            apply_dropped(dropped, outputs, _physical_ids(stack, endpoint), endpoint, stack.region)
    return deployment


def _create(stack: Stack, template: Template, endpoint: Endpoint, publisher: AssetPublisher) -> dict[str, str]:
    cloudformation = endpoint.client("cloudformation", stack.region)
    # A template in the request itself is limited to 51,200 bytes.
    url = publisher.put(
        f"{_TEMPLATE_BUCKET}-{stack.region}", f"{stack.name}.json", json.dumps(template).encode(), stack.region
    )
    try:
        tags = [{"Key": key, "Value": value} for key, value in stack.tags.items()]
        cloudformation.create_stack(StackName=stack.name, TemplateURL=url, Capabilities=_CAPABILITIES, Tags=tags)
    except ClientError as error:
        raise DeployError(
            f"expected the emulator to accept the stack {stack.name} but received: {error.response['Error']['Message']}"
        ) from error
    description = _await_stack(stack.name, cloudformation)
    if description["StackStatus"] != "CREATE_COMPLETE":
        raise DeployError(_failure(stack.name, description, cloudformation))
    return {output["OutputKey"]: output["OutputValue"] for output in description.get("Outputs", [])}


def _await_stack(name: str, cloudformation: Any) -> dict[str, Any]:
    deadline = time.monotonic() + _STACK_SECONDS
    while True:
        description: dict[str, Any] = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        if not description["StackStatus"].endswith("IN_PROGRESS"):
            return description
        if time.monotonic() > deadline:
            raise DeployError(
                f"expected the stack {name} within {_STACK_SECONDS:g} s but it is still {description['StackStatus']}"
            )
        time.sleep(_POLL_SECONDS)


def _failure(name: str, description: dict[str, Any], cloudformation: Any) -> str:
    events = [
        *cloudformation.describe_stack_events(StackName=name)["StackEvents"],
        # If the template is refused before anything is created, the reason is only here.
        *cloudformation.describe_events(StackName=name)["OperationEvents"],
    ]
    reasons = [
        (event["LogicalResourceId"], event["ResourceType"], reason)
        for event in events
        if "FAILED" in (event.get("ValidationStatus"), event.get("ResourceStatus", "").rpartition("_")[2])
        and (reason := event.get("ValidationStatusReason") or event.get("ResourceStatusReason"))
        and event.get("ResourceType") != "AWS::CloudFormation::Stack"
        and "cancelled" not in reason.lower()
    ]
    # Events are sorted newest first; the first failure is the cause of the others.
    lines = [f"  {logical_id} ({kind}): {reason}" for logical_id, kind, reason in dict.fromkeys(reversed(reasons))]
    causes = "\n".join(lines) or f"  {description.get('StackStatusReason', 'the emulator gave no reason')}"
    return f"expected the stack {name} to be created but it is {description['StackStatus']}:\n{causes}"


def _physical_ids(stack: Stack, endpoint: Endpoint) -> dict[str, str]:
    pages = endpoint.client("cloudformation", stack.region).get_paginator("list_stack_resources")
    return {
        resource["LogicalResourceId"]: resource["PhysicalResourceId"]
        for page in pages.paginate(StackName=stack.name)
        for resource in page["StackResourceSummaries"]
    }
