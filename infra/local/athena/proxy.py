"""Athena's JSON 1.1 protocol: queries are translated, everything else is forwarded to the emulator."""

import json
import re
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from infra.local.athena.planning import Execution, Plan, Planner
from infra.local.athena.query import MalformedQueryError
from infra.local.guard import signature_failure

_REMEMBERED = 10_000
_JSON = "application/x-amz-json-1.1"
_SERVICE, _TARGET = "athena", "AmazonAthena"
_CALLER = re.compile(r"Credential=([^/,\s]+)/\d{8}/([a-z0-9-]+)/")
_HOP_BY_HOP = {"connection", "content-length", "content-encoding", "keep-alive", "transfer-encoding", "date", "server"}


class Executions:
    """The last executions, by id, in a file too: a query goes on in the emulator when this process is killed."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._executions: OrderedDict[str, Execution] = OrderedDict()
        for line in file.read_text(encoding="utf-8").splitlines() if file.exists() else ():
            with suppress(ValueError):  # the last line of a killed process may be half
                execution_id, described = json.loads(line)
                self._executions[execution_id] = Execution(**described)

    def remember(self, execution_id: str, execution: Execution) -> None:
        """Keep ``execution``; only the last ten thousand are kept."""
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps([execution_id, asdict(execution)]) + "\n")
        self._executions[execution_id] = execution
        if len(self._executions) > _REMEMBERED:
            self._executions.popitem(last=False)

    def failure(self, execution_id: str) -> tuple[str, str] | None:
        """Return the state and reason of an execution that was refused here."""
        execution = self._executions.get(execution_id)
        return execution.failure if execution else None

    def complete(self, described: dict[str, Any]) -> None:
        """Add to a ``QueryExecution`` of the emulator, in place, what it lacks."""
        execution_id = described.get("QueryExecutionId", "")
        execution = self._executions.get(execution_id)
        if execution is None:
            return
        # The emulator writes <location>/<id>.csv/<id>.csv and says <location>/<id>.csv.
        described["ResultConfiguration"]["OutputLocation"] += f"/{execution_id}.csv"
        described["Query"] = execution.text
        described.setdefault("Statistics", {})["DataScannedInBytes"] = execution.scanned_bytes
        if execution.failure and described["Status"]["State"] not in ("QUEUED", "RUNNING"):
            state, reason = execution.failure
            described["Status"] |= {"State": state, "StateChangeReason": reason}
            described["Status"]["AthenaError"] = {"ErrorCategory": 2, "Retryable": False, "ErrorMessage": reason}


def complete_results(answer: dict[str, Any]) -> None:
    """Format timestamps of a ``GetQueryResults`` response, in place, with milliseconds as Athena does."""
    result = answer["ResultSet"]
    columns = result["ResultSetMetadata"]["ColumnInfo"]
    places = [place for place, column in enumerate(columns) if column["Type"] == "timestamp"]
    for row in result["Rows"]:
        for place in places:
            value = row["Data"][place].get("VarCharValue")
            if value and value != columns[place]["Name"]:
                day, _, time = value.partition(" ")
                seconds, _, fraction = time.partition(".")
                row["Data"][place]["VarCharValue"] = f"{day} {seconds}.{fraction[:3]:0<3}"


class AthenaProxy:
    """Forwards Athena's calls to the emulator.

    A request goes on as its client signed it, so that the emulator checks signature and policies. Only a
    translated query must be signed again, with the stack's own ``credentials``.

    Args:
        emulator: base URL of the emulator.
        credentials: the account's root, to the emulator.
        planner: makes the planner of a region's queries.
        file: where executions are remembered.
    """

    def __init__(self, emulator: str, credentials: Credentials, planner: Callable[[str], Planner], file: Path) -> None:
        self._emulator = emulator
        self._credentials = credentials
        self._planner = cache(planner)
        self._executions = Executions(file)
        self._client = httpx.AsyncClient(timeout=60, trust_env=False)

    async def handle(self, request: Request) -> Response:
        """Handle one call of Athena's API."""
        body = await request.body()
        action = request.headers.get("x-amz-target", "").rpartition(".")[2]
        if action == "StartQueryExecution":
            return await self._start(request, body)
        answer = await self._forward(request, body)
        if answer.status_code != httpx.codes.OK:
            return _response(answer)
        if action in ("GetQueryExecution", "BatchGetQueryExecution"):
            described = answer.json()
            for execution in described.get("QueryExecutions", [described.get("QueryExecution")]):
                self._executions.complete(execution)
            return _json_response(described)
        if action == "GetQueryResults":
            failure = self._executions.failure(json.loads(body).get("QueryExecutionId", ""))
            if failure:
                return _error(f"Query did not finish successfully. Final query state: {failure[0]}")
            results = answer.json()
            complete_results(results)
            return _json_response(results)
        return _response(answer)

    async def _start(self, request: Request, body: bytes) -> Response:
        caller = _CALLER.search(request.headers.get("authorization", ""))
        if caller is None:
            return _response(await self._forward(request, body))  # unsigned: the emulator refuses it
        access_key, region = caller.groups()
        if access_key == self._credentials.access_key:
            if failure := signature_failure(request.scope, body, self._credentials):
                return _error(failure[1], code=failure[0], status=403)
        elif refusal := await self._refusal(request, body, region):
            return _response(refusal)
        try:
            call = json.loads(body)
            plan = await run_in_threadpool(self._plan, call, region)
        except MalformedQueryError as error:
            return _error(str(error), AthenaErrorCode="MALFORMED_QUERY")
        except (ValueError, KeyError, AttributeError) as error:
            return _error(f"expected a StartQueryExecution with a QueryString but received {body[:200]!r}: {error}")
        call.pop("ExecutionParameters", None)
        answer = await self._call("StartQueryExecution", call | {"QueryString": plan.sql}, region)
        if answer.status_code == httpx.codes.OK:
            self._executions.remember(answer.json()["QueryExecutionId"], plan.execution)
        return _response(answer)

    def _plan(self, call: dict[str, Any], region: str) -> Plan:
        return self._planner(region).plan(
            call["QueryString"],
            call.get("QueryExecutionContext", {}).get("Database", "default"),
            call.get("WorkGroup", "primary"),
            call.get("ExecutionParameters", ()),
        )

    async def _refusal(self, request: Request, body: bytes, region: str) -> httpx.Response | None:
        """Return the emulator's refusal of a request that another principal than root signed, or None if it is allowed.

        Its secret is not known here, so the emulator gets the request as it was signed; that execution is stopped.
        """
        trial = await self._forward(request, body)
        if trial.status_code != httpx.codes.OK:
            return trial
        await self._call("StopQueryExecution", {"QueryExecutionId": trial.json()["QueryExecutionId"]}, region)
        return None

    async def _forward(self, request: Request, body: bytes) -> httpx.Response:
        path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        # Host stays what the client signed.
        return await self._client.request(
            request.method, self._emulator + path, headers=request.headers.raw, content=body
        )

    async def _call(self, action: str, call: dict[str, Any], region: str) -> httpx.Response:
        url = f"{self._emulator}/"
        signed = AWSRequest(
            "POST",
            url,
            headers={"Content-Type": _JSON, "X-Amz-Target": f"{_TARGET}.{action}"},
            data=json.dumps(call).encode(),
        )
        SigV4Auth(self._credentials, _SERVICE, region).add_auth(signed)
        return await self._client.post(url, headers=dict(signed.headers.items()), content=signed.body)


def build_app(proxy: AthenaProxy) -> Starlette:
    """Return the ASGI application that answers with ``proxy``."""
    return Starlette(routes=[Route("/{path:path}", proxy.handle, methods=["GET", "POST"])])


def _response(answer: httpx.Response) -> Response:
    headers = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP_BY_HOP}
    return Response(answer.content, answer.status_code, headers)


def _json_response(content: dict[str, Any], status: int = 200) -> Response:
    return Response(json.dumps(content), status, media_type=_JSON)


def _error(message: str, code: str = "InvalidRequestException", status: int = 400, **fields: str) -> Response:
    body = {"__type": code, "Message": message, "message": message, **fields}
    return _json_response(body, status)
