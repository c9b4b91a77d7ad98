"""The images API: outcomes, a tenant's list, tokens for private images, and complete takedowns."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
import samples
from api_calls import TENANT, Caller, caller, item, stored
from outcomes import await_outcome
from test_upload_api import refused

from infra.local.endpoint import ACCOUNT
from infra.local.stack import LocalStack
from infra.local.tenant import tenant_uploader
from infra.names import Names
from lambdas.core.access.signing_keys import IMAGE_TOKENS
from lambdas.core.keys import is_private, new_image_id, parse_image_id
from lambdas.core.stores.signing_keys import SigningKeysTable
from operations.keys.keyring import IMAGE_TOKEN_KEYS_TABLE


@pytest.fixture(scope="module")
def demo(stack: LocalStack) -> Iterator[Caller]:
    yield from caller(stack)


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("photo") / "photo.jpg"
    file.write_bytes(samples.jpeg(1300, 900))
    return file


def uploaded(stack: LocalStack, file: Path, *, private: bool = False) -> str:
    with tenant_uploader(stack, TENANT) as uploader:
        image_id = uploader.upload(file, private=private).image_id
    await_outcome(stack, image_id)
    return image_id


@pytest.fixture(scope="module")
def ready(stack: LocalStack, photo: Path) -> str:
    return uploaded(stack, photo)


@pytest.fixture(scope="module")
def private(stack: LocalStack, photo: Path) -> str:
    return uploaded(stack, photo, private=True)


@pytest.fixture(scope="module")
def rejected(stack: LocalStack, tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("text") / "text.jpg"
    file.write_bytes(samples.TEXT)
    return uploaded(stack, file)


def versions(stack: LocalStack, bucket: str, text: str) -> list[str]:
    """Return every version and delete marker in ``bucket`` with ``text`` in its key."""
    pages = stack.client("s3").get_paginator("list_object_versions").paginate(Bucket=stack.parameter(bucket))
    found = [entry for page in pages for kind in ("Versions", "DeleteMarkers") for entry in page.get(kind, [])]
    return [entry["Key"] for entry in found if text in entry["Key"]]


def copies(stack: LocalStack, text: str) -> list[str]:
    """Return every version in the replica with ``text`` in its key."""
    bucket = Names(stack.settings, ACCOUNT).replica_bucket
    replica = stack.client("s3", stack.settings.regions.replica).get_paginator("list_object_versions")
    found = [entry["Key"] for page in replica.paginate(Bucket=bucket) for entry in page.get("Versions", [])]
    return [key for key in found if text in key]


def await_condition(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline, f"expected {what} within the deadline"
        time.sleep(0.1)


def test_a_ready_image_comes_with_markup(stack: LocalStack, demo: Caller, ready: str) -> None:
    image = demo.ask("GET", f"/images/{ready}").json()
    assert (image["state"], image["private"], image["width"], image["height"]) == ("ready", False, 1300, 900)
    assert image["metadata"]["format"] == "jpeg"
    assert image["thumbhash"] == image["metadata"].get("thumbhash")
    assert {made["variant"] for made in image["derivatives"]} == {str(each) for each in stack.settings.eager_variants}
    assert image["timings"]["validate"] > 0
    assert image["markup"]["picture"].startswith("<picture><source")


def test_every_url_of_the_markup_is_served(stack: LocalStack, demo: Caller, ready: str) -> None:
    markup = demo.ask("GET", f"/images/{ready}").json()["markup"]
    addresses = [markup["url"], *(candidate.split(" ")[0] for candidate in markup["srcset"].split(", "))]
    for address in addresses:
        answer = demo.http.get(address, headers={"Accept": "image/avif,image/webp,*/*"})
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/avif"), address


def test_a_rejected_image_has_a_reason_and_no_markup(demo: Caller, rejected: str) -> None:
    image = demo.ask("GET", f"/images/{rejected}").json()
    assert (image["state"], image["rejection"]["code"], image["markup"]) == ("rejected", "not_an_image", None)
    assert image["rejection"]["message"].startswith("expected ")


def test_an_image_that_has_not_arrived_is_expected(demo: Caller) -> None:
    image_id = demo.begin(10)["image_id"]
    answer = demo.ask("GET", f"/images/{image_id}")
    assert (answer.status_code, int(answer.headers["retry-after"]) > 0) == (200, True)
    image = answer.json()
    assert (image["state"], image["bytes"], image["arrived_bytes"]) == ("expected", 10, 0)
    refused(
        demo.ask("POST", f"/images/{image_id}/token", {}),
        409,
        f"expected an image that is ready but {image_id} is expected",
    )
    refused(demo.ask("POST", f"/images/{image_id}/release"), 409, f"{image_id} is expected")


@pytest.mark.parametrize("route", ["images", "uploads"])
def test_an_upload_taken_down_before_it_arrives_never_becomes_an_image(
    stack: LocalStack, demo: Caller, route: str
) -> None:
    content = samples.jpeg(80, 60)
    begun = demo.begin(len(content))
    image_id = begun["image_id"]
    assert demo.ask("DELETE", f"/{route}/{image_id}").status_code in (200, 204)
    refused(demo.ask("GET", f"/images/{image_id}"), 404, "No image ")
    demo.put(begun, content)
    await_condition(lambda: not versions(stack, "originals-bucket", image_id), "the late original to be deleted")
    row = item(stack, stack.parameter("images-table"), image_id)
    assert row is not None
    assert row["state"] == {"S": "removed"}
    assert not versions(stack, "derivatives-bucket", image_id)


def test_takedowns_are_repeated_and_end(stack: LocalStack, demo: Caller, photo: Path) -> None:
    """The sweep's message is sent with a delay of a minute; here it is sent without, after the tombstone was aged."""
    image_id = uploaded(stack, photo)
    first = demo.ask("DELETE", f"/images/{image_id}").json()
    assert first["final_at"] is None
    stack.client("s3").put_object(
        Bucket=stack.parameter("derivatives-bucket"), Key=f"{image_id}/256x0.avif", Body=b"of a writer that was slow"
    )
    send_sweep(stack, image_id)
    again = demo.ask("DELETE", f"/images/{image_id}").json()
    assert (again["removed_at"], again["final_at"]) == (first["removed_at"], None), "expected it not to be due"

    stack.client("s3").put_object(
        Bucket=stack.parameter("derivatives-bucket"), Key=f"{image_id}/256x0.avif", Body=b"of a writer that was slow"
    )
    stack.client("dynamodb").update_item(
        TableName=stack.parameter("images-table"),
        Key={"image_id": {"S": image_id}},
        UpdateExpression="SET removed_at = :then",
        ExpressionAttributeValues={":then": {"S": "2026-01-01T00:00:00.000Z"}},
    )
    send_sweep(stack, image_id)
    table = stack.parameter("images-table")
    await_condition(lambda: "final_at" in (item(stack, table, image_id) or {}), "the takedown to become final")
    assert not versions(stack, "derivatives-bucket", image_id)
    assert demo.ask("DELETE", f"/images/{image_id}").json()["final_at"]


