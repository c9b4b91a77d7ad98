"""The OpenAPI document, made of the routes, and what it says of paths and methods."""

import json
import re
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.event_handler.openapi.models import HTTPBearer

from lambdas.upload_api.problem import CONTENT_TYPE, Problem

_TITLE = "Darkroom"
_VERSION = "1"
_DESCRIPTION = (
    "Uploads straight to storage by presigned requests, and what became of them. Bearer tokens name the tenant;"
    " a tenant sees and touches only its own. Every refusal is a problem document (RFC 9457)."
)
_BEARER = "bearer"


def write_document(app: APIGatewayHttpResolver, server: str) -> dict[str, Any]:
    """Return the document of all routes, served at ``server``."""
    document: dict[str, Any] = json.loads(
        app.get_openapi_json_schema(
            title=_TITLE,
            version=_VERSION,
            description=_DESCRIPTION,
            security_schemes={_BEARER: HTTPBearer(bearerFormat="JWT")},
            security=[{_BEARER: []}],
        )
    )
    document["servers"] = [{"url": server}]
    for operations in document["paths"].values():
        for operation in operations.values():
            # Powertools describes the 422 that it would answer; every refusal here is a problem document.
            operation["responses"].pop("422", None)
            operation["responses"]["default"] = {
                "description": "Refused: what was expected, and what was received",
                "content": {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
            }
    schemas = document["components"]["schemas"]
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    described = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= described.pop("$defs")
    schemas["Problem"] = described
    return document


def allowed_methods(document: dict[str, Any], path: str) -> list[str]:
    """Return the methods that ``path`` has, in upper case; none if there is no such path."""
    methods: set[str] = set()
    for template, operations in document["paths"].items():
        pattern = re.sub(r"\\\{[^/]*?\\\}", "[^/]+", re.escape(template))
        if re.fullmatch(pattern, path):
            methods |= {method.upper() for method in operations}
    return sorted(methods)
