"""The API's error responses: problem documents (RFC 9457)."""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response
from pydantic import BaseModel, Field

CONTENT_TYPE = "application/problem+json"


class FieldFault(BaseModel):
    """One invalid field of a request."""

    field: str
    detail: str = Field(description="What was expected, and what was received.")


class Problem(BaseModel):
    """A problem document (RFC 9457)."""

    type: str = "about:blank"
    title: str = Field(description="The status as text.")
    status: int
    detail: str = Field(description="What was expected, and what was received.")
    errors: list[FieldFault] = Field(default=[], description="The invalid fields, if any.")


class ProblemError(Exception):
    """A request is refused: ``detail`` explains why."""

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        errors: Sequence[dict[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})

    @property
    def body(self) -> str:
        """The problem document, as JSON."""
        document: dict[str, Any] = {
            "type": "about:blank",
            "title": self.status.phrase,
            "status": self.status.value,
            "detail": self.detail,
        }
        if self.errors:
            document["errors"] = self.errors
        return json.dumps(document)

    def to_response(self) -> "Response[str]":
        """Return the problem document as a route's response."""
        return Response(self.status.value, CONTENT_TYPE, self.body, headers=dict(self.headers))

    def to_proxy_response(self) -> dict[str, Any]:
        """Return the problem document as a function's response to an HTTP API (payload format 2.0)."""
        return {
            "statusCode": self.status.value,
            "headers": {"Content-Type": CONTENT_TYPE, **self.headers},
            "body": self.body,
            "isBase64Encoded": False,
        }


def invalid_request(faults: Sequence[Any]) -> ProblemError:
    """Turn pydantic's findings (loc, msg, input) into a problem that names each invalid field."""
    errors = []
    for fault in faults:
        field = ".".join(str(part) for part in fault["loc"] if part != "body") or "body"
        expected = str(fault["msg"]).removeprefix("Value error, ")
        received = (
            "" if fault.get("type") == "missing" or "input" not in fault else f" but received {_shown(fault['input'])}"
        )
        errors.append({"field": field, "detail": f"{expected}{received}"})
    detail = "; ".join(f"{each['field']}: {each['detail']}" for each in errors)
    return ProblemError(HTTPStatus.BAD_REQUEST, f"expected a valid request but received one with {detail}", errors)


def _shown(received: object) -> str:
    # A whole object or list would only repeat the request.
    kinds: dict[type, str] = {dict: "an object", list: "a list"}
    return kinds.get(type(received)) or repr(str(received)[:80])
