"""Who takes part: the pipeline, clients of the API, viewers at the edge, backfills and replication.

Each is thin: it calls the deployed function's handler with an event as AWS sends it, and heeds the answer as AWS or a
well-behaved client does.
"""

import json
from collections.abc import Callable
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

from scheduler import Actor, Touch
from simulated_s3 import AwsError, Version
from state_machine import ExecutionFailedError, TaskError, Walk
from world import (
    CONTENTS,
    DERIVATIVES,
    IMAGES,
    LANE_QUEUE,
    ORIGINALS,
    REPLICA,
    TENANT,
    Cached,
    Message,
    World,
    lane_definition,
    run_function,
)

from lambdas.core.settings import load_settings
from lambdas.core.stores.derivatives import FOCUS_VERSION
from lambdas.edge.origin_request import GENERATOR_HEADER, NOT_FOUND_SECONDS_HEADER, REGION_HEADER
from lambdas.edge.origin_request import handler as origin_request

REPLICATION_SECONDS = 600  # from reading a version to writing its copy; S3 promises 15 minutes for the whole
EAGER, LAZY, CROP = "16x0.jpeg", "32x0.avif", "32x32.webp"
_TRIES = 4

# ---- The pipeline


@cache
def _definition() -> dict[str, Any]:
    return lane_definition()


def deliver(world: World, message: Message) -> Actor:
    """Deliver a message: a lane's starts an execution, a sweep's invokes the function."""
    message.received += 1
    message.deliveries += 1
    message.visible_at = world.now.timestamp() + load_settings().pipeline.visibility_seconds
    record = message.record()
    if message.queue != LANE_QUEUE:
        return _sweep(world, message, record)
    execution = f"execution-{world.number('execution')}"
    seconds = load_settings().pipeline.execution_seconds

    def run() -> None:
        walk = Walk(_definition(), execution, lambda *task: _task(world, execution, *task), world_together(world))
        try:
            output = walk.run([record])
        except ExecutionFailedError as error:
            world.note(f"{execution} fails: {error}")
            return
        finally:
            message.deliveries -= 1
        if not (isinstance(output, dict) and "batchItemFailures" in output):
            message.settled = True
            if isinstance(output, dict) and "outcome" in output:
                world.finished.add(execution)
        world.note(f"{execution} ends with {output}")

    deadline = world.now.timestamp() + seconds
    return world.scheduler.spawn(execution, run, deadline=deadline, crashes=True)


def _sweep(world: World, message: Message, record: dict[str, Any]) -> Actor:
    function = run_function(world, "sweep", {"Records": [record]}, f"message-{message.number}")

    def settle() -> None:
        world.scheduler.wait([function])
        message.deliveries -= 1
        if function.value is not None and not function.value["batchItemFailures"]:
            message.settled = True

    return world.scheduler.spawn(f"poller-{world.number('poller')}", settle)


def _task(world: World, execution: str, resource: str, arguments: dict[str, Any]) -> Any:
    service, _, operation = resource.removeprefix("arn:aws:states:::").partition(":")
    if service == "lambda":
        function = run_function(world, arguments["FunctionName"], arguments["Payload"], execution)
        world.scheduler.wait([function])
        if function.killed:
            raise TaskError("Lambda.Unknown", "the function was killed")
        if function.error is not None:
            world.note(f"{function} raises {function.error!r}")
            raise TaskError(type(function.error).__name__, str(function.error))
        return {"Payload": function.value}
    try:
        return world.call(service, operation[0].upper() + operation[1:], arguments)
    except AwsError as error:
        name = {"dynamodb": "DynamoDB", "sqs": "SQS"}[service]
        raise TaskError(f"{name}.{error.code}", error.message) from error


def world_together(world: World) -> Callable[[list[Callable[[], Any]]], list[Any]]:
    """Return how a Map's branches run: each as an actor of its own."""

    def together(branches: list[Callable[[], Any]]) -> list[Any]:
        number = world.number("map")
        actors = [world.scheduler.spawn(f"map-{number}.{place}", each) for place, each in enumerate(branches)]
        world.scheduler.wait(actors)
        for actor in actors:
            if actor.error is not None:
                raise actor.error
        return [actor.value for actor in actors]

    return together


# ---- Clients


