"""Record, invoked as the state machine does."""

from typing import Any

from invocation import invoke
from outcomes import TENANT, await_outcome

from infra.local.stack import LocalStack
from lambdas.keys import new_image_id


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


def test_the_first_outcome_stands(stack: LocalStack) -> None:
    image_id = new_image_id()
    first, second = request(image_id, "expected this"), request(image_id, "expected something else")

    assert invoke(stack, "record", first) == ({"outcome": "rejected"}, None)
    recorded = await_outcome(stack, image_id)
    assert invoke(stack, "record", second) == ({"outcome": "rejected"}, None)

    assert await_outcome(stack, image_id) == recorded
    assert recorded["rejection"] == first["rejection"]
    assert float(recorded["timings"]["validate"]) == 0.0123
    assert recorded["uploaded_at"] == "2026-11-23T12:00:00.000Z"