def send_sweep(stack: LocalStack, image_id: str) -> None:
    body = json.dumps({"image_id": image_id, "original_key": None})
    stack.client("sqs").send_message(QueueUrl=stack.parameter("sweep-queue-url"), MessageBody=body)


@pytest.mark.parametrize(
    ("method", "action", "body"),
    [("GET", "", None), ("DELETE", "", None), ("POST", "/token", {})],
)
def test_an_unknown_image_is_404(demo: Caller, method: str, action: str, body: Any) -> None:
    image_id = new_image_id()
    refused(demo.ask(method, f"/images/{image_id}{action}", body), 404, f"{image_id} for tenant ")
    refused(demo.ask(method, f"/images/cat.jpg{action}", body), 400, "32 lower-case hex digits")


@pytest.fixture
def listed(stack: LocalStack) -> Iterator[list[str]]:
    """Put 120 images of the tenant, a second apart, and one of another, straight into the table."""
    table, database = stack.parameter("images-table"), stack.client("dynamodb")
    images = [f"{number:032x}" for number in range(0xA000, 0xA000 + 120)]

    def write(image_id: str, tenant: str, second: int) -> None:
        moment = f"2999-01-01T00:{second // 60:02}:{second % 60:02}.000Z"
        original = {"M": {"bytes": {"N": "1"}, "key": {"S": f"{tenant}/2999-01-01/{image_id}"}}}
        database.put_item(
            TableName=table,
            Item={
                "image_id": {"S": image_id},
                "tenant": {"S": tenant},
                "uploaded_at": {"S": moment},
                "recorded_at": {"S": moment},
                "state": {"S": "rejected"},
                "bytes": {"N": "1"},
                "rejection": {"M": {"code": {"S": "empty"}, "message": {"S": "expected bytes"}}},
                "original": original,
            },
        )

    for second, image_id in enumerate(images):
        write(image_id, TENANT, second)
    foreign = "f" * 32
    write(foreign, "globex", 61)
    yield images
    for image_id in (*images, foreign):
        database.delete_item(TableName=table, Key={"image_id": {"S": image_id}})


