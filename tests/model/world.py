"""The world of one schedule: AWS in memory, a clock, queues, the edge's cache, and what its actors have done.

``installed`` puts it below ``botocore.client.BaseClient``: the real handlers run, and each call that they make to AWS
is a point at which the scheduler decides who goes on.
"""

import hashlib
import io
import json
import math
import os
import struct
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import botocore.client
import time_machine
from scheduler import Call, Choices, KilledError, Scheduler, Touch, current
from simulated_dynamodb import SimulatedDynamoDB, SimulatedTable
from simulated_s3 import AwsError, SimulatedS3, Version

from infra.constructs.lane.definition import definition
from lambdas.core.settings import load_settings
from lambdas.edge import origin_request

ORIGINALS, DERIVATIVES, REPLICA = "model-originals", "model-derivatives", "model-replica"
IMAGES, FAILURES, UPLOADS = "model-images", "model-failures", "model-uploads"
LANE_QUEUE, SWEEP_QUEUE = "https://sqs/lane", "https://sqs/sweep"
START = datetime(2026, 1, 1, tzinfo=UTC)
TENANT = "demo"
_MAY_NOT_LIST = ("validate", "metadata", "derive")
RESOURCES = {
    "IMAGES_TABLE": IMAGES,
    "ORIGINALS_BUCKET": ORIGINALS,
    "DERIVATIVES_BUCKET": DERIVATIVES,
    "REPLICA_BUCKET": REPLICA,
    "UPLOADS_TABLE": UPLOADS,
    "SWEEP_QUEUE_URL": SWEEP_QUEUE,
    "IMAGE_TOKEN_KEYS_TABLE": "model-image-token-keys",
    "SWEEP_FUNCTION": "sweep",
}
ENVIRONMENT = {
    **RESOURCES,
    "DARKROOM_STAGE": "dev",
    "DARKROOM_SETTINGS": str(Path(__file__).with_name("settings.toml")),
    "AWS_ACCESS_KEY_ID": "model",
    "AWS_SECRET_ACCESS_KEY": "model",
    "AWS_DEFAULT_REGION": "us-east-1",
    "POWERTOOLS_METRICS_NAMESPACE": "model",
    "POWERTOOLS_METRICS_DISABLED": "true",
    "POWERTOOLS_SERVICE_NAME": "model",
    "POWERTOOLS_LOG_LEVEL": "CRITICAL",
    "POWERTOOLS_TRACE_DISABLED": "true",
}


def _png(colour: tuple[int, int, int]) -> bytes:
    """Return a picture of 40 × 30 pixels of one colour; all of them have the same size in bytes."""
    rows = (b"\0" + bytes(colour) * 40) * 30

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 40, 30, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 0)) + chunk(b"IEND", b"")


RED, BLUE = _png((200, 30, 30)), _png((30, 30, 200))
NO_PICTURE = b"?" * len(RED)
BROKEN = RED[:60] + b"\0" * (len(RED) - 60)
CONTENTS = {"red": RED, "blue": BLUE, "no picture": NO_PICTURE, "broken": BROKEN}
_NAMES = {hashlib.md5(data, usedforsecurity=False).hexdigest(): name for name, data in CONTENTS.items()}


@dataclass
class Message:
    """A message of a queue. ``deliveries`` are under way."""

    number: int
    queue: str
    body: str
    sent_at: float
    visible_at: float
    received: int = 0
    deliveries: int = 0
    settled: bool = False

    def record(self) -> dict[str, Any]:
        """Return it as SQS delivers it."""
        return {
            "messageId": f"message-{self.number}",
            "body": self.body,
            "md5OfBody": hashlib.md5(self.body.encode(), usedforsecurity=False).hexdigest(),
            "attributes": {
                "SentTimestamp": str(int(self.sent_at * 1000)),
                "ApproximateReceiveCount": str(self.received),
            },
        }


@dataclass
class Cached:
    """A response in the edge's cache."""

    status: int
    body: bytes
    until: float
    focus_version: int = 0


