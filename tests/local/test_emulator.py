"""What the local stack adds to the emulator: dropped properties, errors by name, and a pipe runner."""

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import small_assembly as small
from outcomes import queue_depths

from infra.local.cloudformation.deploy import DeployError, Deployment, deploy_assembly
from infra.local.processes import find_process
from infra.local.stack import LocalStack

_PATIENCE_SECONDS = 60.0
MACHINE = f"arn:aws:states:us-east-1:000000000000:stateMachine:{small.STATE_MACHINE}"


@pytest.fixture(scope="module")
def deployment(stack: LocalStack, tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    folder = small.write_small_assembly(tmp_path_factory.mktemp("assembly") / "small")
    return deploy_assembly(folder, stack.endpoint)


@pytest.fixture
def queue(stack: LocalStack, deployment: Deployment) -> str:
    return str(stack.client("sqs").get_queue_url(QueueName=small.QUEUE)["QueueUrl"])


def _wait_until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"expected {what}"
        time.sleep(0.05)


def _keys(stack: LocalStack, prefix: str) -> list[str]:
    found = stack.client("s3").list_objects_v2(Bucket=small.SOURCE_BUCKET, Prefix=prefix)
    return [entry["Key"].removeprefix(prefix) for entry in found.get("Contents", [])]


def _execute(stack: LocalStack, body: str) -> dict[str, Any]:
    record = [{"messageId": "m", "body": body}]
    answer = stack.client("stepfunctions").start_sync_execution(stateMachineArn=MACHINE, input=json.dumps(record))
    return {name: answer.get(name) for name in ("status", "output", "error")}


def test_unknown_types_are_stripped_and_reported(deployment: Deployment) -> None:
    assert [each.logical_id for each in deployment.stripped] == ["LogSource"]


def test_reserved_concurrency_is_set(stack: LocalStack, deployment: Deployment) -> None:
    found = stack.client("lambda").get_function_concurrency(FunctionName=small.FUNCTION)
    assert found["ReservedConcurrentExecutions"] == small.RESERVED


def test_lifecycle_and_object_lock_are_set(stack: LocalStack, deployment: Deployment) -> None:
    s3 = stack.client("s3")
    [rule] = s3.get_bucket_lifecycle_configuration(Bucket=small.SOURCE_BUCKET)["Rules"]
    lock = s3.get_object_lock_configuration(Bucket=small.SOURCE_BUCKET)["ObjectLockConfiguration"]
    assert (rule["ID"], rule["AbortIncompleteMultipartUpload"]) == ("parts", {"DaysAfterInitiation": 2})
    assert lock["Rule"]["DefaultRetention"] == {"Mode": "GOVERNANCE", "Days": 1}


def test_objects_are_replicated(stack: LocalStack, deployment: Deployment) -> None:
    s3 = stack.client("s3")
    s3.put_object(Bucket=small.SOURCE_BUCKET, Key="replicate/me", Body=b"x")
    _wait_until(lambda: s3.list_objects_v2(Bucket=small.REPLICA_BUCKET, Prefix="replicate/")["KeyCount"], "a replica")


def test_the_api_answers_preflights(stack: LocalStack, deployment: Deployment) -> None:
    apis = stack.client("apigatewayv2").get_apis()["Items"]
    api = next(api["ApiId"] for api in apis if api["Name"] == "local-small")
    answer = httpx.options(
        f"{stack.endpoint.url}/_aws/execute-api/{api}/x",
        headers={"Origin": "https://example.com", "Access-Control-Request-Method": "POST"},
        trust_env=False,
    )
    assert answer.headers["access-control-allow-origin"] == "https://example.com"


def test_a_raised_exception_has_its_name_and_its_worker_lives(stack: LocalStack, deployment: Deployment) -> None:
    before = json.loads(_execute(stack, "a")["output"])
    assert _execute(stack, "raise") == {
        "status": "SUCCEEDED",
        "output": '{"caught": "OddError"}',
        "error": None,
    }
    assert json.loads(_execute(stack, "b")["output"]) == before


def test_a_handler_sees_only_the_packages_of_its_runtime(stack: LocalStack, deployment: Deployment) -> None:
    seen = json.loads(_execute(stack, "modules")["output"])
    assert seen == {"boto3": True, "pydantic": False, "pyvips": False, "infra": False}


def test_a_handler_has_only_the_permissions_of_its_role(stack: LocalStack, deployment: Deployment) -> None:
    assert _execute(stack, "within")["status"] == "SUCCEEDED"
    overstep = _execute(stack, "overstep")
    assert (overstep["status"], overstep["error"]) == ("FAILED", "AccessDenied")


def test_a_throttle_has_the_error_name_of_aws(stack: LocalStack, deployment: Deployment) -> None:
    functions = stack.client("lambda")
    functions.put_function_concurrency(FunctionName=small.FUNCTION, ReservedConcurrentExecutions=0)
    try:
        assert _execute(stack, "x")["error"] == "Lambda.TooManyRequestsException"
    finally:
        functions.put_function_concurrency(FunctionName=small.FUNCTION, ReservedConcurrentExecutions=small.RESERVED)


def test_a_message_that_fails_ends_in_the_dead_letter_queue_and_others_do_not(stack: LocalStack, queue: str) -> None:
    sqs = stack.client("sqs")
    dead_letters = sqs.get_queue_url(QueueName=small.DEAD_LETTERS)["QueueUrl"]

    for body in ("good-1", "fail", "good-2"):
        sqs.send_message(QueueUrl=queue, MessageBody=body)

    _wait_until(lambda: queue_depths(sqs, dead_letters) == (1, 0), "a dead letter")
    _wait_until(lambda: queue_depths(sqs, queue) == (0, 0), "an empty queue")
    [letter] = sqs.receive_message(QueueUrl=dead_letters)["Messages"]
    assert letter["Body"] == "fail"
    assert {"good-1", "good-2"} <= set(_keys(stack, "done/"))


def test_a_killed_pipe_runner_loses_nothing(stack: LocalStack, queue: str) -> None:
    sqs = stack.client("sqs")
    pipes = stack.process("pipes")
    bodies = [f"slow-{number}" for number in range(3)]
    for body in bodies:
        sqs.send_message(QueueUrl=queue, MessageBody=body)
    _wait_until(lambda: _keys(stack, "begun/"), "an execution to begin")

    os.kill(pipes.pid, signal.SIGKILL)
    _wait_until(lambda: find_process(pipes) is None, "the pipe runner to end")
    assert sum(queue_depths(sqs, queue))

    _wait_until(lambda: queue_depths(sqs, queue) == (0, 0), "an empty queue")
    assert set(bodies) <= set(_keys(stack, "done/"))


def test_sigterm_lets_the_pipe_runners_executions_end(stack: LocalStack, queue: str) -> None:
    sqs = stack.client("sqs")
    pipes = stack.process("pipes")
    sqs.send_message(QueueUrl=queue, MessageBody="slow-drained")
    _wait_until(lambda: "slow-drained" in _keys(stack, "begun/"), "the execution to begin")

    os.kill(pipes.pid, signal.SIGTERM)
    _wait_until(lambda: find_process(pipes) is None, "the pipe runner to end")

    assert "slow-drained" in _keys(stack, "done/")
    assert queue_depths(sqs, queue) == (0, 0)
    _wait_until(lambda: find_process(stack.process("pipes")), "the pipe runner to be started again")


@pytest.mark.parametrize(
    ("name", "resource", "reason"),
    [
        ("LocalTaken", {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": small.SOURCE_BUCKET}}, "exists"),
        ("LocalFailed", {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": 10**6}}, "VisibilityTimeout"),
    ],
)
def test_a_refused_stack_names_the_resource_and_the_reason(
    stack: LocalStack, deployment: Deployment, tmp_path: Path, name: str, resource: dict[str, Any], reason: str
) -> None:
    artifact = {"type": "aws:cloudformation:stack", "properties": {"templateFile": "template.json"}}
    (tmp_path / "template.json").write_text(json.dumps({"Resources": {"Culprit": resource}}))
    (tmp_path / "manifest.json").write_text(json.dumps({"artifacts": {name: artifact}}))

    with pytest.raises(DeployError) as refusal:
        deploy_assembly(tmp_path, stack.endpoint)

    [first, culprit] = str(refusal.value).splitlines()
    assert first.startswith(f"expected the stack {name} to be created but it is ROLLBACK_COMPLETE")
    assert culprit.startswith(f"  Culprit ({resource['Type']}): ")
    assert reason in culprit
