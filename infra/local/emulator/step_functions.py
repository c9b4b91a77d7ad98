"""Patches to the emulator's Step Functions where an execution succeeds that AWS would refuse or end.

- A task needs the state machine's role to allow what it calls.
- An execution ends as ``TIMED_OUT`` after its ``TimeoutSeconds``, and like every Express one after five minutes.
- Its input, and the output of each task and state, is at most 256 KiB.
- A throttled Lambda task fails as ``Lambda.TooManyRequestsException``, which ``Retry`` can name.
- ``Retry`` respects its ``MaxDelaySeconds`` and ``JitterStrategy``.

Each patch first checks what it replaces: with another version of the emulator the start fails.
"""

import contextvars
import json
import random
import threading
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any

from infra.local.emulator.patching import original

MOST_BYTES = 256 * 1024
"""Of an execution's input and of each output: "Quotas" of the Step Functions guide."""
MOST_SECONDS = 300
"""Of an Express execution."""

_role: ContextVar[str] = ContextVar("role", default="")  # of the state machine whose execution is in progress


def apply_patches() -> None:
    """Patch the emulator's module in this process.

    Raises:
        PatchError: a patched name is not there.
    """
    from ministack.core import iam_evaluator
    from ministack.services import stepfunctions

    _limit_sizes(stepfunctions)
    _require_permissions(stepfunctions, iam_evaluator)
    _end_in_time(stepfunctions)
    _name_throttles(stepfunctions)
    _respect_retry_delays(stepfunctions)


def _limit_sizes(stepfunctions: Any) -> None:
    start: Callable[[dict[str, Any]], Any] = original(stepfunctions, "_start_sync_execution")
    add_event: Callable[..., None] = original(stepfunctions, "_add_event")
    failure = original(stepfunctions, "_ExecutionError")
    refuse: Callable[..., Any] = original(stepfunctions, "error_response_json")

    def start_checked(data: dict[str, Any]) -> Any:
        text = data.get("input", "{}")
        if len(text.encode()) > MOST_BYTES:
            return refuse("InvalidExecutionInput", f"Invalid Input: longer than {MOST_BYTES} bytes", 400)
        try:
            json.loads(text)
        except ValueError as error:
            return refuse("InvalidExecutionInput", f"Invalid State Machine Execution Input: '{error}'", 400)
        return start(data)

    def add_checked(execution: Any, event_type: str, details: Mapping[str, Any] | None = None) -> None:
        for detail in (details or {}).values():
            if isinstance(detail, Mapping) and len(str(detail.get("output", "")).encode()) > MOST_BYTES:
                cause = f"expected an output of at most {MOST_BYTES} bytes"
                raise failure("States.DataLimitExceeded", cause)
        add_event(execution, event_type, details)

    stepfunctions._start_sync_execution = start_checked
    stepfunctions._add_event = add_checked


def _require_permissions(stepfunctions: Any, iam_evaluator: Any) -> None:
    run: Callable[[str], None] = original(stepfunctions, "_run_execution")
    invoke: Callable[[str, Any], Any] = original(stepfunctions, "_invoke_resource")
    failure = original(stepfunctions, "_ExecutionError")
    executions, machines = original(stepfunctions, "_executions"), original(stepfunctions, "_state_machines")
    policies: Callable[[str, str], Any] = original(iam_evaluator, "_gather_role_policies")
    evaluate, context = original(iam_evaluator, "evaluate"), original(iam_evaluator, "EvalContext")

    def run_as_role(execution_arn: str) -> None:
        machine = machines.get((executions.get(execution_arn) or {}).get("stateMachineArn")) or {}
        token = _role.set(machine.get("roleArn", ""))
        try:
            run(execution_arn)
        finally:
            _role.reset(token)

    def invoke_if_allowed(resource: str, arguments: Any) -> Any:
        needed = required_permission(resource, arguments)
        role = _role.get()
        if needed is not None and role:
            action, wanted = needed
            region, account = wanted.split(":")[3], role.split(":")[4]
            asked = context(role, "AssumedRole", account, action, wanted, region)
            if evaluate(asked, policies(role.rpartition("/")[2], account)).decision != "Allow":
                raise failure("States.Permissions", f"{role} is not authorized to perform: {action} on {wanted}")
        return invoke(resource, arguments)

    stepfunctions._run_execution = run_as_role
    stepfunctions._invoke_resource = invoke_if_allowed