@dataclass
class World:
    """AWS, and what happened in it."""

    choices: Choices
    scheduler: Scheduler = field(default_factory=Scheduler)
    now: datetime = START
    trace: list[str] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    dead_letters: list[Message] = field(default_factory=list)
    cache: dict[str, Cached] = field(default_factory=dict)
    replications: list[Version] = field(default_factory=list)
    drawn: list[tuple[str, str, frozenset[str]]] = field(default_factory=list)
    """Executions, the variants they stored, and the executions that had finished by then, in order."""
    views: list[tuple[str, int, str]] = field(default_factory=list)
    """Paths that were asked of the edge, its answers, and the state of the picture when each was given."""
    finished: set[str] = field(default_factory=set)
    """Executions that ended with their outcome recorded or settled."""
    taken_down: dict[str, int] = field(default_factory=dict)
    """The last status that a takedown of each image answered."""
    defects: list[str] = field(default_factory=list)
    """Errors of the model itself."""
    stale_reads: int = 0
    image_id: str = ""
    upload: dict[str, Any] = field(default_factory=dict)
    signed_at: float = START.timestamp()
    _numbers: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.s3 = SimulatedS3((ORIGINALS, DERIVATIVES, REPLICA), lambda: self.now, self._created)
        self.dynamodb = SimulatedDynamoDB(
            {
                IMAGES: SimulatedTable("image_id", {"by-tenant": ("tenant", "uploaded_at")}, "expires_at"),
                UPLOADS: SimulatedTable("image_id", {}, "expires_at"),
                FAILURES: SimulatedTable("body_md5", {}, "expires_at"),
            },
            lambda: self.now,
            self._reads_stale,
        )

    # ---- Names and time

    def number(self, kind: str) -> int:
        """Count things of a kind."""
        self._numbers[kind] = self._numbers.get(kind, 0) + 1
        return self._numbers[kind]

    def note(self, text: str) -> None:
        """Add a step to the trace."""
        self.trace.append(text)

    def move_clock(self, seconds: float) -> None:
        """Move the clock on. Functions whose time is over are killed first."""
        until = self.now + timedelta(seconds=seconds)
        for actor in list(self.scheduler.actors):
            if not actor.ended and actor.deadline < until.timestamp():
                self.note(f"{actor} runs out of time")
                self.scheduler.kill(actor)
        self.now = until
        if _installed.clock is not None:
            _installed.clock.move_to(until.timestamp(), tick=False)
        self.note(f"the clock moves on by {seconds:g} s")

    # ---- Events

    def _created(self, bucket: str, version: Version) -> None:
        if bucket == DERIVATIVES:
            self.replications.append(version)
        if bucket == ORIGINALS and not version.is_marker:
            detail = {
                "bucket": {"name": bucket},
                "object": {
                    "key": version.key,
                    "size": len(version.data or b""),
                    "etag": version.etag,
                    "version-id": version.version_id,
                },
            }
            self.send(LANE_QUEUE, json.dumps({"detail-type": "Object Created", "detail": detail}), 0)

    def send(self, queue: str, body: str, delay: float) -> None:
        """Add a message to a queue."""
        now = self.now.timestamp()
        self.messages.append(Message(self.number("message"), queue, body, now, now + delay))

    def _reads_stale(self, table: str, key: str) -> bool:
        if self.stale_reads <= 0 or current() is None or not self.choices.choose(2):
            return False
        self.stale_reads -= 1
        self.note(f"  the read of {table} returns the state before the last write")
        return True

    # ---- Calls

    def call(self, service: str, operation: str, arguments: dict[str, Any]) -> Any:
        """Make one call to AWS: the running actor stops before it, and may die after it.

        Raises:
            AwsError: the service refuses.
        """
        if current() is None:
            return self._perform(service, operation, arguments)
        dies = self.scheduler.pause(_describe(service, operation, arguments))
        try:
            answer = self._perform(service, operation, arguments)
        finally:
            if dies:
                raise KilledError
        return answer

    def act(self, text: str, touches: tuple[Touch, ...], effect: Callable[[], Any]) -> Any:
        """Do something that is no call of boto3, as one step of the running actor."""
        if current() is None:
            return effect()
        dies = self.scheduler.pause(Call(text, touches))
        done = effect()
        if dies:
            raise KilledError
        return done

    def _perform(self, service: str, operation: str, arguments: dict[str, Any]) -> Any:
        match service, operation:
            case "s3", _:
                answer = self._ask_s3(operation, arguments)
                if operation == "PutObject" and arguments["Bucket"] == DERIVATIVES:
                    actor = current()
                    by = actor.name.partition("/")[0] if actor else ""
                    self.drawn.append((by, arguments["Key"], frozenset(self.finished)))
                return answer
            case "dynamodb", _:
                return self.dynamodb.call(operation, arguments)
            case "sqs", "SendMessage":
                self.send(arguments["QueueUrl"], arguments["MessageBody"], arguments.get("DelaySeconds", 0))
                return {"MessageId": "sent"}
            case "cloudfront", "CreateInvalidation":
                self.invalidate(arguments["InvalidationBatch"]["Paths"]["Items"])
                return {"Invalidation": {"Id": f"invalidation-{self.number('invalidation')}"}}
            case "ssm", "GetParameter":
                return {"Parameter": {"Value": "DISTRIBUTION"}}
            case "lambda", "Invoke":
                return self._invoke(arguments["FunctionName"], json.loads(arguments["Payload"]))
        raise NotImplementedError(f"{service} {operation} is not simulated")

    def _ask_s3(self, operation: str, arguments: dict[str, Any]) -> Any:
        """Call S3; to a lane's functions, which may not list originals, a missing one looks like a forbidden one."""
        try:
            return self.s3.call(operation, arguments)
        except AwsError as error:
            actor = current()
            caller = actor.name.rpartition("/")[2].rpartition("-")[0] if actor else ""
            if error.status == 404 and caller in _MAY_NOT_LIST and arguments["Bucket"] == ORIGINALS:
                code = "403" if operation == "HeadObject" else "AccessDenied"
                raise AwsError(code, 403, "Access Denied") from error
            raise

    def _invoke(self, name: str, payload: Any) -> Any:
        actor = run_function(self, name, payload)
        self.scheduler.wait([actor])
        if actor.killed or actor.error is not None:
            reply: Any = {"errorMessage": str(actor.error), "errorType": type(actor.error).__name__}
            return {"FunctionError": "Unhandled", "Payload": io.BytesIO(json.dumps(reply).encode())}
        return {"Payload": io.BytesIO(json.dumps(actor.value).encode())}

    def invalidate(self, patterns: Sequence[str]) -> None:
        """Drop responses from the edge's cache, by path or by tag; a tag is an image id here."""
        prefixes = [f"/{each[1:]}/" if each[0] == "#" else each.removesuffix("*") for each in patterns]
        for path in [path for path in self.cache if any(path.startswith(prefix) for prefix in prefixes)]:
            del self.cache[path]


