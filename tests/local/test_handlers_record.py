"""Record, invoked as the state machine does."""

from typing import Any

from invocation import invoke
from outcomes import TENANT, await_outcome

from infra.local.stack import LocalStack
from lambdas.core.keys import new_image_id


def request(image_id: str, message: str) -> dict[str, Any]:
    return {
        "image": {
            "image_id": image_id, "tenant": TENANT, "bucket": "originals", "key": f"{TENANT}/2026-11-23/{image_id}",
            "version_id": None, "etag": "0" * 32, "bytes": 10, "uploaded_at": "2026-11-23T12:00:00Z", "format": None,
        },
        "rejection": {"code": "not_an_image", "message": message},
        "metadata": None,
        "derivations": [],
        "timings": {"validate": 0.0123},
    }  # fmt: skip


def after_drawing(image_id: str, *, rejected: bool) -> dict[str, Any]:
    """Two groups of one image: the first draws its variant, the second is rejected or not."""
    corrupt = {"code": "corrupt", "message": "expected pixels but received none"}
    made = {"variant": "256x0.webp", "bytes": 5, "width": 256, "height": 192}
    derivations = [
        {"outcome": "made", "derivatives": [made], "rejection": None, "seconds": 0.5},
        {
            "outcome": "rejected" if rejected else "made",
            "derivatives": [{**made, "variant": "512x0.webp"}],
            "rejection": corrupt if rejected else None,
            "seconds": 0.1,
        },
    ]
    return {**request(image_id, ""), "rejection": None, "derivations": derivations}


def draw(stack: LocalStack, image_id: str) -> None:
    for variant in ("256x0.webp", "512x0.webp", "1024x0.webp"):
        bucket = stack.parameter("derivatives-bucket")
        stack.client("s3").put_object(Bucket=bucket, Key=f"{image_id}/{variant}", Body=b"drawn")


def drawn(stack: LocalStack, image_id: str) -> set[str]:
    bucket = stack.parameter("derivatives-bucket")
    listed = stack.client("s3").list_objects_v2(Bucket=bucket, Prefix=f"{image_id}/").get("Contents", [])
    return {each["Key"].partition("/")[2] for each in listed}


def test_derivatives_of_a_rejected_image_are_removed(stack: LocalStack) -> None:
    image_id = new_image_id()
    draw(stack, image_id)
    for _ in range(2):  # a retry removes what the first attempt did not
        assert invoke(stack, "record", after_drawing(image_id, rejected=True)) == ({"outcome": "rejected"}, None)
        assert drawn(stack, image_id) == {"1024x0.webp"}, "expected no other objects touched than those drawn"
    assert "derivatives" not in await_outcome(stack, image_id)


def test_derivatives_recorded_by_another_delivery_are_kept(stack: LocalStack) -> None:
    image_id = new_image_id()
    draw(stack, image_id)
    assert invoke(stack, "record", after_drawing(image_id, rejected=False)) == ({"outcome": "ready"}, None)
    assert invoke(stack, "record", after_drawing(image_id, rejected=True)) == ({"outcome": "ready"}, None)
    assert len(drawn(stack, image_id)) == 3


def test_the_first_outcome_is_kept(stack: LocalStack) -> None:
    image_id = new_image_id()
    first, second = request(image_id, "expected this"), request(image_id, "expected something else")

    assert invoke(stack, "record", first) == ({"outcome": "rejected"}, None)
    recorded = await_outcome(stack, image_id)
    assert invoke(stack, "record", second) == ({"outcome": "rejected"}, None)

    assert await_outcome(stack, image_id) == recorded
    assert recorded["rejection"] == first["rejection"]
    assert float(recorded["timings"]["validate"]) == 0.0123
    assert recorded["uploaded_at"] == "2026-11-23T12:00:00.000Z"
