"""Each function, with its own role's credentials, is let do its task, and refused everything else."""

from collections.abc import Iterator
from functools import cache
from typing import Any, get_args

import boto3
import pytest
from botocore.exceptions import ClientError
from deeds import DEEDS, Actor

from infra.local.endpoint import ACCOUNT, CLIENT_CONFIG
from infra.local.stack import LocalStack
from infra.names import Names
from lambdas.core.settings import DEFAULT_STAGE, FunctionName, load_settings
from lambdas.core.settings.lanes import SHARED_LANE, LaneFunction

SETTINGS = load_settings(stage=DEFAULT_STAGE)
NAMES = Names(SETTINGS, ACCOUNT)
(TENANT, STRANGER) = ("demo", "studio")
REFUSED = {"AccessDenied", "AccessDeniedException", "403", "AuthorizationError"}

_ANY_ORIGINAL = {"read an original", "read a stranger's original"}
_ANY_DERIVATIVE = {"write a derivative", "delete a derivative"}
_STRANGERS = {"write a stranger's derivative", "delete a stranger's derivative", "list a stranger's derivatives"}
_READ_ROWS = {"read an outcome", "read a stranger's outcome"}
_WRITE_ROWS = {"mend an outcome", "mend a stranger's outcome"}
_DRAWING = {
    *_ANY_ORIGINAL, "list originals", "read a derivative", "list derivatives", "list all derivatives",
    *_ANY_DERIVATIVE, *_STRANGERS, *_READ_ROWS, *_WRITE_ROWS,
}  # fmt: skip
MAY: dict[FunctionName, set[str]] = {
    "authorize": {"read tenants' keys"},
    "upload_api": {
        *_ANY_ORIGINAL,
        "list originals",
        "add an original",
        *_READ_ROWS,
        *_WRITE_ROWS,
        "ask for a sweep",
        "have an image erased",
        "look up the edge's address",
        "read image tokens' keys",
    },
    "validate": {
        *_ANY_ORIGINAL,
        *_READ_ROWS,
        *_WRITE_ROWS,
        "delete a version of an original",
    },
    "metadata": {*_ANY_ORIGINAL},
    "derive": {
        *_ANY_ORIGINAL,
        *_ANY_DERIVATIVE,
        "write a stranger's derivative",
        "delete a stranger's derivative",
        *_READ_ROWS,
    },
    "record": {
        *_WRITE_ROWS,
        "list derivatives",
        "list a stranger's derivatives",
        "list all derivatives",
        "delete a derivative",
        "delete a stranger's derivative",
    },
    "generate": _DRAWING,
    "sweep": {
        "list derivatives",
        "list a stranger's derivatives",
        "list all derivatives",
        "delete an original",
        "delete a version of an original",
        "delete a derivative",
        "delete a stranger's derivative",
        "delete from the replica",
        *_READ_ROWS,
        *_WRITE_ROWS,
        "look up the distribution",
        "invalidate",
        "ask for a sweep",
    },
    "backfill": _DRAWING,
    "origin_request": {
        "read a derivative",
        "list derivatives",
        "list a stranger's derivatives",
        "list all derivatives",
        "read the replica",
        "invoke the generator",
    },
    "fallback_share": {"publish a metric"},
}
"""One line for each function: beside its log, all that it may do of :data:`DEEDS`."""

FUNCTIONS: list[tuple[FunctionName, str | None]] = [
    (name, lane)
    for name in get_args(FunctionName)
    for lane in (SETTINGS.lane_names if name in get_args(LaneFunction) else (None,))
]


@pytest.fixture(scope="module")
def arrived(stack: LocalStack) -> Iterator[None]:
    """Put an object of each tenant into the originals bucket: to who may not list it, a missing one is a 403 too."""
    s3, bucket = stack.client("s3"), stack.parameter("originals-bucket")
    for tenant in (TENANT, STRANGER):
        s3.put_object(Bucket=bucket, Key=f"{tenant}/there", Body=b"there", IfNoneMatch="*")
    yield
    for tenant in (TENANT, STRANGER):
        for version in s3.list_object_versions(Bucket=bucket, Prefix=f"{tenant}/there")["Versions"]:
            s3.delete_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])


def actor(stack: LocalStack, name: FunctionName, lane: str | None) -> Actor:
    function = NAMES.function(name, lane)
    role = stack.client("lambda", NAMES.function_region(name)).get_function_configuration(FunctionName=function)["Role"]
    credentials = stack.client("sts").assume_role(RoleArn=role, RoleSessionName="trial")["Credentials"]
    dedicated = lane not in (None, SHARED_LANE)

    @cache
    def client(service: str, region: str | None = None) -> Any:
        own = NAMES.function_region(name) if service == "logs" else SETTINGS.regions.primary
        # Of boto3's own session, whose models of services are read once for all functions.
        return boto3.client(
            service,
            endpoint_url=stack.endpoint.url,
            region_name=region or own,
            config=CLIENT_CONFIG,
            aws_access_key_id=credentials["AccessKeyId"],
            aws_secret_access_key=credentials["SecretAccessKey"],
            aws_session_token=credentials["SessionToken"],
        )

    return Actor(
        names=NAMES,
        function=function,
        tenant=STRANGER if dedicated else TENANT,
        stranger=TENANT if dedicated else STRANGER,
        client=client,
    )


def may(name: FunctionName, lane: str | None) -> set[str]:
    # The edge's function has a log group of another name.
    own_log = set() if name == "origin_request" else {"log to its own group"}
    beyond = {deed for deed in DEEDS if "stranger" in deed} | {"list all derivatives"}
    return MAY[name] - (beyond if lane not in (None, SHARED_LANE) else set()) | own_log


def is_refused(actor: Actor, deed: str) -> bool:
    try:
        DEEDS[deed](actor)
    except ClientError as error:
        return error.response["Error"]["Code"] in REFUSED
    return False


@pytest.mark.usefixtures("arrived")
@pytest.mark.parametrize(("name", "lane"), FUNCTIONS, ids=lambda each: each or "-")
def test_a_function_may_do_its_task_and_nothing_else(stack: LocalStack, name: FunctionName, lane: str | None) -> None:
    trial = actor(stack, name, lane)
    done = {deed for deed in DEEDS if not is_refused(trial, deed)}
    assert done == may(name, lane)


def test_every_function_that_is_deployed_has_been_tried(stack: LocalStack) -> None:
    deployed = {
        function["FunctionName"]
        for region in {NAMES.function_region(name) for name, _ in FUNCTIONS}
        for page in stack.client("lambda", region).get_paginator("list_functions").paginate()
        for function in page["Functions"]
        if function["FunctionName"].startswith(SETTINGS.prefix)
    }
    assert deployed == {NAMES.function(name, lane) for name, lane in FUNCTIONS}


def test_every_deed_is_covered_by_the_table() -> None:
    """A deed that nobody may do shows nothing by being refused, unless it is one that nobody should."""
    nobodys = {
        "log to another's group", "open originals to everyone", "scan outcomes", "invoke the upload API",
        "change a function", "start an execution", "send to a queue", "make a user", "write an outcome",
        "delete an outcome", "overwrite an original", "list tenants' keys", "add a tenant's key",
        "add an image tokens' key",
    }  # fmt: skip
    assert set(DEEDS) - nobodys == {"log to its own group"}.union(*MAY.values())