def required_permission(resource: str, arguments: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the IAM action and the ARN that the task ``resource`` needs with ``arguments``; None if it is unknown."""
    service, _, action = resource.removeprefix("arn:aws:states:::").partition(":")
    if (service, action) == ("lambda", "invoke"):
        function = str(arguments["FunctionName"])
        return "lambda:InvokeFunction", function if function.startswith("arn:") else _arn(
            "lambda", f"function:{function}"
        )
    name = f"{service}:{action[:1].upper()}{action[1:]}"
    if service == "dynamodb":
        table = str(arguments["TableName"])
        return name, table if table.startswith("arn:") else _arn("dynamodb", f"table/{table}")
    if service == "sqs":
        return name, _arn("sqs", str(arguments["QueueUrl"]).rpartition("/")[2])
    return None


def _arn(service: str, rest: str) -> str:
    from ministack.core.responses import get_account_id, get_region

    return f"arn:aws:{service}:{get_region()}:{get_account_id()}:{rest}"


def _end_in_time(stepfunctions: Any) -> None:
    run: Callable[[str], None] = original(stepfunctions, "_run_execution")
    fail: Callable[..., None] = original(stepfunctions, "_fail_execution")
    executions, machines = original(stepfunctions, "_executions"), original(stepfunctions, "_state_machines")
    now: Callable[[], str] = original(stepfunctions, "now_iso")

    def run_in_time(execution_arn: str) -> None:
        execution = executions[execution_arn]
        machine = machines.get(execution["stateMachineArn"]) or {}
        seconds = min(json.loads(machine.get("definition", "{}")).get("TimeoutSeconds", MOST_SECONDS), MOST_SECONDS)
        runner = threading.Thread(target=contextvars.copy_context().run, args=(run, execution_arn), daemon=True)
        runner.start()
        runner.join(seconds)
        if runner.is_alive() and execution["status"] == "RUNNING":
            # A function that is at work goes on, as on AWS; the execution takes no further state.
            execution.update(status="TIMED_OUT", stopDate=now(), error="States.Timeout")

    def fail_if_running(execution: dict[str, Any], *arguments: Any) -> None:
        if execution["status"] == "RUNNING":
            fail(execution, *arguments)

    stepfunctions._run_execution = run_in_time
    stepfunctions._fail_execution = fail_if_running


def _name_throttles(stepfunctions: Any) -> None:
    call: Callable[..., Any] = original(stepfunctions, "_call_lambda")
    failure = original(stepfunctions, "_ExecutionError")

    def call_and_name(*arguments: Any, **options: Any) -> Any:
        try:
            return call(*arguments, **options)
        except failure as error:
            if error.error == "Lambda.Unknown" and _is_throttle(error.cause):
                raise failure("Lambda.TooManyRequestsException", error.cause) from error
            raise

    stepfunctions._call_lambda = call_and_name


def _respect_retry_delays(stepfunctions: Any) -> None:
    find: Callable[..., tuple[dict[str, Any] | None, int]] = original(stepfunctions, "_find_matching_retrier")

    def find_with_delay(
        retriers: list[dict[str, Any]], error: str, counts: dict[int, int]
    ) -> tuple[dict[str, Any] | None, int]:
        retrier, index = find(retriers, error, counts)
        if retrier is None:
            return None, index
        # The emulator waits IntervalSeconds * BackoffRate ** retries.
        return {**retrier, "IntervalSeconds": retry_seconds(retrier, counts.get(index, 0)), "BackoffRate": 1.0}, index

    stepfunctions._find_matching_retrier = find_with_delay


def retry_seconds(retrier: dict[str, Any], retries: int) -> float:
    """Return how many seconds a task waits after ``retries`` of ``retrier``, as the states language defines it."""
    seconds = retrier.get("IntervalSeconds", 1) * retrier.get("BackoffRate", 2.0) ** retries
    seconds = min(seconds, retrier.get("MaxDelaySeconds", seconds))
    return random.uniform(0, seconds) if retrier.get("JitterStrategy") == "FULL" else seconds  # noqa: S311 - no secret


def _is_throttle(cause: str) -> bool:
    try:
        body = json.loads(cause)
    except ValueError:
        return False
    return isinstance(body, dict) and body.get("__type") == "TooManyRequestsException"
