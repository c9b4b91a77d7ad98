"""Patches to the emulator where it creates or deletes what CloudFormation or Lambda on AWS refuses to.

- A stack whose creation was rolled back is in the way of another creation until it is deleted.
- A reservation must leave 100 of the account's concurrent executions unreserved, also one in a template.
- A table with deletion protection is not deleted with its stack.
- A Lambda@Edge function is not deleted while a distribution uses it, nor on the first attempt after that: CloudFront
  removes replicas some hours later.

Each patch first checks what it replaces: with another version of the emulator the start fails.
"""

import json
from collections.abc import Callable
from typing import Any

from infra.local.emulator.patching import original
from lambdas.core.settings.lanes import UNRESERVED_CONCURRENCY

ACCOUNT_CONCURRENCY = 1000  # Lambda's quota in an account that is not new

Answer = tuple[int, dict[str, str], bytes]
_Properties = dict[str, Any]
_FUNCTION, _VERSION = "AWS::Lambda::Function", "AWS::Lambda::Version"


class RefusedError(Exception):
    """AWS would refuse this; the message is AWS's."""


def apply_patches() -> None:
    """Patch the emulator's modules in this process.

    Raises:
        PatchError: a patched name is not there.
    """
    from ministack.core import responses
    from ministack.services import cloudformation, cloudfront, dynamodb, lambda_svc
    from ministack.services.cloudformation import handlers, provisioners

    resources = original(provisioners, "_RESOURCE_HANDLERS")
    refuse = original(responses, "error_response_json")
    _keep_names_of_failed_stacks(handlers, original(cloudformation, "_stacks"))
    _keep_concurrency_unreserved(lambda_svc, resources, refuse)
    _keep_protected_tables(dynamodb, resources)
    _keep_replicated_functions(cloudfront, lambda_svc, resources, refuse)


def _keep_names_of_failed_stacks(handlers: Any, stacks: Any) -> None:
    actions = original(handlers, "_ACTION_HANDLERS")
    error, value = original(handlers, "_error"), original(handlers, "_p")

    def refusing(create: Callable[..., Answer]) -> Callable[..., Answer]:
        def create_unless_failed(params: dict[str, Any]) -> Answer:
            name, kind = value(params, "StackName"), value(params, "ChangeSetType", "CREATE")
            stack = stacks.get(name)
            if stack and stack.get("StackStatus") == "ROLLBACK_COMPLETE" and kind == "CREATE":
                refusal: Answer = error("AlreadyExistsException", f"Stack [{name}] already exists")
                return refusal
            return create(params)

        return create_unless_failed

    for action in ("CreateStack", "CreateChangeSet"):
        actions[action] = refusing(actions[action])


def _keep_concurrency_unreserved(lambda_svc: Any, resources: dict[str, Any], refuse: Callable[..., Answer]) -> None:
    functions = original(lambda_svc, "_functions")
    put: Callable[..., Answer] = original(lambda_svc, "_put_function_concurrency")
    describe: Callable[[], Answer] = original(lambda_svc, "_get_account_settings")
    create, update = resources[_FUNCTION]["create"], resources[_FUNCTION]["update"]

    def reserved(but: str = "") -> int:
        return sum(function.get("concurrency") or 0 for name, function in functions.items() if name != but)

    def check(name: str, executions: int) -> None:
        if executions and ACCOUNT_CONCURRENCY - reserved(name) - executions < UNRESERVED_CONCURRENCY:
            raise RefusedError(
                f"Specified ReservedConcurrentExecutions for function decreases account's"
                f" UnreservedConcurrentExecution below its minimum value of [{UNRESERVED_CONCURRENCY}]."
            )

    def put_checked(name: str, data: dict[str, Any]) -> Answer:
        try:
            check(name, int(data.get("ReservedConcurrentExecutions", 0)))
        except RefusedError as error:
            return refuse("InvalidParameterValueException", str(error), 400)
        return put(name, data)

    def create_reserved(logical_id: str, properties: _Properties, stack: str) -> Any:
        executions = properties.get("ReservedConcurrentExecutions")
        check(properties.get("FunctionName", ""), int(executions or 0))
        name, attributes = create(logical_id, properties, stack)
        if executions is not None:
            functions[name]["concurrency"] = int(executions)
        return name, attributes

    def update_reserved(name: str, old: _Properties, new: _Properties, *rest: Any) -> Any:
        before, executions = (each.get("ReservedConcurrentExecutions") for each in (old, new))
        if before != executions:
            check(name, int(executions or 0))
        name, attributes = update(name, old, new, *rest)
        if before != executions:  # otherwise CloudFormation leaves what was tuned as it is
            functions[name]["concurrency"] = None if executions is None else int(executions)
        return name, attributes

    def describe_quota() -> Answer:
        status, headers, body = describe()
        found = json.loads(body)
        found["AccountLimit"] |= {
            "ConcurrentExecutions": ACCOUNT_CONCURRENCY,
            "UnreservedConcurrentExecutions": ACCOUNT_CONCURRENCY - reserved(),
        }
        return status, headers, json.dumps(found).encode()

    lambda_svc._put_function_concurrency = put_checked
    lambda_svc._get_account_settings = describe_quota
    resources[_FUNCTION] |= {"create": create_reserved, "update": update_reserved}