_READS = frozenset(
    {"GetObject", "HeadObject", "ListObjectVersions", "ListObjectsV2", "ListParts", "GetItem", "Query", "Scan"}
)


def _describe(service: str, operation: str, arguments: Mapping[str, Any]) -> Call:
    writes = operation not in _READS
    match service:
        case "s3":
            bucket = arguments["Bucket"]
            if operation == "DeleteObjects":
                keys = dict.fromkeys(each["Key"] for each in arguments["Delete"]["Objects"])
                touches = tuple(Touch(bucket, key, True) for key in keys)
                return Call(f"{operation} {bucket} {len(keys)} keys", touches)
            if operation.startswith("ListObject"):
                prefix = arguments.get("Prefix", "")
                return Call(f"{operation} {bucket}/{prefix}*", (Touch(bucket, prefix, False, prefix=True),))
            version = f" {arguments['VersionId']}" if arguments.get("VersionId") else ""
            return Call(f"{operation} {bucket}/{arguments['Key']}{version}", (Touch(bucket, arguments["Key"], writes),))
        case "dynamodb":
            table = arguments["TableName"]
            holder = arguments.get("Key") or arguments.get("Item") or {}
            key = next((holder[name]["S"] for name in ("image_id", "body_md5") if name in holder), "")
            condition = arguments.get("ConditionExpression")
            return Call(
                f"{operation} {table} {key[-4:]}{f' if {condition}' if condition else ''}",
                (Touch(table, key, writes, prefix=not key),),
            )
        case "cloudfront":
            items = arguments["InvalidationBatch"]["Paths"]["Items"]
            return Call(f"invalidate {items}", (Touch("edge", "/", True, prefix=True),))
        case "sqs":
            return Call(f"SendMessage {arguments['QueueUrl']} in {arguments.get('DelaySeconds', 0)} s")
    return Call(f"{service} {operation} {arguments.get('FunctionName', '')}".rstrip())