def call_api(world: World, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    """Ask the upload API, by an actor's own function call; return status and body, 0 if the function was killed."""
    function = run_function(world, "upload_api", api_event(method, path, body))
    world.scheduler.wait([function])
    if function.killed or function.error is not None:
        return 0, None
    answer = function.value
    return answer["statusCode"], json.loads(answer["body"]) if answer["body"] else None


def api_event(method: str, path: str, body: Any = None) -> dict[str, Any]:
    """Return a request as the HTTP API sends it, of a tenant that may do everything."""
    scopes = "images:read images:write images:edit images:delete images:share images:release"
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"content-type": "application/json"},
        "requestContext": {
            "stage": "$default",
            "domainName": "api",
            "requestId": "model",
            "http": {"method": method, "path": path, "sourceIp": "192.0.2.1", "protocol": "HTTP/1.1"},
            "authorizer": {"lambda": {"tenant": TENANT, "subject": TENANT, "scopes": scopes}},
        },
        "body": None if body is None else json.dumps(body),
        "isBase64Encoded": False,
    }


def take_down(world: World) -> None:
    """Take the picture down, again while the API does not answer or answers that it is unavailable."""
    for _ in range(_TRIES):
        status, _body = call_api(world, "DELETE", f"/images/{world.image_id}")
        world.note(f"DELETE answers {status or 'nothing'}")
        if 0 < status < 500:
            world.taken_down[world.image_id] = status
            return


def refocus(x: float) -> Callable[[World], None]:
    """Return who gives the picture another focus, again while the API does not answer or is unavailable."""

    def change(world: World) -> None:
        for _ in range(_TRIES):
            status, _body = call_api(world, "PATCH", f"/images/{world.image_id}", {"focus": {"x": x, "y": 0.5}})
            world.note(f"PATCH answers {status or 'nothing'}")
            if 0 < status < 500:
                if status not in (200, 404, 409):
                    world.defects.append(f"PATCH answers {status}")
                return

    return change


def post(content: str) -> Callable[[World], None]:
    """Return who sends the bytes named ``content`` as the signed upload says."""

    def send(world: World) -> None:
        data, upload = CONTENTS[content], world.upload
        key = original_key(upload)

        def put() -> str:
            try:
                if "fields" in upload:
                    world.s3.post_form(ORIGINALS, upload["fields"], data)
                else:
                    _put_signed(world, upload, data)
            except AwsError as error:
                return error.code
            return "200"

        answer = world.act(f"upload of {content}", (Touch(ORIGINALS, key, True),), put)
        world.note(f"  S3 answers {answer}")

    return send


def original_key(upload: dict[str, Any]) -> str:
    """Return the key that an upload was signed for."""
    if "fields" in upload:
        key: str = upload["fields"]["key"]
        return key
    return urlsplit(upload["url"]).path.lstrip("/")


def _put_signed(world: World, upload: dict[str, Any], data: bytes) -> None:
    """Send a presigned PUT: S3 takes it until it expires, with the headers that were signed."""
    query = {name.lower(): values[0] for name, values in parse_qs(urlsplit(upload["url"]).query).items()}
    headers = {name.lower(): value for name, value in upload.get("headers", {}).items()}
    if world.now.timestamp() > world.signed_at + float(query["x-amz-expires"]):
        raise AwsError("AccessDenied", 403, "Request has expired")
    signed = set(query["x-amz-signedheaders"].split(";"))
    if missing := signed - {"host", "content-length", *headers}:
        raise AwsError("SignatureDoesNotMatch", 403, f"{missing} was signed but not sent")
    if "content-length" in headers and int(headers["content-length"]) != len(data):
        raise AwsError("SignatureDoesNotMatch", 403, "another length was signed")
    condition = {"IfNoneMatch": headers["if-none-match"]} if "if-none-match" in headers else {}
    checksum = headers.get("x-amz-checksum-sha256")
    world.s3.call(
        "PutObject",
        {
            "Bucket": ORIGINALS,
            "Key": original_key(upload),
            "Body": data,
            "ContentType": headers.get("content-type", "binary/octet-stream"),
            **({"ChecksumSHA256": checksum} if checksum else {}),
            **condition,
        },
    )