def _keep_protected_tables(dynamodb: Any, resources: dict[str, Any]) -> None:
    tables = original(dynamodb, "_tables")
    handler = resources["AWS::DynamoDB::Table"]
    delete = handler["delete"]

    def delete_unprotected(name: str, properties: _Properties) -> None:
        if (tables.get(name) or {}).get("DeletionProtectionEnabled"):
            raise RefusedError(
                f"Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection"
                f" first: {name}"
            )
        delete(name, properties)

    handler["delete"] = delete_unprotected


def _keep_replicated_functions(
    cloudfront: Any, lambda_svc: Any, resources: dict[str, Any], refuse: Callable[..., Answer]
) -> None:
    distributions = original(cloudfront, "_distributions")
    functions, arn_of = original(lambda_svc, "_functions"), original(lambda_svc, "_func_arn")
    delete_by_api: Callable[..., Answer] = original(lambda_svc, "_delete_function")
    distribution = resources["AWS::CloudFront::Distribution"]
    delete_distribution = distribution["delete"]
    replicated: set[str] = set()

    def is_used(name: str) -> bool:
        return any(f"{arn_of(name)}:" in each["config_xml"] for each in distributions.values())

    def check(name: str, *, is_version: bool) -> None:
        arn = arn_of(name)
        if not is_used(name):
            if arn not in replicated:
                return
            if not is_version:
                replicated.discard(arn)  # CloudFront has removed them by the next attempt
        raise RefusedError(
            f"Lambda was unable to delete {arn} because it is a replicated function. Please see our documentation for"
            " Deleting Lambda@Edge Functions and Replicas."
        )

    def delete_noting_uses(identifier: str, properties: _Properties) -> None:
        replicated.update(arn_of(name) for name in functions if is_used(name))
        delete_distribution(identifier, properties)

    def delete_checked(name: str, query: dict[str, Any], qualifier: str | None = None) -> Answer:
        try:
            check(name, is_version=bool(qualifier or query.get("Qualifier")))
        except RefusedError as error:
            return refuse("InvalidParameterValueException", str(error), 400)
        return delete_by_api(name, query, qualifier)

    def checked(kind: str) -> Callable[..., None]:
        delete = resources[kind]["delete"]

        def delete_unless_replicated(physical_id: str, properties: _Properties) -> None:
            # A version's id is its ARN.
            check(physical_id.partition(":function:")[2].partition(":")[0] or physical_id, is_version=kind == _VERSION)
            delete(physical_id, properties)

        return delete_unless_replicated

    lambda_svc._delete_function = delete_checked
    distribution["delete"] = delete_noting_uses
    for kind in (_FUNCTION, _VERSION):
        resources[kind]["delete"] = checked(kind)
