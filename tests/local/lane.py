"""A lane under test: originals that go in, what must come out, and the knobs that faults are made with."""

import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any, Literal

import function_processes
import httpx
import numpy as np
import psutil
import samples
from boto3.dynamodb.types import TypeDeserializer

from infra.local.endpoint import ACCOUNT
from infra.local.pipes.pipes import PipeCatalog, execution_input
from infra.local.processes import log_tail
from infra.local.stack import LocalStack
from infra.names import Names
from lambdas.core.keys import ImageId, OriginalKey, new_image_id
from lambdas.core.settings.lanes import SHARED_LANE, LaneFunction
from operations.dead_letters.queue import DeadLetterQueue

_PATIENCE_SECONDS = 120.0
_POLL_SECONDS = 0.1
_AT_ONCE = 8
_NOTHING_TO_DO = json.dumps(
    {
        "detail-type": "Object Created",
        "detail": {"bucket": {"name": "none"}, "object": {"key": "no original", "size": 0, "etag": ""}},
    }
)
_EVER = datetime(2000, 1, 1, tzinfo=UTC)
_WAIT_SCALE = "stepfunctions._SFN_WAIT_SCALE"

BAD_FILES = {
    "not_an_image": samples.TEXT,
    "empty": b"",
    "unsupported_format": samples.SVG,
    "corrupt": samples.truncated_jpeg(),
    "too_many_pixels": samples.png_header_only(65536, 65536),
}


@dataclass(frozen=True)
class Original:
    """What was put into the originals bucket, and the rejection that it deserves, if any."""

    tenant: str
    image_id: ImageId
    content: bytes
    rejection: str | None
    day: date = field(default_factory=lambda: datetime.now(UTC).date())

    @property
    def key(self) -> str:
        return str(OriginalKey(self.tenant, self.day, self.image_id))


def pictures(count: int, tenant: str, width: int = 320, height: int = 240) -> list[Original]:
    """Return ``count`` photographs, no two alike."""
    random = np.random.default_rng(count)
    found = []
    for _ in range(count):
        tint = random.uniform(0.6, 1.0, 3)
        image = (samples.photograph(width, height) * tint.tolist()).cast("uchar").copy(interpretation="srgb")
        content = bytes(image.jpegsave_buffer(Q=85))
        found.append(Original(tenant, new_image_id(tenant=tenant), content, None))
    return found


def bad_files(count: int, tenant: str) -> list[Original]:
    """Return ``count`` files that are to be rejected, for each reason about as often."""
    reasons = list(BAD_FILES)
    chosen = [reasons[number % len(reasons)] for number in range(count)]
    return [Original(tenant, new_image_id(tenant=tenant), BAD_FILES[reason], reason) for reason in chosen]