# ---- Functions


def function_handler(name: str) -> Callable[[Any, Any], Any]:
    """Return a deployed function's handler."""
    return _handlers()[name]


@cache
def _handlers() -> dict[str, Any]:
    from importlib import import_module, util

    names = ("validate", "metadata", "derive", "record", "generate", "backfill", "upload_api", "sweep")
    modules = {name: f"lambdas.{name}.handler" for name in names if util.find_spec(f"lambdas.{name}")}
    return {name: import_module(module).handler for name, module in modules.items()}


class Context:
    """What handlers are told of their invocation."""

    function_name = invoked_function_arn = aws_request_id = "model"
    memory_limit_in_mb = 1

    def __init__(self, left: float) -> None:
        self._left = left

    def get_remaining_time_in_millis(self) -> int:
        return int(self._left * 1000)


def run_function(world: World, name: str, payload: Any, owner: str = "") -> Any:
    """Start a function: an actor of its own, killed when the function's time is over."""
    seconds = load_settings().functions[name].timeout_seconds
    parent = current()
    label = f"{owner or (parent.name if parent else 'test')}/{name}"
    handler = function_handler(name)
    data = json.dumps(payload)

    def run() -> Any:
        return json.loads(json.dumps(handler(json.loads(data), Context(seconds))))

    deadline = world.now.timestamp() + seconds
    return world.scheduler.spawn(f"{label}-{world.number(label)}", run, deadline=deadline, crashes=True)


# ---- Installation


@dataclass
class _Installed:
    """What this process's calls and clocks go to."""

    world: World | None = None
    clock: Any = None
    remembered: list[Any] = field(default_factory=list)

    def forget(self) -> None:
        """Forget what functions remember between invocations: each schedule begins with new processes."""
        for each in self.remembered:
            each.cache_clear()


_installed = _Installed()


def _make_api_call(client: Any, operation: str, arguments: dict[str, Any]) -> Any:
    if _installed.world is None:
        raise RuntimeError(f"expected no call to AWS outside of a schedule but received {operation}")
    service = client.meta.service_model.service_name
    try:
        answer = _installed.world.call(service, operation, arguments)
    except AwsError as error:
        response = {
            "Error": {"Code": error.code, "Message": error.message},
            "ResponseMetadata": {"HTTPStatusCode": error.status},
            **error.rest,
        }
        raise client.exceptions.from_code(error.code)(response, operation) from error
    except Exception as error:  # a defect of the model, which a handler would take for AWS's
        _installed.world.defects.append(f"{service} {operation}: {error!r}")
        raise
    answer.setdefault("ResponseMetadata", {"HTTPStatusCode": 200})
    return answer


class _InLine:
    """Stands for a pool of threads: does each piece of work at once, in the actor that submits it."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __enter__(self) -> "_InLine":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def submit(self, work: Callable[..., Any], *arguments: Any) -> Any:
        from concurrent.futures import Future

        future: Future[Any] = Future()
        try:
            future.set_result(work(*arguments))
        except Exception as error:
            future.set_exception(error)
        return future


def _remembering(function: Callable[..., Any]) -> Callable[..., Any]:
    """Remember the results of ``describe`` or ``render`` by the original's bytes and the variants: both are pure."""
    results: dict[Any, Any] = {}

    def remembered(data: bytes, *arguments: Any, seconds: float = math.inf, **how: Any) -> Any:
        given = (tuple(each) if isinstance(each, list) else each for each in arguments if not _settings(each))
        key = (data, *given, *how.items())
        if key not in results:
            try:
                found = function(data, *arguments, **how)
                results[key] = (found if isinstance(found, tuple) else list(found), None)
            except Exception as error:
                results[key] = (None, error)
        found, error = results[key]
        if error is not None:
            raise error
        return found

    return remembered


