"""The OpenAPI document, generated from the routes, and a look-up of the methods of a path."""

import json
import re
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.event_handler.openapi.models import HTTPBearer

from lambdas.upload_api.problem import CONTENT_TYPE, Problem

_TITLE = "Darkroom"
_VERSION = "1"
_DESCRIPTION = (
    "Direct uploads to storage by presigned requests, and the images they become. Bearer tokens name the tenant;"
    " a tenant has access only to its own images. Every error is a problem document (RFC 9457)."
)
_BEARER = "bearer"


def build_document(app: APIGatewayHttpResolver, server: str) -> dict[str, Any]:
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
            # Powertools documents its own 422; every error here is a problem document.
            operation["responses"].pop("422", None)
            operation["responses"]["default"] = {
                "description": "An error: a problem document (RFC 9457)",
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
    """Return the methods of ``path``, in upper case; none if the path is unknown."""
    methods: set[str] = set()
    for template, operations in document["paths"].items():
        pattern = re.sub(r"\\\{[^/]*?\\\}", "[^/]+", re.escape(template))
        if re.fullmatch(pattern, path):
            methods |= {method.upper() for method in operations}
    return sorted(methods)
