"""Patches to the emulator's S3 where it accepts a write that S3 refuses, or says less of one than S3 does.

- An ``x-amz-`` header that the signature does not cover is a 403.
- ``If-None-Match`` takes ``*`` only, holds for copies too, and is a 409 if the key was deleted during the request.
- Policies see ``s3:if-none-match``, ``s3:if-match``, ``s3:ObjectCreationOperation`` and ``s3:authType``, those of forms
  as well.
- A form's signed checksum is compared with the file.
- Under a default retention, a write needs a checksum or ``Content-MD5``.
- EventBridge events name the version.

Each patch first checks what it replaces: with another version of the emulator the start fails.
"""

import itertools
import json
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from typing import Any

from infra.local.emulator.patching import original

Answer = tuple[int, dict[str, str], bytes]
_Write = Callable[..., Answer]

# Of the request in progress.
_began: ContextVar[int] = ContextVar("began", default=0)
_posted_file: ContextVar[bytes | None] = ContextVar("posted_file", default=None)
_event_version: ContextVar[str | None] = ContextVar("event_version", default=None)

_order = itertools.count(1)  # of requests' beginnings and of deletions
_INTEGRITY_HEADERS = ("content-md5", "x-amz-trailer", "x-amz-sdk-checksum-algorithm")


def apply_patches() -> None:
    """Patch the emulator's modules in this process.

    Raises:
        PatchError: a patched name is not there.
    """
    from ministack import app
    from ministack.core import iam_actions, iam_evaluator
    from ministack.services import eventbridge, s3

    _refuse_unsigned_headers(s3)
    _restrict_conditions(s3)
    _refuse_conflicts(app, s3)
    _name_condition_keys(iam_actions, iam_evaluator)
    _verify_forms(s3)
    _require_integrity(s3)
    _name_versions(s3, eventbridge)


def _refuse_unsigned_headers(s3: Any) -> None:
    verify: Callable[..., Answer | None] = original(s3, "_verify_presigned_sigv4")
    error: Callable[..., Answer] = original(s3, "_object_error")

    def verify_and_refuse(
        method: str, path: str, headers: Mapping[str, str], query: Mapping[str, list[str]]
    ) -> Answer | None:
        refusal = verify(method, path, headers, query)
        if refusal is not None:
            return refusal
        unsigned = unsigned_headers(headers, query)
        if not unsigned:
            return None
        message = "There were headers present in the request which were not signed"
        return error("AccessDenied", message, 403, HeadersNotSigned=", ".join(unsigned))

    s3._verify_presigned_sigv4 = verify_and_refuse


def unsigned_headers(headers: Mapping[str, str], query: Mapping[str, list[str]]) -> list[str]:
    """Return the ``x-amz-`` headers that a SigV4 request's signature does not cover; none of an unsigned request."""
    signed = next((values[0] for name, values in query.items() if name.lower() == "x-amz-signedheaders"), None)
    if signed is None:
        _, found, rest = headers.get("authorization", "").partition("SignedHeaders=")
        if not found:
            return []
        signed = rest.partition(",")[0]
    covered = signed.strip().lower().split(";")
    return sorted(name for name in headers if name.startswith("x-amz-") and name not in covered)


def _restrict_conditions(s3: Any) -> None:
    check: Callable[..., Answer | None] = original(s3, "_check_put_preconditions")
    error: Callable[..., Answer] = original(s3, "_error")
    copy: _Write = original(s3, "_copy_object")
    buckets = original(s3, "_buckets")

    def check_asterisk(headers: Mapping[str, str], existing: Any) -> Answer | None:
        if headers.get("if-none-match", "*").strip() not in ("", "*"):
            message = "A header you provided implies functionality that is not implemented"
            return error("NotImplemented", message, 501)
        return check(headers, existing)

    def check_and_copy(bucket: str, key: str, headers: Mapping[str, str]) -> Answer:
        objects = (buckets.get(bucket) or {}).get("objects", {})
        return s3._check_put_preconditions(headers, objects.get(key)) or copy(bucket, key, headers)

    s3._check_put_preconditions = check_asterisk
    s3._copy_object = check_and_copy


def _refuse_conflicts(app: Any, s3: Any) -> None:
    read_body: Callable[..., Awaitable[bytes]] = original(app, "_read_request_body")
    announce: Callable[..., None] = original(s3, "_fire_s3_event_async")
    error: Callable[..., Answer] = original(s3, "_error")
    deleted: dict[tuple[str, str], int] = {}

    async def note_beginning(*arguments: Any) -> bytes:
        _began.set(next(_order))
        return await read_body(*arguments)

    def note_deletion(bucket: str, key: str, event: str, *arguments: Any, **options: Any) -> None:
        if event.startswith("s3:ObjectRemoved:"):
            deleted[bucket, key] = next(_order)
        announce(bucket, key, event, *arguments, **options)

    def refusing(write: _Write) -> _Write:
        def write_unless_deleted(bucket: str, key: str, *rest: Any) -> Answer:
            headers = rest[-1] or {}
            conditional = "if-none-match" in headers or "if-match" in headers
            if conditional and deleted.get((bucket, key), 0) > _began.get() > 0:
                message = "The conditional request cannot succeed due to a conflicting operation against this resource."
                return error("ConditionalRequestConflict", message, 409, f"/{bucket}/{key}")
            return write(bucket, key, *rest)

        return write_unless_deleted

    app._read_request_body = note_beginning
    s3._fire_s3_event_async = note_deletion
    for name in ("_put_object", "_complete_multipart_upload", "_copy_object"):
        setattr(s3, name, refusing(original(s3, name)))


