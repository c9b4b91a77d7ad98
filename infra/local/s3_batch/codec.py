"""S3 Control's XML, read and written by botocore's own model of the service: the server's side of its client's code."""

from collections.abc import Mapping
from functools import cache
from typing import Any
from xml.etree import ElementTree  # only written here

import botocore.session
from botocore.exceptions import ParamValidationError
from botocore.model import OperationModel, ServiceModel
from botocore.parsers import ResponseParserError, create_parser
from botocore.serialize import create_serializer
from botocore.validate import ParamValidator

from infra.local.s3_batch.errors import BatchError

_PROTOCOL = "rest-xml"


@cache
def _service() -> ServiceModel:
    model: ServiceModel = botocore.session.get_session().get_service_model("s3control")
    return model


def read_request(
    operation: str, headers: Mapping[str, str], query: Mapping[str, list[str]], path: Mapping[str, str], body: bytes
) -> dict[str, Any]:
    """Return the parameters of a request, as a client gave them to boto3.

    Args:
        operation: its name, such as ``CreateJob``.
        headers: by their lower-case names.
        query: values by name.
        path: values by the names in the operation's address.
        body: XML, or nothing.

    Raises:
        BatchError: the XML is none, or a parameter is missing or of the wrong type.
    """
    shape = _service().operation_model(operation).input_shape
    assert shape is not None  # noqa: S101 - each of the five operations takes parameters
    try:
        parsed = create_parser(_PROTOCOL).parse({"headers": headers, "body": body, "status_code": 200}, shape)
    except (ResponseParserError, ValueError) as error:
        raise BatchError("MalformedXML", f"The XML you provided was not well-formed: {error}") from error
    parsed.pop("ResponseMetadata", None)
    for name, member in shape.members.items():
        found: Any = None
        location, key = member.serialization.get("location"), str(member.serialization.get("name"))
        if location == "uri":
            found = path.get(key)
        elif location == "querystring" and query.get(key):
            found = query[key] if member.type_name == "list" else query[key][0]
            if member.type_name == "integer":
                found = _integer(name, found)
        if found is not None:
            parsed[name] = found
    report = ParamValidator().validate(parsed, shape)
    if report.has_errors():
        raise BatchError("InvalidRequest", f"Request invalid: {report.generate_report()}")
    return dict(parsed)


def write_answer(operation: str, answer: Mapping[str, Any]) -> bytes:
    """Return ``answer`` as the XML from which a client reads it."""
    model = _service().operation_model(operation)
    if model.output_shape is None:
        return b""
    # What a client sends is written by the same code, so that the answer poses as the input of an operation.
    posing = OperationModel(
        {
            "name": operation,
            "http": {"method": "POST", "requestUri": "/"},
            "input": {"shape": model.output_shape.name, "locationName": model.output_shape.name},
        },
        _service(),
        operation,
    )
    try:
        written = create_serializer(_PROTOCOL).serialize_to_request(dict(answer), posing)
    except ParamValidationError as error:
        raise AssertionError(f"expected an answer of {operation} but received {answer}") from error
    return bytes(written["body"])


def write_error(error: BatchError, request_id: str) -> bytes:
    """Return ``error`` as S3 Control's XML."""
    root = ElementTree.Element("ErrorResponse")
    told = ElementTree.SubElement(root, "Error")
    ElementTree.SubElement(told, "Code").text = error.code
    ElementTree.SubElement(told, "Message").text = str(error)
    ElementTree.SubElement(root, "RequestId").text = request_id
    return bytes(ElementTree.tostring(root, encoding="utf-8"))


def _integer(name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise BatchError(
            "InvalidRequest", f"Request invalid: expected a number for {name} but received {text!r}"
        ) from error
