"""Patches to the emulator where it takes a request that AWS refuses for its size or shape.

- S3: parts below 5 MiB or out of order, a completion without parts, keys of more than 1,024 bytes, metadata of more
  than 2 KiB, more than 1,000 deletions at once, a copy of an object onto itself; a listing has at most 1,000 entries.
- API Gateway: bodies of more than 10 MiB, request lines and headers of more than 10,240 bytes.
- Lambda: payloads and responses of more than 6 MiB, of events 1 MiB; payloads that are no JSON.
- SQS: delays of more than 15 minutes, visibility of more than 12 hours.
- Parameter Store: more than 4 KiB, more than 10 names.

The numbers are those of each service's page of quotas. Each patch first checks what it replaces: with another version
of the emulator the start fails.
"""

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from infra.local.emulator.patching import original

Answer = tuple[int, dict[str, str], bytes]
Refusal = tuple[str, str]  # code and message

_MIB = 1024 * 1024
_SMALLEST_PART = 5 * _MIB
_LONGEST_KEY = 1024
_MOST_METADATA = 2048
_MOST_KEYS = 1000
_MOST_BODY = 10 * _MIB
_MOST_HEADERS = 10_240
_MOST_PAYLOAD = {"Event": _MIB, "RequestResponse": 6 * _MIB, "DryRun": 6 * _MIB}
_MOST_RESPONSE = 6_291_556
_MOST_NAMES = 10  # of one GetParameters
_MOST_PARAMETER = {"Standard": 4096, "Advanced": 8192, "Intelligent-Tiering": 8192}
_LONGEST_DELAY = 900
_LONGEST_VISIBILITY = 43_200
_CHANGES_OF_A_COPY = (
    "x-amz-storage-class",
    "x-amz-website-redirect-location",
    "x-amz-server-side-encryption",
    "x-amz-tagging-directive",
)


def apply_patches() -> None:
    """Patch the emulator's modules in this process.

    Raises:
        PatchError: a patched name is not there.
    """
    from ministack.services import apigateway, lambda_svc, s3, sqs, ssm

    _limit_objects(s3)
    _limit_parts(s3)
    _limit_batches(s3)
    _limit_requests(apigateway)
    _limit_payloads(lambda_svc)
    _limit_responses(lambda_svc)
    _limit_messages(sqs)
    _refuse(ssm, "_put_parameter", ssm.error_response_json, _long_parameter)
    _refuse(ssm, "_get_parameters", ssm.error_response_json, _many_parameters)


def _refuse(
    module: Any, name: str, error: Callable[[str, str, int], Any], check: Callable[..., Refusal | None]
) -> None:
    """Have the function ``name`` of ``module`` answer with an error of status 400 where ``check`` returns one."""
    replaced: Callable[..., Any] = original(module, name)

    def checked(*arguments: Any, **options: Any) -> Any:
        refusal = check(*arguments, **options)
        return error(*refusal, 400) if refusal else replaced(*arguments, **options)

    setattr(module, name, checked)


def _limit_objects(s3: Any) -> None:
    def unfit(_bucket: str, key: str, *rest: Any) -> Refusal | None:
        return _unfit_object(key, rest[-1])

    for name in ("_put_object", "_copy_object", "_create_multipart_upload"):
        _refuse(s3, name, s3._error, unfit)
    _refuse(s3, "_copy_object", s3._error, _onto_itself)


def _unfit_object(key: str, headers: Mapping[str, str]) -> Refusal | None:
    if len(key.encode()) > _LONGEST_KEY:
        return "KeyTooLongError", "Your key is too long"
    prefix = "x-amz-meta-"
    size = sum(len(name) - len(prefix) + len(value) for name, value in headers.items() if name.startswith(prefix))
    if size > _MOST_METADATA:
        return "MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size"
    return None


def _onto_itself(bucket: str, key: str, headers: Mapping[str, str]) -> Refusal | None:
    # With versionId the copy makes a former version the current one.
    from_itself = headers.get("x-amz-copy-source", "").lstrip("/") == f"{bucket}/{key}"
    changed = headers.get("x-amz-metadata-directive") == "REPLACE" or any(
        each in headers for each in _CHANGES_OF_A_COPY
    )
    if not from_itself or changed:
        return None
    return (
        "InvalidRequest",
        "This copy request is illegal because it is trying to copy an object to itself without changing the object's"
        " metadata, storage class, website redirect location or encryption attributes.",
    )


def _limit_parts(s3: Any) -> None:
    uploads = original(s3, "_multipart_uploads")

    def unfit(_bucket: str, _key: str, body: bytes, query: Mapping[str, Any], *_: Any) -> Refusal | None:
        upload = uploads.get(s3._qp(query, "uploadId"))
        if upload is None:
            return None
        numbers = [int(each) for each in re.findall(rb"<PartNumber>\s*(\d+)\s*</PartNumber>", body)]
        sizes = {number: part.get("size", len(part["body"])) for number, part in upload["parts"].items()}
        return _unfit_parts(numbers, sizes)

    _refuse(s3, "_complete_multipart_upload", s3._error, unfit)


def _unfit_parts(numbers: list[int], sizes: Mapping[int, int]) -> Refusal | None:
    if not numbers:
        return (
            "MalformedXML",
            "The XML you provided was not well-formed or did not validate against our published schema",
        )
    if numbers != sorted(set(numbers)):
        return (
            "InvalidPartOrder",
            "The list of parts was not in ascending order. Parts must be ordered by part number.",
        )
    if any(sizes.get(number, _SMALLEST_PART) < _SMALLEST_PART for number in numbers[:-1]):
        return "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size"
    return None