def backfill(world: World) -> None:
    """Have a batch job draw an eager and a lazy variant and a crop; temporary failures are tried again."""
    for _ in range(_TRIES):
        event = {
            "invocationSchemaVersion": "2.0",
            "invocationId": "model",
            "job": {"id": "job", "userArguments": {"variants": f"{EAGER} {LAZY} {CROP}"}},
            "tasks": [{"taskId": "task", "s3Bucket": ORIGINALS, "s3Key": original_key(world.upload)}],
        }
        function = run_function(world, "backfill", event)
        world.scheduler.wait([function])
        if function.killed or function.error is not None:
            continue
        (result,) = function.value["results"]
        world.note(f"backfill: {result['resultCode']} {result['resultString'][:80]}")
        if result["resultCode"] != "TemporaryFailure":
            return


# ---- The edge


def view(variant: str) -> Callable[[World], int]:
    """Return who asks the edge for a variant of the picture; the result is the status."""

    def ask(world: World) -> int:
        path = f"/{world.image_id}/{variant}"
        held = world.cache.get(path)
        if held is None or held.until <= world.now.timestamp():
            held = _fetch(world, path)
        else:
            world.note(f"  Hit of {path}: {held.status}")
        world.views.append((path, held.status, state_of(world)))
        return held.status

    return ask


def _fetch(world: World, path: str) -> Cached:
    delivery = load_settings().delivery
    not_found = delivery.not_found_seconds
    answer = origin_request({"Records": [{"cf": {"request": _origin_event(path, not_found)}}]}, None)
    if "status" in answer:
        control = answer["headers"]["cache-control"][0]["value"]
        status = int(answer["status"])
        body, focus_version = b"", 0
    else:
        key = path.lstrip("/")
        version = world.act(
            f"the edge gets {key}", (Touch(DERIVATIVES, key, False),), lambda: world.s3.current(DERIVATIVES, key)
        )
        status, body = (200, version.data) if version else (404, b"")
        focus_version = focus_version_of(version)
        control = version.headers["CacheControl"] if version else f"max-age={not_found}"
    lifetime = 0.0
    if "no-store" not in control and status < 500:
        ages = [part.strip() for part in control.split(",")]
        lifetime = next((float(part.split("=")[1]) for part in ages if part.startswith("max-age=")), 0.0)
    if status == 404 and "no-store" not in control:
        lifetime = max(lifetime, not_found)
    response = Cached(status, body or b"", world.now.timestamp() + lifetime, focus_version)

    def keep() -> None:
        if lifetime:
            world.cache[path] = response

    touches = (Touch("edge", path, True), Touch(IMAGES, world.image_id, False))  # the state is noted with the answer
    world.act(f"the edge answers {status} for {path}", touches, keep)
    return response


def _origin_event(path: str, not_found: int) -> dict[str, Any]:
    headers = {GENERATOR_HEADER: "generate", REGION_HEADER: "us-east-1", NOT_FOUND_SECONDS_HEADER: str(not_found)}
    return {
        "method": "GET",
        "uri": path,
        "headers": {},
        "origin": {
            "s3": {
                "domainName": f"{DERIVATIVES}.s3.us-east-1.amazonaws.com",
                "customHeaders": {name: [{"key": name, "value": value}] for name, value in headers.items()},
            }
        },
    }


# ---- Replication


def replicate(world: World) -> None:
    """Copy to the replica what was written to the derivatives bucket; a version that has gone by then is not copied."""
    waiting, world.replications = world.replications, []
    keys = tuple(Touch(DERIVATIVES, each.key, False) for each in waiting)

    def read() -> list[Version]:
        held = world.s3.buckets[DERIVATIVES]
        return [v for v in waiting if any(v.version_id == each.version_id for each in held.get(v.key, ()))]

    held = world.act("replication reads", keys, read)
    if held:
        copies = tuple(Touch(REPLICA, each.key, True) for each in held)
        world.act(
            "replication writes", copies, lambda: [world.s3.replicate(DERIVATIVES, each, REPLICA) for each in held]
        )


# ---- What is true of the picture


def focus_version_of(version: Version | None) -> int:
    """Return the version of the focus that a crop says it was drawn with."""
    return int(version.metadata.get(FOCUS_VERSION, 0)) if version else 0


def row_of(world: World) -> dict[str, Any] | None:
    """Return the picture's row in the images table."""
    return world.dynamodb.tables[IMAGES].items.get(world.image_id)


def state_of(world: World) -> str:
    """Return the picture's state; of the table that held outcomes alone, too."""
    row = row_of(world)
    if row is None:
        return "none"
    return str((row.get("state") or row["outcome"])["S"])
