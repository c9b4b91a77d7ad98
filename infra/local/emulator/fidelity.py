"""Patches to the emulator where it differs from AWS and error handling depends on it.

- A handler's exception has its class name as ``errorType``, and its worker is kept, as in AWS.
- Loopback counts as TLS: bucket and queue policies deny plain HTTP, and nothing leaves this machine.
- A handler that was killed fails as ``Runtime.ExitError``.
- A function's reserved concurrency bounds its versions too.
- ``aws:SourceAccount`` is set when a service's role is assumed: trust policies may require it.
- An HTTP API sends OPTIONS to the route that matches it, ``$default`` too, with its authorizer and integration.

Each patch first checks what it replaces: with another version of the emulator the start fails.
"""

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any

from infra.local.emulator.patching import PatchError, original

_RAISED = "darkroom-raised"
_DEATHS = ("Worker process died", "[Errno 32] Broken pipe")
_EXIT = {"errorType": "Runtime.ExitError", "errorMessage": "Error: Runtime exited with error: signal: killed"}
_PREFLIGHT = 'if method == "OPTIONS":'
_UNROUTED_PREFLIGHT = 'if method == "OPTIONS" and not _match_route(api_id, method, "/" + path.lstrip("/")):'
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
    from ministack.services import apigateway, lambda_svc

    _report_exceptions_by_type(lambda_runtime, lambda_svc)
    _count_loopback_as_secure(app)
    _name_the_source_account(iam_evaluator)
    _reserve_for_versions(lambda_svc)
    _route_preflights(apigateway)


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


def _route_preflights(apigateway: Any) -> None:
    # "Configure CORS for HTTP APIs": API Gateway answers by itself only what no route takes.
    source = inspect.getsource(original(apigateway, "_handle_execute_in_scope"))
    if source.count(_PREFLIGHT) != 1:
        raise PatchError(f"expected the emulator's HTTP API to ask {_PREFLIGHT!r} once but it does not")
    exec(source.replace(_PREFLIGHT, _UNROUTED_PREFLIGHT), vars(apigateway))  # noqa: S102 - the emulator's own text
    execute: Callable[..., Any] = apigateway._handle_execute_in_scope
    preflight: Callable[[dict[str, Any], str], tuple[int, dict[str, str], bytes]] = original(
        apigateway, "_cors_preflight_response"
    )
    apis = original(apigateway, "_apis")

    async def execute_with_cors(
        api_id: str, stage: str, path: str, method: str, headers: dict[str, str], *arguments: Any, **options: Any
    ) -> Any:
        status, answered, body = await execute(api_id, stage, path, method, headers, *arguments, **options)
        origin = headers.get("origin", "")
        # The emulator lets an integration's response through with the headers of a simple request alone.
        if method == "OPTIONS" and origin and "access-control-request-method" in headers and status < 300:
            cors = (apis.get(api_id) or {}).get("corsConfiguration") or {}
            allowed = {name: value for name, value in preflight(cors, origin)[1].items() if name.startswith("Access")}
            answered = {**answered, **allowed}
        return status, answered, body

    apigateway._handle_execute_in_scope = execute_with_cors
