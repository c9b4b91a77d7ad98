"""Faults that ingest survives. What went in is counted against what came out."""

import os
import signal
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from lane import BAD_FILES, Lane, Original, bad_files, no_writes, pictures, quick_retries, wait_until

from infra.local.parts import PARTS
from infra.local.stack import LocalStack
from lambdas.core.keys import OriginalKey
from operations.dead_letters.queue import announcement

pytestmark = pytest.mark.faults
TENANT = "studio"  # its lane is its own: what is done to it, no other test sees


@pytest.fixture
def lane(stack: LocalStack) -> Iterator[Lane]:
    lane = Lane(stack, TENANT)
    with quick_retries(stack), lane.redelivery(seconds=5, tries=50):
        yield lane
    assert not lane.depths().total()


def test_every_event_twice(lane: Lane, stack: LocalStack) -> None:
    originals = pictures(8, TENANT) + bad_files(len(BAD_FILES), TENANT)
    with lane.twice():
        lane.put(originals)
        lane.assert_whole(originals)
    before = lane.records(originals)

    s3, bucket = stack.client("s3"), stack.parameter("originals-bucket")
    for original in originals:  # and the same events again, when all is done; S3 refuses the uploads themselves
        message = announcement(s3, bucket, OriginalKey.parse(original.key))
        for _ in range(2):
            lane.send(message)
    lane.await_empty()

    assert lane.records(originals) == before


def test_the_derive_worker_is_killed_in_mid_run(lane: Lane) -> None:
    originals = pictures(10, TENANT, 1200, 900)
    lane.put(originals)

    killed = 0
    for share in (0.1, 0.3, 0.5):
        wait_until(lambda share=share: lane.drawn(originals) >= share * len(originals) * 12, "derivatives")
        assert len(lane.outcomes(originals)) < len(originals), "expected to kill before the end"
        for worker in lane.workers("derive"):
            worker.kill()
            killed += 1

    assert killed
    lane.assert_whole(originals)


def test_the_derivatives_bucket_refuses_writes_for_a_while(lane: Lane, stack: LocalStack) -> None:
    originals = pictures(6, TENANT)
    with no_writes(stack):
        lane.put(originals)
        wait_until(lambda: lane.failures("AccessDenied") >= len(originals), "each to be refused")
        assert not lane.outcomes(originals)

    lane.assert_whole(originals)


def test_derive_is_throttled_to_one(lane: Lane, stack: LocalStack) -> None:
    originals = pictures(12, TENANT)
    before = lane.throttles("derive")
    with quick_retries(stack, 0.3), lane.concurrency("derive", 1):
        lane.put(originals)
        lane.assert_whole(originals)

    assert lane.throttles("derive") > before
    assert not lane.failures("TooManyRequests"), "expected throttling to count against no message"


def test_the_pipe_runner_is_killed_and_started_again(stack: LocalStack) -> None:
    """With the queue's own timeout of 24 minutes: what was in flight waits for none of them."""
    lane = Lane(stack, TENANT)
    originals = pictures(12, TENANT)
    lane.put(originals)
    wait_until(lambda: lane.outcomes(originals), "the first outcome")

    for _ in range(2):
        pipes = stack.process("pipes")
        os.kill(pipes.pid, signal.SIGKILL)
        assert lane.depths().total(), "expected to kill it before the end"
        wait_until(lambda pipes=pipes: stack.process("pipes") != pipes, "the pipe runner to be started again")

    lane.assert_whole(originals)
    assert stack.state.restarts["pipes"] >= 2


@pytest.mark.parametrize("name", [part.name for part in PARTS])
def test_a_killed_part_comes_back(stack: LocalStack, name: str) -> None:
    killed, before = stack.process(name), stack.state.restarts.get(name, 0)
    os.kill(killed.pid, signal.SIGKILL)
    wait_until(lambda: stack.process(name) != killed, f"the {name} to be started again")
    stack.await_ready(next(part for part in PARTS if part.name == name))
    assert stack.state.restarts[name] == before + 1


def test_a_query_survives_the_end_of_its_athena(stack: LocalStack) -> None:
    def athena() -> Any:
        return boto3.client("athena", endpoint_url=stack.environment()["AWS_ENDPOINT_URL_ATHENA"],
                            region_name=stack.endpoint.region, aws_access_key_id=stack.keys.access_key,
                            aws_secret_access_key=stack.keys.secret_key)  # fmt: skip

    group, text = stack.parameter("athena-workgroup"), "SELECT 1 AS one"
    execution = athena().start_query_execution(QueryString=text, WorkGroup=group)["QueryExecutionId"]
    wait_until(lambda: status(athena(), execution)["State"] == "SUCCEEDED", "the query to end")
    before = athena().get_query_execution(QueryExecutionId=execution)
    killed = stack.process("athena")
    os.kill(killed.pid, signal.SIGKILL)
    wait_until(lambda: stack.process("athena") != killed, "Athena to be started again")
    stack.await_ready(next(part for part in PARTS if part.name == "athena"))
    after = athena().get_query_execution(QueryExecutionId=execution)
    assert after["QueryExecution"] == before["QueryExecution"]


def status(client: Any, execution: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get_query_execution(QueryExecutionId=execution)["QueryExecution"]["Status"]
    return found


def test_two_hundred_in_one_burst_every_tenth_bad(lane: Lane, stack: LocalStack) -> None:
    shared = Lane(stack)
    mine: list[Original] = pictures(60, TENANT) + bad_files(7, TENANT)
    theirs = pictures(120, "demo") + bad_files(13, "demo")
    lane.put([*theirs, *mine])

    lane.assert_whole(mine)
    shared.assert_whole(theirs)
