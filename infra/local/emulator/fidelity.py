"""Patches to the emulator where it differs from AWS and error handling depends on it.

- A handler's exception has its class name as ``errorType``, and its worker is kept, as in AWS.
- Loopback counts as TLS: bucket and queue policies deny plain HTTP, and nothing leaves this machine.
- A handler that was killed fails as ``Runtime.ExitError``.
- A throttled Lambda task fails as ``Lambda.TooManyRequestsException``, which ``Retry`` can name.
- A function's reserved concurrency bounds its versions too.
- ``aws:SourceAccount`` is set when a service's role is assumed: trust policies may require it.
- ``Retry`` respects its ``MaxDelaySeconds`` and ``JitterStrategy``.

Each patch first checks what it replaces: with another version of the emulator the start fails.
"""

import dataclasses
import json
import random
from collections.abc import Callable
from typing import Any

from infra.local.emulator.patching import PatchError, original

_RAISED = "darkroom-raised"
_DEATHS = ("Worker process died", "[Errno 32] Broken pipe")
_EXIT = {"errorType": "Runtime.ExitError", "errorMessage": "Error: Runtime exited with error: signal: killed"}
_REPORT = '"status": "error", "error": str(e), "trace": traceback.format_exc()'
_REPORT_WITH_TYPE = (
    f'"status": "ok", "result": {{"{_RAISED}": {{"errorType": type(e).__name__, "errorMessage": str(e), '
    '"stackTrace": traceback.format_tb(e.__traceback__)}, "trace": traceback.format_exc()}'
)


def apply_patches() -> None:
    """Patch the emulator's modules in this process.

    Raises:
        PatchError: a patched name or text is not there.
    """
    from ministack import app
    from ministack.core import iam_evaluator, lambda_runtime
    from ministack.services import lambda_svc, stepfunctions

    _report_exceptions_by_type(lambda_runtime, lambda_svc)
    _name_throttles(stepfunctions)
    _respect_retry_delays(stepfunctions)
    _count_loopback_as_secure(app)
    _name_the_source_account(iam_evaluator)
    _reserve_for_versions(lambda_svc)


def _report_exceptions_by_type(lambda_runtime: Any, lambda_svc: Any) -> None:
    script = original(lambda_runtime, "_PYTHON_WORKER_SCRIPT")
    if script.count(_REPORT) != 1:
        raise PatchError(f"expected the emulator's worker to report {_REPORT!r} once but it does not")
    lambda_runtime._PYTHON_WORKER_SCRIPT = script.replace(_REPORT, _REPORT_WITH_TYPE)
    execute: Callable[..., dict[str, Any]] = original(lambda_svc, "_execute_function_warm")

    def execute_and_name(*arguments: Any, **options: Any) -> dict[str, Any]:
        answer = execute(*arguments, **options)
        body = answer.get("body")
        if answer.get("error") and isinstance(body, dict) and body.get("errorMessage") in _DEATHS:
            return {**answer, "body": _EXIT}
        if not isinstance(body, dict) or _RAISED not in body:
            return answer
        log = "\n".join(filter(None, [answer.get("log", ""), body["trace"]]))
        return {"body": body[_RAISED], "error": True, "log": log}

    lambda_svc._execute_function_warm = execute_and_name


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


def _count_loopback_as_secure(app: Any) -> None:
    pin: Callable[[str, bool], None] = original(app, "pin_request_origin")
    app.pin_request_origin = lambda address, _secure: pin(address, True)


def _name_the_source_account(iam_evaluator: Any) -> None:
    evaluate: Callable[..., bool] = original(iam_evaluator, "evaluate_trust_policy")

    def evaluate_with_source(document: Any, caller: str, context: Any = None) -> bool:
        if context is not None:
            named = {**(context.service_context or {}), "aws:sourceaccount": context.principal_account}
            context = dataclasses.replace(context, service_context=named)
        return evaluate(document, caller, context)

    iam_evaluator.evaluate_trust_policy = evaluate_with_source


def _reserve_for_versions(lambda_svc: Any) -> None:
    reserved: Callable[..., int | None] = original(lambda_svc, "_reserved_concurrency")
    functions = original(lambda_svc, "_functions")

    def reserved_by_name(function: dict[str, Any], config: dict[str, Any]) -> int | None:
        # A version's record is a snapshot, and holds no reservation.
        return reserved(functions.get(config.get("FunctionName")) or function, config)

    lambda_svc._reserved_concurrency = reserved_by_name


def _is_throttle(cause: str) -> bool:
    try:
        body = json.loads(cause)
    except ValueError:
        return False
    return isinstance(body, dict) and body.get("__type") == "TooManyRequestsException"