def test_a_tenants_images_are_listed_newest_first_in_pages(stack: LocalStack, demo: Caller, listed: list[str]) -> None:
    pages, cursor = [], None
    while True:
        answer = demo.ask("GET", "/images", params={"cursor": cursor} if cursor else None).json()
        pages.append([image["image_id"] for image in answer["images"]])
        cursor = answer["next"]
        if cursor is None:
            break
    assert all(len(page) == stack.settings.api.images_per_page for page in pages[:-1])
    found = [image_id for page in pages for image_id in page]
    assert found[: len(listed)] == listed[::-1]
    assert len(found) == len(set(found))
    assert "f" * 32 not in found


def test_a_forged_cursor_is_rejected(demo: Caller, listed: list[str]) -> None:
    good = demo.ask("GET", "/images").json()["next"]
    head, payload, _ = good.split(".")
    for cursor in ("x", "eyJhZnRlciI6IDF9", f"{head}.{payload}.{'A' * 43}", jwt.encode({"aud": TENANT}, "k" * 32)):
        refused(
            demo.ask("GET", "/images", params={"cursor": cursor}), 400, "the cursor that the last page returned as next"
        )
    refused(demo.ask("GET", "/images", params={"cursor": "x" * 1001}), 400, "cursor")


def test_another_tenants_image_is_404(stack: LocalStack, demo: Caller, listed: list[str]) -> None:
    foreign = "f" * 32
    asked = (("GET", "", None), ("PATCH", "", {"focus": None}), ("DELETE", "", None), ("POST", "/token", {}))
    for method, action, body in asked:
        answer = demo.ask(method, f"/images/{foreign}{action}", body)
        refused(answer, 404, f"No image {foreign} for tenant demo")
    assert item(stack, stack.parameter("images-table"), foreign)


def test_another_focus_redraws_crops_under_the_same_url(stack: LocalStack, demo: Caller, ready: str) -> None:
    url = f"{stack.edge_url}/img/{ready}?w=256&ar=9:16&fmt=webp"
    shown: list[bytes] = []
    with httpx.Client(trust_env=False, timeout=30) as viewer:
        for x in (0.0, 1.0, 0.0):
            changed = demo.ask("PATCH", f"/images/{ready}", {"focus": {"x": x, "y": 0.3}})
            assert changed.status_code == 200, changed.text
            assert changed.json()["focus"] == demo.ask("GET", f"/images/{ready}").json()["focus"] == {"x": x, "y": 0.3}
            # An invalidation takes its time.
            await_condition(lambda: viewer.get(url).content not in shown[-1:], f"a crop around {x}")
            shown.append(viewer.get(url).content)
    assert shown[0] == shown[2] != shown[1]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "focus"),
        ({"focus": {"x": 1.5, "y": 0}}, "focus.x: Input should be less than or equal to 1 but received '1.5'"),
        ({"focus": {"x": "0.5", "y": 0}}, "focus.x"),
        ({"focus": {"x": True, "y": 0}}, "focus.x"),
        ({"focus": {"x": 0}}, "focus.y"),
        ({"focus": {"x": 0, "y": 0, "z": 0}}, "focus.z"),
        ({"focus": None, "private": True}, "private"),
    ],
)
def test_a_malformed_focus_is_refused(demo: Caller, ready: str, body: dict[str, Any], named: str) -> None:
    refused(demo.ask("PATCH", f"/images/{ready}", body), 400, named)


def test_a_rejected_image_has_no_focus(demo: Caller, rejected: str) -> None:
    answer = demo.ask("PATCH", f"/images/{rejected}", {"focus": {"x": 0.5, "y": 0.5}})
    refused(answer, 409, f"{rejected} is rejected")