def wait_until(condition: Callable[[], object], what: str, seconds: float = _PATIENCE_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"expected {what} within {seconds:g} s"
        time.sleep(_POLL_SECONDS)


@dataclass(frozen=True)
class Lane:
    """One lane of the local stack."""

    stack: LocalStack
    name: str = SHARED_LANE

    @cached_property
    def _sqs(self) -> Any:
        return self.stack.client("sqs")

    @cached_property
    def queue_url(self) -> str:
        return self.stack.parameter(f"lane-{self.name}-queue-url")

    @cached_property
    def dead_letters(self) -> DeadLetterQueue:
        parameter, client = self.stack.parameter, self.stack.client
        return DeadLetterQueue(self.name, self.stack.settings, parameter, client("sqs"), client("dynamodb"))

    def function(self, name: LaneFunction) -> str:
        return Names(self.stack.settings, ACCOUNT).function(name, self.name)

    # What goes in, and what comes out

    def put(self, originals: Sequence[Original]) -> None:
        """Put ``originals`` where uploads put theirs, several at once."""
        s3, bucket = self.stack.client("s3"), self.stack.parameter("originals-bucket")

        def put_one(original: Original) -> None:
            s3.put_object(Bucket=bucket, Key=original.key, Body=original.content, IfNoneMatch="*")

        with ThreadPoolExecutor(_AT_ONCE) as threads:
            list(threads.map(put_one, originals))

    def records(self, originals: Sequence[Original]) -> dict[str, dict[str, Any]]:
        """Return what the images table holds of ``originals``, by image id."""
        database, table = self.stack.client("dynamodb"), self.stack.parameter("images-table")
        deserialize = TypeDeserializer().deserialize
        found = {}
        for start in range(0, len(originals), 100):
            keys = [{"image_id": {"S": each.image_id}} for each in originals[start : start + 100]]
            answer = database.batch_get_item(RequestItems={table: {"Keys": keys, "ConsistentRead": True}})
            for item in answer["Responses"][table]:
                found[item["image_id"]["S"]] = {name: deserialize(value) for name, value in item.items()}
        return found

    def outcomes(self, originals: Sequence[Original]) -> dict[str, dict[str, Any]]:
        """Return the rows of those of ``originals`` that have an outcome, by image id."""
        rows = self.records(originals)
        return {image_id: row for image_id, row in rows.items() if row["state"] not in ("expected", "processing")}

    def await_outcomes(self, originals: Sequence[Original], seconds: float = _PATIENCE_SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while len(found := self.outcomes(originals)) < len(originals):
            assert time.monotonic() < deadline, (
                f"expected {len(originals)} outcomes within {seconds:g} s but received {len(found)}; pipes.log says\n"
                f"{log_tail(self.stack.folder.log('pipes'))}"
            )
            time.sleep(_POLL_SECONDS)

    def assert_whole(self, originals: Sequence[Original], dead: int = 0) -> None:
        """Wait for all of ``originals``; then count: one outcome each, full sets, reasons, ``dead`` letters."""
        self.await_outcomes(originals)
        self.await_empty()
        records = self.records(originals)
        assert len(records) == len(originals) == len({each.image_id for each in originals})
        full = {str(variant) for variant in self.stack.settings.eager_variants}
        stored = self._stored(originals)
        for original in originals:
            record = records[original.image_id]
            received = (record["state"], record.get("rejection", {}).get("code"))
            assert received == ("rejected" if original.rejection else "ready", original.rejection)
            expected = set() if original.rejection else full
            assert set(record.get("derivatives", {})) == expected, original.image_id
            assert stored[original.image_id] == {f"{original.image_id}/{variant}" for variant in expected}
            assert record["original"]["bytes"] == len(original.content)
            if original.rejection:
                assert record["rejection"]["message"].startswith("expected ")
        assert self.dead_letters.count() == dead

    def _stored(self, originals: Sequence[Original]) -> dict[str, set[str]]:
        s3, bucket = self.stack.client("s3"), self.stack.parameter("derivatives-bucket")

        def keys(original: Original) -> set[str]:
            listed = s3.list_objects_v2(Bucket=bucket, Prefix=f"{original.image_id}/")
            return {each["Key"] for each in listed.get("Contents", [])}

        with ThreadPoolExecutor(_AT_ONCE) as threads:
            return dict(zip((each.image_id for each in originals), threads.map(keys, originals), strict=True))

    def drawn(self, originals: Sequence[Original]) -> int:
        """Return how many derivatives of ``originals`` stand in the bucket."""
        return sum(len(keys) for keys in self._stored(originals).values())

    # The queue

    def depths(self) -> Counter[str]:
        """Return how many messages wait, are in flight, and are delayed."""
        names = {"waiting": "", "in_flight": "NotVisible", "delayed": "Delayed"}
        wanted = [f"ApproximateNumberOfMessages{suffix}" for suffix in names.values()]
        found = self._sqs.get_queue_attributes(QueueUrl=self.queue_url, AttributeNames=wanted)["Attributes"]
        return Counter({name: int(found[f"ApproximateNumberOfMessages{suffix}"]) for name, suffix in names.items()})

    def await_empty(self) -> None:
        wait_until(lambda: not self.depths().total(), f"an empty queue of the lane {self.name}")

    def send(self, body: str) -> None:
        self._sqs.send_message(QueueUrl=self.queue_url, MessageBody=body)

    def execute(self, body: str, *, sent_at: int, received: int) -> str:
        """Run the lane's state machine on one message, as its pipe does; return the execution's status."""
        message = {
            "MessageId": "message",
            "ReceiptHandle": "handle",
            "Body": body,
            "MD5OfBody": hashlib.md5(body.encode(), usedforsecurity=False).hexdigest(),
            "Attributes": {"SentTimestamp": str(sent_at), "ApproximateReceiveCount": str(received)},
        }
        pipe = next(
            pipe for pipe in PipeCatalog(self.stack.endpoint).running() if self.queue_url.endswith(pipe.queue_name)
        )
        states = self.stack.client("stepfunctions")
        execution = states.start_sync_execution(
            stateMachineArn=pipe.state_machine_arn, input=execution_input(pipe, [message])
        )
        return str(execution["status"])

    @contextmanager
    def redelivery(self, *, seconds: int, tries: int) -> Iterator[None]:
        """Have what fails tried again after ``seconds``, and given up after ``tries``."""
        names = ["VisibilityTimeout", "RedrivePolicy"]
        before = self._sqs.get_queue_attributes(QueueUrl=self.queue_url, AttributeNames=names)["Attributes"]
        self._sqs.set_queue_attributes(QueueUrl=self.queue_url, Attributes={"VisibilityTimeout": str(seconds)})
        self.give_up_after(tries)
        # A receive that waits already hides what it gets for as long as the queue said when it began.
        self.send(_NOTHING_TO_DO)
        self.await_empty()
        try:
            yield
        finally:
            self._sqs.set_queue_attributes(QueueUrl=self.queue_url, Attributes=before)

    def give_up_after(self, tries: int) -> None:
        """Have a message moved to the dead letters once it was received ``tries`` times."""
        attributes = self._sqs.get_queue_attributes(QueueUrl=self.queue_url, AttributeNames=["RedrivePolicy"])
        redrive = {**json.loads(attributes["Attributes"]["RedrivePolicy"]), "maxReceiveCount": tries}
        self._sqs.set_queue_attributes(QueueUrl=self.queue_url, Attributes={"RedrivePolicy": json.dumps(redrive)})

    # Faults

    @contextmanager
    def twice(self) -> Iterator[None]:
        """Have the rule deliver every event twice."""
        events, rule = self.stack.client("events"), Names(self.stack.settings, ACCOUNT).of(f"{self.name}-originals")
        [target] = events.list_targets_by_rule(Rule=rule)["Targets"]
        events.put_targets(Rule=rule, Targets=[{"Id": "again", "Arn": target["Arn"]}])
        try:
            yield
        finally:
            events.remove_targets(Rule=rule, Ids=["again"])

    @contextmanager
    def concurrency(self, name: LaneFunction, executions: int) -> Iterator[None]:
        """Let ``executions`` of a function run at once."""
        client, function = self.stack.client("lambda"), self.function(name)
        before = client.get_function_concurrency(FunctionName=function).get("ReservedConcurrentExecutions")
        client.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=executions)
        try:
            yield
        finally:
            if before is None:
                client.delete_function_concurrency(FunctionName=function)
            else:
                client.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=before)

    def throttles(self, name: LaneFunction) -> float:
        """Return how often a function was throttled until now."""
        return sum(self._metric(name, "Throttles", "Sum", _EVER))

    def most_at_once(self, name: LaneFunction, since: datetime) -> float:
        """Return how many executions of a function ran at once, at most, since then; 0 if none did."""
        return max(self._metric(name, "ConcurrentExecutions", "Maximum", since), default=0.0)

    def _metric(
        self, name: LaneFunction, metric: str, statistic: Literal["Maximum", "Sum"], since: datetime
    ) -> list[float]:
        answer = self.stack.client("cloudwatch").get_metric_statistics(
            Namespace="AWS/Lambda", MetricName=metric, Statistics=[statistic], Period=86_400,
            Dimensions=[{"Name": "FunctionName", "Value": self.function(name)}],
            StartTime=since, EndTime=datetime(2100, 1, 1, tzinfo=UTC),
        )  # fmt: skip
        return [float(point[statistic]) for point in answer["Datapoints"]]

    def failures(self, error: str) -> int:
        """Return of how many messages the lane noted a failure that speaks of ``error``."""
        database, table = self.stack.client("dynamodb"), self.stack.parameter(f"lane-{self.name}-failures-table")
        items = database.scan(TableName=table, ConsistentRead=True)["Items"]
        return sum(error in f"{item['error']['S']} {item['cause']['S']}" for item in items)

    def workers(self, name: LaneFunction) -> list[psutil.Process]:
        """Return the processes that a function's handler runs in."""
        return function_processes.workers(self.stack, self.function(name))


@contextmanager
def no_writes(stack: LocalStack) -> Iterator[None]:
    """Have the derivatives bucket refuse every write."""
    s3, bucket = stack.client("s3"), stack.parameter("derivatives-bucket")
    before = s3.get_bucket_policy(Bucket=bucket)["Policy"]
    refusal = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    policy = json.loads(before)
    policy["Statement"].append(refusal)
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
    try:
        yield
    finally:
        s3.put_bucket_policy(Bucket=bucket, Policy=before)


@contextmanager
def quick_retries(stack: LocalStack, scale: float = 0.1) -> Iterator[None]:
    """Shorten what state machines wait between tries to ``scale`` of it."""
    _configure(stack, scale)
    try:
        yield
    finally:
        _configure(stack, 1.0)


def _configure(stack: LocalStack, scale: float) -> None:
    answer = httpx.post(
        f"{stack.endpoint.url}/_ministack/config",
        json={_WAIT_SCALE: scale},
        headers=stack.owner_headers,
        trust_env=False,
    )
    assert answer.json().get("applied", {}).get(_WAIT_SCALE) == scale, answer.text
