"""Refusals of the API as problem documents (RFC 9457)."""

import json
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response
from pydantic import ValidationError

CONTENT_TYPE = "application/problem+json"


class ProblemError(Exception):
    """A request is refused: ``detail`` says what was expected and what was received."""

    def __init__(self, status: HTTPStatus, detail: str, errors: Sequence[dict[str, str]] = ()) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = tuple(errors)

    def to_response(self) -> "Response[str]":
        """Return the problem document."""
        document: dict[str, Any] = {
            "type": "about:blank",
            "title": self.status.phrase,
            "status": self.status.value,
            "detail": self.detail,
        }
        if self.errors:
            document["errors"] = self.errors
        return Response(self.status.value, CONTENT_TYPE, json.dumps(document))


def invalid_body(error: ValidationError) -> ProblemError:
    """Turn pydantic's findings into a problem that names each wrong field."""
    errors = []
    for fault in error.errors(include_url=False):
        field = ".".join(map(str, fault["loc"])) or "body"
        expected = fault["msg"].removeprefix("Value error, ")
        # A whole object as what was received would only repeat the request.
        received = "" if isinstance(fault["input"], dict) else f" but received {str(fault['input'])[:80]!r}"
        errors.append({"field": field, "detail": f"{expected}{received}"})
    detail = "; ".join(f"{each['field']}: {each['detail']}" for each in errors)
    return ProblemError(
        HTTPStatus.BAD_REQUEST, f"expected a valid upload request but received one with {detail}", errors
    )
