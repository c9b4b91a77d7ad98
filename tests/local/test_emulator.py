"""What the local stack adds to the emulator: properties it drops, errors by name, limits, and a pipe runner."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
import small_assembly as small
from api_calls import Caller, caller
from botocore.config import Config
from botocore.exceptions import ClientError
from outcomes import queue_depths

from infra.local.cloudformation.deploy import DeployError, Deployment, deploy_assembly
from infra.local.endpoint import ACCOUNT, CLIENT_CONFIG
from infra.local.processes import find_process
from infra.local.stack import LocalStack
from infra.names import Names
from lambdas.core.keys import new_image_id
from lambdas.core.settings.lanes import UNRESERVED_CONCURRENCY
from lambdas.core.takedown import BusyEdgeError, CloudFrontCache

_PATIENCE_SECONDS = 60.0
_CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"  # AWS's managed policy
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


def test_lanes_and_functions_have_their_reservations(stack: LocalStack) -> None:
    functions, settings, names = stack.client("lambda"), stack.settings, Names(stack.settings, ACCOUNT)
    wanted = {names.function(name): executions for name, executions in settings.function_reservations.items()} | {
        names.function(name, lane): executions
        for lane in settings.lane_names
        for name, executions in settings.reserved_concurrency(lane).items()
    }
    found = {name: functions.get_function_concurrency(FunctionName=name) for name in wanted}
    assert {name: answer.get("ReservedConcurrentExecutions") for name, answer in found.items()} == wanted


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


@pytest.fixture
def demo(stack: LocalStack) -> Iterator[Caller]:
    yield from caller(stack)


@pytest.fixture
def impatient(stack: LocalStack) -> Any:
    """Return a client of Lambda that does not retry what is throttled."""
    endpoint, once = stack.endpoint, Config(retries={"total_max_attempts": 1})
    return boto3.client(
        "lambda", endpoint.region, endpoint_url=endpoint.url, aws_access_key_id=endpoint.access_key,
        aws_secret_access_key=endpoint.secret_key, config=CLIENT_CONFIG.merge(once),
    )  # fmt: skip


def _throttled(client: Any, function: str) -> str | None:
    """Return why Lambda throttles ``function``; None if it does not."""
    try:
        client.invoke(FunctionName=function, Payload="{}")
    except client.exceptions.TooManyRequestsException as error:
        return str(error.response["Reason"])
    return None


@contextmanager
def backlog(client: Any, stack: LocalStack, folder: Path, ceiling: int | None) -> Iterator[None]:
    """Leave Lambda's least of the pool unreserved, and have a function of that ``ceiling`` invoked as often."""
    backfill, before = Names(stack.settings, ACCOUNT).function("backfill"), stack.settings.backfill.reserved_concurrency
    if ceiling is None:
        client.delete_function_concurrency(FunctionName=small.FUNCTION)
    free = client.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"]
    most = before + free - UNRESERVED_CONCURRENCY
    with pytest.raises(ClientError, match=r"below its minimum value of \[100\]"):
        client.put_function_concurrency(FunctionName=backfill, ReservedConcurrentExecutions=most + 1)
    client.put_function_concurrency(FunctionName=backfill, ReservedConcurrentExecutions=most)
    (held := folder / "held").touch()
    body = json.dumps({"body": f"hold {held}"})
    for _ in range(UNRESERVED_CONCURRENCY):
        client.invoke(FunctionName=small.FUNCTION, InvocationType="Event", Payload=body)
    try:
        yield
    finally:
        held.unlink()
        _wait_until(lambda: not _throttled(client, small.FUNCTION), "an end of the backlog")
        client.put_function_concurrency(FunctionName=backfill, ReservedConcurrentExecutions=before)
        client.put_function_concurrency(FunctionName=small.FUNCTION, ReservedConcurrentExecutions=small.RESERVED)


def test_a_backlog_below_a_ceiling_leaves_the_api_and_delivery_alone(
    stack: LocalStack, deployment: Deployment, demo: Caller, impatient: Any, tmp_path: Path
) -> None:
    picture = f"{stack.edge_url}/img/{new_image_id()}?w=256"
    with backlog(impatient, stack, tmp_path, small.RESERVED):
        _wait_until(
            lambda: _throttled(impatient, small.FUNCTION) == "ReservedFunctionConcurrentInvocationLimitExceeded",
            "a function at its ceiling",
        )
        _wait_until(lambda: demo.ask("GET", "/images").status_code == 200, "the API's answer")
        # A miss: the function at the edge has no reservation, and asks the generator.
        _wait_until(lambda: httpx.get(picture, trust_env=False, timeout=30).status_code == 404, "the edge's answer")


def test_a_pool_that_is_used_up_throttles_what_has_no_reservation_and_nothing_else(
    stack: LocalStack, deployment: Deployment, demo: Caller, impatient: Any, tmp_path: Path
) -> None:
    names = Names(stack.settings, ACCOUNT)
    with backlog(impatient, stack, tmp_path, None):
        _wait_until(
            lambda: _throttled(impatient, names.function("origin_request")) == "ConcurrentInvocationLimitExceeded",
            "a pool that is used up",
        )
        _wait_until(lambda: demo.ask("GET", "/images").status_code == 200, "the API's answer")
        assert [_throttled(impatient, names.function(name)) for name in stack.settings.function_reservations] == [
            None
        ] * len(stack.settings.function_reservations)
        assert _throttled(impatient, names.function("origin_request"))


def test_a_distribution_takes_15_wildcards_and_3000_tags_at_once(stack: LocalStack) -> None:
    client = stack.client("cloudfront")
    origin = {"Id": "o", "DomainName": "example.com", "S3OriginConfig": {"OriginAccessIdentity": ""}}
    behavior = {"TargetOriginId": "o", "ViewerProtocolPolicy": "allow-all", "CachePolicyId": _CACHING_DISABLED}
    made = client.create_distribution(
        DistributionConfig={
            "CallerReference": "limits", "Comment": "", "Enabled": True, "DefaultCacheBehavior": behavior,
            "Origins": {"Quantity": 1, "Items": [origin]},
        }
    )  # fmt: skip
    distribution = made["Distribution"]["Id"]
    cache = CloudFrontCache(client, distribution)

    def items(invalidation: str | None) -> int:
        found = client.get_invalidation(DistributionId=distribution, Id=invalidation)["Invalidation"]
        assert found["Status"] == "InProgress"
        return int(found["InvalidationBatch"]["Paths"]["Quantity"])

    for paths, code in (({"Quantity": 2, "Items": ["/a"]}, "InconsistentQuantities"),
                        ({"Quantity": 1, "Items": ["a"]}, "InvalidArgument")):  # fmt: skip
        with pytest.raises(ClientError, match=code):
            client.create_invalidation(
                DistributionId=distribution, InvalidationBatch={"CallerReference": code, "Paths": paths}
            )
    # A picture is a tag and two wildcards, and goes by its tag where there are no wildcards left.
    assert [items(cache.invalidate([new_image_id()])) for _ in range(8)] == [3] * 7 + [1]
    assert items(cache.invalidate([new_image_id() for _ in range(3000 - 8)])) == 3000 - 8
    with pytest.raises(BusyEdgeError):
        cache.invalidate([new_image_id()])


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
