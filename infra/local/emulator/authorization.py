"""Patches to the emulator where its policies see less of a request than AWS's.

- ``ssm:GetParameters`` is authorized for each parameter, Athena's queries for their workgroup, and calls of a
  CloudFront KeyValueStore for that store; the emulator asks for ``*``, which only a wildcard grants.
- ``dynamodb:LeadingKeys`` has the partition keys of the items that a request names by key; a condition on all values
  of a key that is missing is met.
- S3 Control's jobs, which our stand-in runs, are authorized here, with ``iam:PassRole`` for a new job's role.

Each patch first checks what it replaces: with another version of the emulator the start fails.
"""

import json
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any
from urllib.parse import unquote

from infra.local.emulator.patching import original

_STORES = "/key-value-stores/"
_JOBS = re.compile(r"/v20180820/jobs(?:/(?P<id>[^/]+)(?:/(?P<change>status|priority))?)?")
_JOB_ACTIONS = {
    ("POST", None): "CreateJob",
    ("GET", None): "ListJobs",
    ("POST", "status"): "UpdateJobStatus",
    ("POST", "priority"): "UpdateJobPriority",
}
_ROLE = re.compile(rb"<RoleArn>([^<]+)</RoleArn>")
_ON_EXECUTIONS = ("GetQueryExecution", "GetQueryResults", "StopQueryExecution")

# Of the request in progress.
_resources: ContextVar[tuple[str, ...]] = ContextVar("resources", default=())


def apply_patches() -> None:
    """Patch the emulator's modules in this process.

    Raises:
        PatchError: a patched name is not there.
    """
    from ministack import app
    from ministack.core import iam_actions, iam_evaluator
    from ministack.services import athena, dynamodb

    _authorize_jobs(app)
    _name_leading_keys(iam_actions, dynamodb)
    _name_resources(iam_actions, iam_evaluator, athena)


def _name_resources(iam_actions: Any, iam_evaluator: Any, athena: Any) -> None:
    extract: Callable[..., str] = original(iam_actions, "extract_resource_arn")
    enforce: Callable[..., Any] = original(iam_evaluator, "enforce")
    executions = original(athena, "_executions")

    def workgroup(execution_id: str) -> str:
        return str((executions.get(execution_id) or {}).get("WorkGroup", "primary"))

    def extract_all(service: str, method: str, path: str, headers: Mapping[str, str], body: bytes, *rest: Any) -> str:
        _query, region, account = rest
        found = extract(service, method, path, headers, body, *rest)
        operation = str(headers.get("x-amz-target", "")).rpartition(".")[2]
        names = named_resources(service, operation, path, body, workgroup) if found == "*" else ()
        _resources.set(tuple(name.format(region=region, account=account) for name in names))
        return found

    def enforce_each(access_key: str, action: str, *arguments: Any, **options: Any) -> Any:
        if not _resources.get() or options.get("resource_arn") != "*":
            return enforce(access_key, action, *arguments, **options)
        each = (enforce(access_key, action, *arguments, **{**options, "resource_arn": arn}) for arn in _resources.get())
        return next(filter(None, each), None)

    iam_actions.extract_resource_arn = extract_all
    iam_evaluator.enforce = enforce_each


def named_resources(
    service: str, operation: str, path: str, body: bytes, workgroup: Callable[[str], str]
) -> tuple[str, ...]:
    """Return the ARNs that a request is about, with ``{region}`` and ``{account}`` in them; none if they are unknown.

    ``workgroup`` returns that of a query execution.
    """
    if service == "cloudfront-keyvaluestore" and path.startswith(_STORES):
        store = unquote(path.removeprefix(_STORES)).removesuffix("/keys")
        return ("/".join(store.split("/")[:2]),)
    try:
        request = json.loads(body or b"{}")
    except ValueError:  # the service refuses it
        return ()
    if service == "ssm" and operation == "GetParameters":
        names = [str(name).removeprefix("/") for name in request.get("Names", [])]
        return tuple(f"arn:aws:ssm:{{region}}:{{account}}:parameter/{name}" for name in names)
    if service == "athena" and operation in _ON_EXECUTIONS:
        name = workgroup(str(request.get("QueryExecutionId")))
        return (f"arn:aws:athena:{{region}}:{{account}}:workgroup/{name}",)
    return ()


def _authorize_jobs(app: Any) -> None:
    handle: Callable[..., Awaitable[Any]] = original(app, "_handle_s3_control_request")
    enforce: Callable[..., Any] = original(app, "_enforce_data_plane")
    region_of: Callable[..., str] = original(app, "extract_region")

    async def authorize_first(
        path: str, method: str, body: bytes, query: dict[str, list[str]], request_id: str, headers: dict[str, str]
    ) -> Any:
        from ministack.core.responses import get_account_id

        region, account = region_of(headers, query), get_account_id()
        for action, resource in rights_on_jobs(method, path, body):
            arn = resource.format(region=region, account=account)
            if denied := enforce("s3", action, headers, query, request_id, resource_arn=arn):
                return denied
        return await handle(path, method, body, query, request_id, headers)

    app._handle_s3_control_request = authorize_first


def rights_on_jobs(method: str, path: str, body: bytes) -> Iterator[tuple[str, str]]:
    """Yield the actions and resources that a request to S3 Batch Operations needs; ``{region}`` and ``{account}`` stand
    in ARNs.
    """
    if not (found := _JOBS.fullmatch(path)):
        return
    job = found["id"]
    action = "DescribeJob" if job and not found["change"] else _JOB_ACTIONS.get((method, found["change"]))
    if action:
        yield f"s3:{action}", f"arn:aws:s3:{{region}}:{{account}}:job/{job}" if job else "*"
    if action == "CreateJob" and (role := _ROLE.search(body)):
        yield "iam:PassRole", role[1].decode()


def _name_leading_keys(iam_actions: Any, dynamodb: Any) -> None:
    describe: Callable[[bytes], dict[str, Any]] = original(iam_actions, "dynamodb_service_context")
    tables = original(dynamodb, "_tables")

    def partition_key(table: str) -> str | None:
        schema = (tables.get(table.rpartition("/")[2]) or {}).get("KeySchema", [])
        return next((each["AttributeName"] for each in schema if each["KeyType"] == "HASH"), None)

    def describe_with_keys(body: bytes) -> dict[str, Any]:
        try:
            keys = leading_keys(json.loads(body or b"{}"), partition_key)
        except (ValueError, TypeError, AttributeError):  # a malformed request, which the service refuses
            keys = []
        return {**describe(body), **({"dynamodb:LeadingKeys": keys} if keys else {})}

    iam_actions.dynamodb_service_context = describe_with_keys


def leading_keys(request: dict[str, Any], partition_key: Callable[[str], str | None]) -> list[str]:
    """Return the partition keys of the items that a request of DynamoDB's API names by key, of every table.

    ``partition_key`` returns the name of a table's. Those of a Query are not returned.
    """
    items = [(request.get("TableName", ""), request.get("Key") or request.get("Item") or {})]
    for table, wanted in request.get("RequestItems", {}).items():
        writes = wanted if isinstance(wanted, list) else [{"Get": {"Key": key}} for key in wanted["Keys"]]
        for (inner,) in map(dict.values, writes):
            items.append((table, inner.get("Key") or inner.get("Item") or {}))
    for (inner,) in map(dict.values, request.get("TransactItems", [])):
        items.append((inner.get("TableName", ""), inner.get("Key") or inner.get("Item") or {}))
    found = [item.get(partition_key(table) or "") for table, item in items]
    return [str(next(iter(value.values()))) for value in found if value]