def _limit_batches(s3: Any) -> None:
    def too_many(_bucket: str, body: bytes, *_: Any) -> Refusal | None:
        if len(re.findall(rb"<Object[ >]", body)) <= _MOST_KEYS:
            return None
        return (
            "MalformedXML",
            "The XML you provided was not well-formed or did not validate against our published schema",
        )

    _refuse(s3, "_delete_objects", s3._error, too_many)
    for name in ("_list_objects_v1", "_list_objects_v2", "_list_object_versions"):
        setattr(s3, name, _listing_at_most(original(s3, name), original(s3, "_qp")))


def _listing_at_most(replaced: Callable[..., Answer], parameter: Callable[..., str]) -> Callable[..., Answer]:
    def listing(bucket: str, query: Mapping[str, Any]) -> Answer:
        asked = parameter(query, "max-keys", str(_MOST_KEYS))
        if asked.isdecimal() and int(asked) > _MOST_KEYS:
            query = {**query, "max-keys": [str(_MOST_KEYS)]}
        return replaced(bucket, query)

    return listing


def _limit_requests(apigateway: Any) -> None:
    execute: Callable[..., Awaitable[Answer]] = original(apigateway, "handle_execute")

    async def execute_checked(
        api_id: str, stage: str, path: str, method: str, headers: Any, body: bytes, *rest: Any, **named: Any
    ) -> Answer:
        size = len(f"{method} {path} HTTP/1.1") + sum(len(name) + len(value) for name, value in headers.items())
        if len(body or b"") > _MOST_BODY:
            return 413, {"Content-Type": "application/json"}, b'{"message":"Request Entity Too Large"}'
        if size > _MOST_HEADERS:
            return 431, {"Content-Type": "application/json"}, b'{"message":"Request Header Fields Too Large"}'
        return await execute(api_id, stage, path, method, headers, body, *rest, **named)

    apigateway.handle_execute = execute_checked


def _limit_payloads(lambda_svc: Any) -> None:
    handle: Callable[..., Awaitable[Any]] = original(lambda_svc, "handle_request")

    async def handle_checked(method: str, path: str, headers: Mapping[str, str], body: bytes, query: Any) -> Any:
        if method == "POST" and path.rstrip("/").endswith("/invocations"):
            refusal = _unfit_payload(body, headers.get("x-amz-invocation-type", "RequestResponse"))
            if refusal:
                code, message, status = refusal
                return lambda_svc.error_response_json(code, message, status)
        return await handle(method, path, headers, body, query)

    lambda_svc.handle_request = handle_checked


def _unfit_payload(body: bytes, kind: str) -> tuple[str, str, int] | None:
    most = _MOST_PAYLOAD.get(kind, 6 * _MIB)
    if len(body) > most:
        message = f"Request must be smaller than {most} bytes for the {kind} operation"
        return "RequestTooLargeException", message, 413
    try:
        json.loads(body or b"{}")
    except ValueError as error:
        return "InvalidRequestContentException", f"Could not parse request body into json: {error}", 400
    return None


def _limit_responses(lambda_svc: Any) -> None:
    execute: Callable[..., dict[str, Any]] = original(lambda_svc, "_execute_function_warm")

    def execute_checked(*arguments: Any, **options: Any) -> dict[str, Any]:
        answer = execute(*arguments, **options)
        if len(json.dumps(answer.get("body"))) <= _MOST_RESPONSE:
            return answer
        message = f"Response payload size exceeded maximum allowed payload size ({_MOST_RESPONSE} bytes)."
        return {
            **answer,
            "error": True,
            "body": {"errorType": "Function.ResponseSizeTooLarge", "errorMessage": message},
        }

    lambda_svc._execute_function_warm = execute_checked


def _limit_messages(sqs: Any) -> None:
    send: Callable[..., Any] = original(sqs, "_act_send_message")
    change: Callable[..., Any] = original(sqs, "_act_change_visibility")
    error = original(sqs, "_Err")

    def require(data: Mapping[str, Any], name: str, most: int) -> None:
        if not 0 <= int(data.get(name) or 0) <= most:
            reason = f"Reason: {name} must be >= 0 and <= {most}."
            raise error("InvalidParameterValue", f"Value {data[name]} for parameter {name} is invalid. {reason}")

    def send_checked(data: dict[str, Any], url: str) -> Any:
        require(data, "DelaySeconds", _LONGEST_DELAY)
        return send(data, url)

    def change_checked(data: dict[str, Any], url: str) -> Any:
        require(data, "VisibilityTimeout", _LONGEST_VISIBILITY)
        return change(data, url)

    _replace_action(sqs, "SendMessage", "_act_send_message", send_checked)
    _replace_action(sqs, "ChangeMessageVisibility", "_act_change_visibility", change_checked)


def _replace_action(sqs: Any, action: str, name: str, function: Callable[..., Any]) -> None:
    original(sqs, "_HANDLERS")[action] = function
    setattr(sqs, name, function)


def _many_parameters(data: Mapping[str, Any]) -> Refusal | None:
    if len(data.get("Names", [])) <= _MOST_NAMES:
        return None
    return "ValidationException", f"Member must have length less than or equal to {_MOST_NAMES}"


def _long_parameter(data: Mapping[str, Any]) -> Refusal | None:
    tier = data.get("Tier", "Standard")
    if len(data.get("Value", "").encode()) <= _MOST_PARAMETER.get(tier, _MOST_PARAMETER["Standard"]):
        return None
    return "ValidationException", f"{tier} tier parameters support a maximum parameter value of 4096 characters."
