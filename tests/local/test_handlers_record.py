"""Record, invoked as the state machine does, for a picture that an execution has claimed."""

from datetime import UTC, datetime
from typing import Any

import pytest
from invocation import invoke
from outcomes import TENANT, await_outcome

from infra.local.stack import LocalStack
from lambdas.core import life
from lambdas.core.keys import ImageId, new_image_id
from lambdas.core.stores.images import ImagesTable

CLAIM_ID = "execution"
CORRUPT = {"code": "corrupt", "message": "expected pixels but received none"}


def request(image_id: str, message: str = "expected this", claim_id: str = CLAIM_ID) -> dict[str, Any]:
    return {
        "image": {
            "image_id": image_id, "tenant": TENANT, "bucket": "originals", "key": f"{TENANT}/2026-11-23/{image_id}",
            "version_id": None, "etag": "0" * 32, "bytes": 10, "uploaded_at": "2026-11-23T12:00:00Z", "format": None,
            "claim_id": claim_id,
        },
        "rejection": {"code": "not_an_image", "message": message},
        "metadata": None,
        "derivations": [],
        "timings": {"validate": 0.0123},
    }  # fmt: skip


def after_drawing(image_id: str, *, rejected: bool, claim_id: str = CLAIM_ID) -> dict[str, Any]:
    """Two groups of one image: the first draws its variant, the second is rejected or not."""
    made = {"variant": "256x0.webp", "bytes": 5, "width": 256, "height": 192}
    derivations = [
        {"outcome": "made", "derivatives": [made], "rejection": None, "seconds": 0.5},
        {
            "outcome": "rejected" if rejected else "made",
            "derivatives": [{**made, "variant": "512x0.webp"}],
            "rejection": CORRUPT if rejected else None,
            "seconds": 0.1,
        },
    ]
    return {**request(image_id, claim_id=claim_id), "rejection": None, "derivations": derivations}


def images(stack: LocalStack) -> ImagesTable:
    return ImagesTable(stack.client("dynamodb"), stack.parameter("images-table"))


@pytest.fixture
def claimed(stack: LocalStack) -> ImageId:
    """An image that the execution has claimed, with derivatives; one of them was drawn for a viewer."""
    image_id, now = new_image_id(), datetime.now(UTC)
    original = {"bucket": "originals", "key": "key", "version_id": None, "etag": "0" * 32, "bytes": 10}
    arrived = {"tenant": TENANT, "key": "key", "uploaded_at": "2026-11-23T12:00:00.000Z", "bytes": 10}
    claim = life.claim(original, arrived, life.Claim.starting(CLAIM_ID, now, 60), now)
    assert images(stack).apply(image_id, claim).done
    for variant in ("256x0.webp", "512x0.webp", "1024x0.webp"):
        bucket = stack.parameter("derivatives-bucket")
        stack.client("s3").put_object(Bucket=bucket, Key=f"{image_id}/{variant}", Body=b"drawn")
    return image_id


def drawn(stack: LocalStack, image_id: str) -> set[str]:
    bucket = stack.parameter("derivatives-bucket")
    listed = stack.client("s3").list_objects_v2(Bucket=bucket, Prefix=f"{image_id}/").get("Contents", [])
    return {each["Key"].partition("/")[2] for each in listed}


def test_every_derivative_of_a_rejected_image_is_removed(stack: LocalStack, claimed: ImageId) -> None:
    for _ in range(2):  # a retry removes what the first attempt did not
        assert invoke(stack, "record", after_drawing(claimed, rejected=True)) == ({"outcome": "rejected"}, None)
        assert drawn(stack, claimed) == set()
    assert "derivatives" not in await_outcome(stack, claimed)


def test_an_execution_that_lost_its_claim_changes_nothing(stack: LocalStack, claimed: ImageId) -> None:
    late = after_drawing(claimed, rejected=True, claim_id="an earlier execution")
    assert invoke(stack, "record", late) == ({"outcome": "superseded"}, None)
    assert invoke(stack, "record", after_drawing(claimed, rejected=False)) == ({"outcome": "ready"}, None)
    recorded = await_outcome(stack, claimed)
    assert invoke(stack, "record", late) == ({"outcome": "ready"}, None)
    assert await_outcome(stack, claimed) == recorded
    assert len(drawn(stack, claimed)) == 3


def test_what_was_drawn_of_a_removed_image_is_deleted(stack: LocalStack, claimed: ImageId) -> None:
    assert images(stack).apply(claimed, life.remove(TENANT, None, datetime.now(UTC))).done
    assert invoke(stack, "record", after_drawing(claimed, rejected=False)) == ({"outcome": "removed"}, None)
    assert drawn(stack, claimed) == set()


def test_the_first_outcome_is_kept(stack: LocalStack, claimed: ImageId) -> None:
    first, second = request(claimed, "expected this"), request(claimed, "expected something else")

    assert invoke(stack, "record", first) == ({"outcome": "rejected"}, None)
    recorded = await_outcome(stack, claimed)
    assert invoke(stack, "record", second) == ({"outcome": "rejected"}, None)

    assert await_outcome(stack, claimed) == recorded
    assert recorded["rejection"] == first["rejection"]
    assert float(recorded["timings"]["validate"]) == 0.0123
    assert recorded["uploaded_at"] == "2026-11-23T12:00:00.000Z"