def _settings(value: Any) -> bool:
    return hasattr(value, "ladder")


def _nothing(*_: Any, **__: Any) -> None:
    pass


@contextmanager
def installed() -> Iterator[None]:
    """Put the model below the handlers of this process: environment, clock, AWS, pools and memory of pictures."""
    from lambdas.core import clients, drawing
    from lambdas.core.observability import logger, metrics
    from lambdas.imaging.render import render
    from lambdas.metadata.describe import describe

    _handlers()
    with ExitStack() as stack:
        stack.enter_context(mock.patch.dict(os.environ, {**ENVIRONMENT, "PATH": os.environ["PATH"]}, clear=True))
        stack.enter_context(mock.patch.object(botocore.client.BaseClient, "_make_api_call", _make_api_call))
        stack.enter_context(mock.patch.object(drawing, "ThreadPoolExecutor", _InLine))
        for function in (render, describe):
            known = _remembering(function)
            for name, module in list(sys.modules.items()):
                if name.startswith("lambdas.") and getattr(module, function.__name__, None) is function:
                    stack.enter_context(mock.patch.object(module, function.__name__, known))
        for each in (clients.s3, clients.dynamodb, clients.cloudfront, clients.parameters, clients.functions):
            each.cache_clear()
            stack.callback(each.cache_clear)
        _installed.remembered = [
            each
            for name, module in sys.modules.items()
            if name in ("lambdas.upload_api.resources", "lambdas.core.image_resources")
            for each in vars(module).values()
            if hasattr(each, "cache_clear") and each.__module__ == name
        ]
        stack.callback(_installed.forget)
        # A process of Lambda's has one invocation at a time, and this one many: their metrics would mix.
        for name in ("add_metric", "add_metadata", "add_dimension"):
            stack.enter_context(mock.patch.object(metrics, name, _nothing))
        for name in ("flush_metrics", "clear_metrics"):
            stack.enter_context(mock.patch.object(metrics.provider, name, _nothing))
        stack.callback(logger.setLevel, logger.log_level)
        logger.setLevel("CRITICAL")
        _installed.clock = stack.enter_context(time_machine.travel(START, tick=False))
        stack.callback(setattr, _installed, "clock", None)
        yield


@contextmanager
def entered(world: World) -> Iterator[World]:
    """Make ``world`` the one that this process's calls go to."""
    before = _installed.world
    _installed.world = world
    _installed.clock.move_to(world.now.timestamp(), tick=False)
    _installed.forget()
    if hasattr(origin_request, "Refusals"):  # what the edge's process remembers, by its own clock
        origin_request._refusals = origin_request.Refusals(world.now.timestamp)
    try:
        yield world
    finally:
        world.scheduler.close()
        _installed.world = before
        if before is not None:
            _installed.clock.move_to(before.now.timestamp(), tick=False)


def lane_definition() -> dict[str, Any]:
    """Return the lane's state machine, with the names of the model's resources in it."""
    text = json.dumps(definition(load_settings()))
    names = {"Queue": LANE_QUEUE, "FailuresTable": FAILURES, "ImagesTable": IMAGES}
    for placeholder, name in names.items():
        text = text.replace(f"${{{placeholder}}}", name)
    for task in ("Validate", "Metadata", "Derive", "Record"):
        text = text.replace(f"${{{task}}}", task.lower())
    machine: dict[str, Any] = json.loads(text)
    return machine


def content_of(data: bytes | None) -> str:
    """Return the name of an original's bytes."""
    digest = hashlib.md5(data or b"", usedforsecurity=False).hexdigest()
    return _NAMES.get(digest, "unknown bytes")
