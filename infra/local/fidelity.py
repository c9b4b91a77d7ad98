"""Patches to the emulator where it differs from AWS in what error handling depends on.

- A handler's exception keeps its class name as ``errorType``, and its worker lives on, as in AWS.
- Loopback counts as TLS: bucket and queue policies deny what came without it, and no wire is involved here.
- A throttled Lambda task fails as ``Lambda.TooManyRequestsException``, which ``Retry`` can name.

Each patch checks what it replaces first: with another emulator it fails at the start, not in silence.
"""

import json
from collections.abc import Callable
from typing import Any

from infra.local.patching import PatchError, original

_RAISED = "darkroom-raised"
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
    from ministack.core import lambda_runtime
    from ministack.services import lambda_svc, stepfunctions

    _report_exceptions_by_type(lambda_runtime, lambda_svc)
    _name_throttles(stepfunctions)
    _count_loopback_as_secure(app)


def _report_exceptions_by_type(lambda_runtime: Any, lambda_svc: Any) -> None:
    script = original(lambda_runtime, "_PYTHON_WORKER_SCRIPT")
    if script.count(_REPORT) != 1:
        raise PatchError(f"expected the emulator's worker to report {_REPORT!r} once but it does not")
    lambda_runtime._PYTHON_WORKER_SCRIPT = script.replace(_REPORT, _REPORT_WITH_TYPE)
    execute: Callable[..., dict[str, Any]] = original(lambda_svc, "_execute_function_warm")

    def execute_and_name(*arguments: Any, **options: Any) -> dict[str, Any]:
        answer = execute(*arguments, **options)
        body = answer.get("body")
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


def _count_loopback_as_secure(app: Any) -> None:
    pin: Callable[[str, bool], None] = original(app, "pin_request_origin")
    app.pin_request_origin = lambda address, _secure: pin(address, True)


def _is_throttle(cause: str) -> bool:
    try:
        body = json.loads(cause)
    except ValueError:
        return False
    return isinstance(body, dict) and body.get("__type") == "TooManyRequestsException"
