"""Failover: the replica serves while the primary bucket refuses, what is stale while both do, and 503 after that."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import samples
from access_logs import edge_statistics, logged_records
from botocore.exceptions import ClientError

from infra.local.cloudfront.deployed import read_distribution
from infra.local.endpoint import ACCOUNT
from infra.local.stack import LocalStack
from infra.names import Names
from lambdas.core.keys import new_image_id
from lambdas.edge.inline import NEGOTIATED_HEADERS

SECONDS = 60


@pytest.fixture
def edge(stack: LocalStack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=stack.edge_url, trust_env=False, timeout=60, headers=stack.owner_headers) as client:
        yield client


@pytest.fixture
def names(stack: LocalStack) -> Names:
    return Names(stack.settings, ACCOUNT)


def negotiates(answer: httpx.Response) -> bool:
    """Tell whether Vary names every header that the answer may depend on."""
    named = {name.strip().lower() for name in answer.headers.get("vary", "").split(",")}
    return {name.lower() for name in NEGOTIATED_HEADERS} <= named


def await_truth(told: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        if found := told():
            return found
        time.sleep(0.1)
    raise AssertionError(f"expected {what} within {SECONDS} s but it did not come")


def put_replicated(stack: LocalStack, names: Names, cache_control: str) -> str:
    """Write a derivative of a new image id, wait for its copy, and return the id."""
    image_id, key = new_image_id(), "{}/1024x0.jpeg"
    stack.client("s3").put_object(
        Bucket=names.derivatives_bucket,
        Key=key.format(image_id),
        Body=samples.jpeg(),
        ContentType="image/jpeg",
        CacheControl=cache_control,
    )
    replica = stack.client("s3", stack.settings.regions.replica)

    def is_copied() -> bool:
        try:
            return bool(replica.head_object(Bucket=names.replica_bucket, Key=key.format(image_id)))
        except ClientError:
            return False

    await_truth(is_copied, "the replica's copy")
    return image_id


@contextmanager
def refusing(stack: LocalStack, *buckets: tuple[str, str]) -> Iterator[None]:
    """Have these buckets (name, region) refuse every reader."""
    held = []
    try:
        for bucket, region in buckets:
            s3 = stack.client("s3", region)
            granted = s3.get_bucket_policy(Bucket=bucket)["Policy"]
            held.append((s3, bucket, granted))
            arn = f"arn:aws:s3:::{bucket}"
            refusal = {
                "Effect": "Deny",
                "Principal": "*",
                "Action": ["s3:GetObject", "s3:ListBucket"],
                "Resource": [arn, f"{arn}/*"],
            }
            policy = json.loads(granted)
            policy["Statement"].append(refusal)
            s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
        yield
    finally:
        for s3, bucket, granted in held:
            s3.put_bucket_policy(Bucket=bucket, Policy=granted)


def test_the_edge_waits_for_a_bucket_as_long_as_the_deployed_distribution_says(stack: LocalStack) -> None:
    deployed = read_distribution(stack.client("cloudfront"), lambda _arn: {}, stack.parameter("distribution-id"))
    delivery = stack.settings.delivery
    for behavior in deployed.behaviors:
        for origin in behavior.origins:
            assert (origin.connect_seconds, origin.read_seconds, origin.connect_attempts, origin.whole_seconds) == (
                delivery.origin_connect_seconds,
                delivery.origin_read_seconds,
                delivery.origin_attempts,
                delivery.origin_whole_seconds,
            )


def test_the_replica_serves_while_the_primary_refuses(edge: httpx.Client, stack: LocalStack, names: Names) -> None:
    image_id = put_replicated(stack, names, stack.settings.delivery.cache_control)
    before = edge_statistics(edge)["origins"]
    with refusing(stack, (names.derivatives_bucket, stack.settings.regions.primary)):
        served = edge.get(f"/img/{image_id}")
        unknown = edge.get(f"/img/{new_image_id()}")
    again = edge.get(f"/img/{image_id}")
    after = edge_statistics(edge)["origins"]

    assert (served.status_code, served.headers["x-cache"]) == (200, "Miss from cloudfront")
    assert served.content == samples.jpeg()
    assert negotiates(served)
    assert negotiates(unknown)
    assert after.get("replica", 0) == before.get("replica", 0) + 1
    assert after.get("derivatives", 0) == before.get("derivatives", 0)
    assert again.headers["x-cache"] == "Hit from cloudfront"
    noted = {
        record["x_edge_result_type"]: record["viewer_response_log_data"]
        for record in logged_records(stack)
        if image_id in record["cs_uri_stem"]
    }
    assert noted == {"Miss": "replica", "Hit": "replica"}
    # Whether the picture exists cannot be told now: no 404 that would be kept.
    assert (unknown.status_code, unknown.headers["cache-control"]) == (503, "no-store")
    assert int(unknown.headers["retry-after"]) > 0


def test_with_both_refusing_stale_is_served_then_503_uncached(
    edge: httpx.Client, stack: LocalStack, names: Names
) -> None:
    cached = put_replicated(stack, names, "public, max-age=1, stale-if-error=600")
    uncached = put_replicated(stack, names, stack.settings.delivery.cache_control)
    assert edge.get(f"/img/{cached}").status_code == 200
    regions = stack.settings.regions
    with refusing(stack, (names.derivatives_bucket, regions.primary), (names.replica_bucket, regions.replica)):

        def is_stale() -> httpx.Response | None:
            answer = edge.get(f"/img/{cached}")
            assert answer.status_code == 200
            return answer if int(answer.headers.get("age", 0)) > 1 else None

        stale = await_truth(is_stale, "a stale answer")
        refused = edge.get(f"/img/{uncached}")
        edge.post("/_edge/invalidate", json={"paths": [f"/{cached}/*"]})
        gone = edge.get(f"/img/{cached}")
    back = edge.get(f"/img/{uncached}")

    assert stale.content == samples.jpeg()
    assert negotiates(stale)
    for answer in (refused, gone):
        assert negotiates(answer)
        assert (answer.status_code, answer.headers["cache-control"]) == (503, "no-store")
        assert int(answer.headers["retry-after"]) > 0
    assert (back.status_code, back.headers["x-cache"]) == (200, "Miss from cloudfront")
