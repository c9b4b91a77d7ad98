"""Private images at the edge: tokens, the cache behind them, key rotation, and invalidations by the API."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import samples
from access_logs import logged_records
from keys_tables import keys_table

from infra.local.endpoint import ACCOUNT
from infra.local.stack import LocalStack
from infra.names import Names
from lambdas.core.access.image_tokens import sign_image_token
from lambdas.core.access.signing_keys import IMAGE_TOKENS, SigningKeys, encode_key
from lambdas.core.keys import ImageId, new_image_id
from lambdas.core.settings import EDGE_REGION
from operations.keys.edge_key_store import EdgeKeyStore
from operations.keys.keyring import Keyring, TooSoonError

SECONDS = 60
HOUR = timedelta(hours=1)


@pytest.fixture
def edge(stack: LocalStack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=stack.edge_url, trust_env=False, timeout=60, headers=stack.owner_headers) as client:
        yield client


@pytest.fixture
def store(stack: LocalStack) -> Iterator[EdgeKeyStore]:
    """The deployed key store; its content is restored."""
    store = EdgeKeyStore(stack.client("cloudfront-keyvaluestore", EDGE_REGION), stack.parameter("image-token-store"))
    held = store.read()
    yield store
    store.replace(lambda: held)


@pytest.fixture
def keys(edge: httpx.Client, store: EdgeKeyStore) -> SigningKeys:
    """A key that the edge knows."""
    made = SigningKeys.made_for(IMAGE_TOKENS)
    store.replace(lambda: {**store.read(), **{kid: encode_key(key) for kid, key in made.keys.items()}})
    image_id = new_image_id(private=True)
    await_status(lambda: edge.get(f"/img/{image_id}?token={signed(made, image_id)}"), 404)
    return made


@pytest.fixture
def image_id(stack: LocalStack) -> ImageId:
    """A private image with one derivative."""
    made = new_image_id(private=True, tenant="demo")
    stack.client("s3").put_object(
        Bucket=Names(stack.settings, ACCOUNT).derivatives_bucket,
        Key=f"{made}/1024x0.jpeg",
        Body=samples.jpeg(),
        ContentType="image/jpeg",
        CacheControl=stack.settings.delivery.cache_control,
        Metadata={"cache-tag": made},
    )
    return made


def signed(keys: SigningKeys, image_id: ImageId, life: timedelta = HOUR) -> str:
    return sign_image_token(keys, image_id, now=datetime.now(UTC), life=life).token


def await_status(ask: Callable[[], httpx.Response], status: int) -> httpx.Response:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        answer = ask()
        if answer.status_code == status:
            return answer
        time.sleep(0.1)
    raise AssertionError(f"expected {status} within {SECONDS} s but received {answer.status_code}: {answer.text[:200]}")


def test_cached_images_need_a_token(
    edge: httpx.Client, stack: LocalStack, keys: SigningKeys, image_id: ImageId
) -> None:
    token, other = signed(keys, image_id), signed(keys, new_image_id(private=True))
    miss, hit = (edge.get(f"/img/{image_id}?token={token}") for _ in range(2))
    by_header = edge.get(f"/img/{image_id}", headers={"authorization": f"Bearer {token}"})
    by_cookie = edge.get(f"/img/{image_id}", headers={"cookie": f"token={token}"})
    unchanged = edge.get(f"/img/{image_id}?token={token}", headers={"if-none-match": miss.headers["etag"]})
    without = edge.get(f"/img/{image_id}")
    with_condition = edge.get(f"/img/{image_id}", headers={"if-none-match": miss.headers["etag"]})
    with_another = edge.get(f"/img/{image_id}?token={other}")
    with_tampered = edge.get(f"/img/{image_id}?token={token[:-2]}")
    directly = edge.get(f"/{image_id}/1024x0.jpeg?token={token}")

    assert miss.headers["x-cache"] == "Miss from cloudfront"
    private = f"private, max-age={stack.settings.delivery.private_max_age_seconds}"
    for served in (hit, by_header, by_cookie):
        assert (served.status_code, served.headers["x-cache"]) == (200, "Hit from cloudfront")
        assert served.headers["cache-control"] == miss.headers["cache-control"] == private
        assert served.content == samples.jpeg()
    assert (unchanged.status_code, unchanged.headers["cache-control"]) == (304, private)
    refusals = {without: 401, with_condition: 401, with_another: 403, with_tampered: 401, directly: 404}
    for answer, status in refusals.items():
        assert answer.status_code == status
        assert answer.headers["x-cache"] == "FunctionGeneratedResponse from cloudfront"
        assert samples.jpeg()[:64] not in answer.content
    assert {without.headers["cache-control"], with_another.headers["cache-control"]} == {"no-store"}
    assert token not in json.dumps(logged_records(stack))


def test_errors_are_no_store(edge: httpx.Client, keys: SigningKeys, image_id: ImageId) -> None:
    unknown = new_image_id(private=True)
    missing, remembered = (edge.get(f"/img/{unknown}?token={signed(keys, unknown)}") for _ in range(2))
    malformed = edge.get(f"/img/{image_id}?token={signed(keys, image_id)}&w=broken")

    assert [answer.status_code for answer in (missing, remembered, malformed)] == [404, 404, 400]
    assert "age" in remembered.headers, "expected the edge itself to remember a 404"
    for answer in (missing, remembered, malformed):
        assert answer.headers["cache-control"] == "no-store"


def test_keys_rotate_while_both_are_valid(
    edge: httpx.Client, stack: LocalStack, store: EdgeKeyStore, image_id: ImageId
) -> None:
    with keys_table(stack.client("dynamodb")) as table:
        table.create_missing([IMAGE_TOKENS])
        keyring = Keyring(table, IMAGE_TOKENS, HOUR, store)

        def read() -> SigningKeys:
            held = table.find(IMAGE_TOKENS)
            assert held
            return held.keys

        old = read()
        assert not keyring.state().published
        assert keyring.publish().added == [old.signing]
        assert keyring.state().published
        of_old = signed(old, image_id)
        await_status(lambda: edge.get(f"/img/{image_id}?token={of_old}"), 200)
        slept: list[float] = []
        signing_while_waiting: list[str] = []

        def sleep(seconds: float) -> None:
            slept.append(seconds)
            signing_while_waiting.append(read().signing)

        rotation = keyring.rotate(sleep=sleep)
        assert (len(slept), signing_while_waiting) == (1, [old.signing])
        new = read()
        assert (new.signing, set(new.keys)) == (rotation.signing, {old.signing, rotation.signing})
        of_new = signed(new, image_id)
        await_status(lambda: edge.get(f"/img/{image_id}?token={of_new}"), 200)
        assert edge.get(f"/img/{image_id}?token={of_old}").status_code == 200

        with pytest.raises(TooSoonError, match="expected a last rotation"):
            keyring.retire()
        assert edge.get(f"/img/{image_id}?token={of_old}").status_code == 200
        assert keyring.retire(at_once=True).removed == [old.signing]
        await_status(lambda: edge.get(f"/img/{image_id}?token={of_old}"), 401)
        assert edge.get(f"/img/{image_id}?token={of_new}").status_code == 200
        assert set(read().keys) == {rotation.signing}


@pytest.mark.parametrize("item", ["/{}/*", "#{}"], ids=["path", "tag"])
def test_invalidations_by_the_api_reach_the_edge(
    edge: httpx.Client, stack: LocalStack, keys: SigningKeys, image_id: ImageId, item: str
) -> None:
    url = f"/img/{image_id}?token={signed(keys, image_id)}"
    bucket = Names(stack.settings, ACCOUNT).derivatives_bucket
    assert [edge.get(url).headers["x-cache"][:4] for _ in range(2)] == ["Miss", "Hit "]
    stack.client("s3").delete_object(Bucket=bucket, Key=f"{image_id}/1024x0.jpeg")
    assert edge.get(url).status_code == 200
    assert "x-amz-meta-cache-tag" not in edge.get(url).headers

    batch: Any = {"Paths": {"Quantity": 1, "Items": [item.format(image_id)]}, "CallerReference": image_id}
    stack.client("cloudfront").create_invalidation(
        DistributionId=stack.parameter("distribution-id"), InvalidationBatch=batch
    )

    await_status(lambda: edge.get(url), 404)