def _name_condition_keys(iam_actions: Any, iam_evaluator: Any) -> None:
    describe: Callable[..., dict[str, Any]] = original(iam_actions, "s3_service_context")
    enforce: Callable[..., Any] = original(iam_evaluator, "enforce")

    def describe_write(
        action: str, query: Mapping[str, Any] | None, path: str = "", headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        keys = write_condition_keys(query or {}, headers or {}) if action == "s3:PutObject" else {}
        return {**describe(action, query, path, headers), **keys}

    def enforce_forms(access_key: str, action: str, *arguments: Any, **options: Any) -> Any:
        if action == "s3:PutObject" and _posted_file.get() is not None:
            form = {"s3:ObjectCreationOperation": "true", "s3:authType": "POST"}
            options["service_context"] = {**(options.get("service_context") or {}), **form}
        return enforce(access_key, action, *arguments, **options)

    iam_actions.s3_service_context = describe_write
    iam_evaluator.enforce = enforce_forms


def write_condition_keys(query: Mapping[str, Any], headers: Mapping[str, str]) -> dict[str, str]:
    """Return the condition keys of a request that needs s3:PutObject, from its query and lower-case headers."""
    by_header = "authorization" in headers
    keys = {
        "s3:ObjectCreationOperation": "false" if "uploads" in query or "partNumber" in query else "true",
        "s3:authType": "REST-HEADER" if by_header else "REST-QUERY-STRING",
    }
    return keys | {f"s3:{name}": headers[name] for name in ("if-none-match", "if-match") if headers.get(name)}


def _verify_forms(s3: Any) -> None:
    post: _Write = original(s3, "_post_object")
    parse: Callable[[str, bytes], list[tuple[str, Any, Any, bytes]]] = original(s3, "_parse_multipart_form")
    enforce: Callable[..., Answer | None] = original(s3, "_enforce_signed_post_policy")
    check: Callable[..., tuple[Any, Answer | None]] = original(s3, "_resolve_object_checksums")

    def post_file(bucket: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        fields = parse(headers.get("content-type", ""), body)
        token = _posted_file.set(next((value for name, _, _, value in fields if name == "file"), b""))
        try:
            return post(bucket, body, headers)
        finally:
            _posted_file.reset(token)

    def enforce_checksum(fields: Mapping[str, str], bucket: str, *arguments: Any) -> Answer | None:
        refusal = enforce(fields, bucket, *arguments)
        return refusal or _missing_integrity(s3, bucket, fields) or check(_posted_file.get() or b"", fields)[1]

    s3._post_object = post_file
    s3._enforce_signed_post_policy = enforce_checksum


def _require_integrity(s3: Any) -> None:
    put: _Write = original(s3, "_put_object")
    put_part: _Write = original(s3, "_upload_part")
    original(s3, "_bucket_object_lock")

    def put_checked(bucket: str, key: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        return _missing_integrity(s3, bucket, headers) or put(bucket, key, body, headers)

    def put_part_checked(
        bucket: str, key: str, body: bytes, query: Mapping[str, Any], headers: Mapping[str, str]
    ) -> Answer:
        return _missing_integrity(s3, bucket, headers) or put_part(bucket, key, body, query, headers)

    s3._put_object = put_checked
    s3._upload_part = put_part_checked


def _missing_integrity(s3: Any, bucket: str, headers: Mapping[str, str]) -> Answer | None:
    """Return the refusal of a write to a bucket with a default retention that S3 could not verify, or None."""
    lock = s3._bucket_object_lock.get(bucket)
    if not lock or not lock.get("default_retention"):
        return None
    if any(name in _INTEGRITY_HEADERS or name.startswith("x-amz-checksum-") for name in headers):
        return None
    required = "Content-MD5 OR x-amz-checksum- HTTP header is required"
    message = f"{required} for Put Object requests with Object Lock parameters"
    refusal: Answer = s3._error("InvalidRequest", message, 400)
    return refusal


def _name_versions(s3: Any, eventbridge: Any) -> None:
    announce: Callable[..., None] = original(s3, "_fire_s3_event")
    dispatch: Callable[..., Any] = original(eventbridge, "_dispatch_event")

    def announce_version(*arguments: Any, **options: Any) -> None:
        token = _event_version.set(options.get("version_id"))
        try:
            announce(*arguments, **options)
        finally:
            _event_version.reset(token)

    def dispatch_version(event: dict[str, Any], *rest: Any) -> Any:
        version = _event_version.get()
        if version is not None and event.get("Source") == "aws.s3":
            detail = json.loads(event["Detail"])
            detail["object"]["version-id"] = version
            event = {**event, "Detail": json.dumps(detail)}
        return dispatch(event, *rest)

    s3._fire_s3_event = announce_version
    eventbridge._dispatch_event = dispatch_version