def test_a_focus_given_with_the_upload(stack: LocalStack, demo: Caller, photo: Path) -> None:
    with tenant_uploader(stack, TENANT) as uploader:
        image_id = uploader.upload(photo, focus=(0.25, 0.75)).image_id
    assert demo.ask("GET", f"/images/{image_id}").json()["focus"] == {"x": 0.25, "y": 0.75}


def test_a_token_names_its_image_and_expiry(stack: LocalStack, demo: Caller, private: str) -> None:
    assert is_private(parse_image_id(private))
    answer = demo.ask("POST", f"/images/{private}/token", {"seconds": 120}).json()
    held = SigningKeysTable(stack.client("dynamodb"), stack.parameter(IMAGE_TOKEN_KEYS_TABLE)).find(IMAGE_TOKENS)
    assert held
    keys = held.keys
    claims = jwt.decode(answer["token"], keys.signing_key, algorithms=["HS256"])
    assert claims["image"] == private
    assert claims["exp"] - claims["nbf"] in {119, 120}
    assert jwt.get_unverified_header(answer["token"])["kid"] == keys.signing
    assert f"token={answer['token']}" in answer["markup"]["srcset"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"seconds": 0}, "seconds: "),
        ({"seconds": "x"}, "seconds: "),
        ({"seconds": 86_401}, "at most 86400 seconds"),
    ],
)
def test_token_lifetimes_are_limited_by_the_settings(demo: Caller, private: str, body: Any, expected: str) -> None:
    refused(demo.ask("POST", f"/images/{private}/token", body), 400, expected)


def test_a_public_image_needs_no_token(demo: Caller, ready: str) -> None:
    refused(demo.ask("POST", f"/images/{ready}/token", {}), 409, "expected a private image")


def test_a_takedown_erases_everything(stack: LocalStack, demo: Caller, photo: Path) -> None:
    image_id = uploaded(stack, photo)
    neighbour = uploaded(stack, photo)
    s3 = stack.client("s3")
    # Delete markers have to be erased as well.
    (key,) = stored(stack, image_id)
    s3.delete_object(Bucket=stack.parameter("originals-bucket"), Key=key)
    s3.delete_object(Bucket=stack.parameter("derivatives-bucket"), Key=f"{image_id}/256x0.avif")
    before = len(versions(stack, "derivatives-bucket", neighbour))
    made = len(stack.settings.eager_variants)
    await_condition(lambda: len(copies(stack, image_id)) >= made, "a copy of every derivative in the replica")
    seen = f"{stack.edge_url}/img/{image_id}?fmt=jpeg"
    assert httpx.get(seen, trust_env=False, timeout=60).status_code == 200

    answer = demo.ask("DELETE", f"/images/{image_id}").json()

    assert answer["originals"] == 2
    assert answer["derivatives"] >= made * 2 + 1
    assert not copies(stack, image_id)
    assert not versions(stack, "originals-bucket", image_id)
    assert not versions(stack, "derivatives-bucket", image_id)
    row = item(stack, stack.parameter("images-table"), image_id)
    assert row is not None
    assert row["state"] == {"S": "removed"}
    assert not {"metadata", "derivatives", "uploaded_at"} & set(row)
    refused(demo.ask("GET", f"/images/{image_id}"), 404, "No image ")
    refused(demo.ask("GET", f"/uploads/{image_id}"), 404, "No upload ")
    await_condition(lambda: httpx.get(seen, trust_env=False, timeout=60).status_code == 404, "the edge to forget it")
    paths = invalidated(stack, answer["invalidation"])
    # Of wildcards CloudFront takes few at once: while others are in progress, the tag goes alone.
    assert {f"#{image_id}"} <= paths <= {f"#{image_id}", f"/{image_id}/*", f"/img/{image_id}*"}
    assert len(versions(stack, "derivatives-bucket", neighbour)) == before
    assert demo.ask("GET", f"/images/{neighbour}").json()["state"] == "ready"


def invalidated(stack: LocalStack, invalidation: str) -> set[str]:
    answer = stack.client("cloudfront").get_invalidation(
        DistributionId=stack.parameter("distribution-id"), Id=invalidation
    )
    return set(answer["Invalidation"]["InvalidationBatch"]["Paths"]["Items"])
