"""Validate, invoked as the state machine does, with events that uploads do not cause."""

import json

import pytest
from invocation import invoke
from outcomes import TENANT

from infra.local.stack import LocalStack
from lambdas.core.keys import new_image_id

UNKNOWN_ID = "0123456789abcdef" * 2  # constant: xdist workers must collect the same tests


def arrival(key: str, *, bucket: str, size: int = 10, etag: str = "0" * 32) -> dict[str, str]:
    detail = {"bucket": {"name": bucket}, "object": {"key": key, "size": size, "etag": etag}}
    return {"messageId": "1", "body": json.dumps({"detail-type": "Object Created", "detail": detail})}


@pytest.mark.parametrize(
    "key",
    [
        f"stranger/2026-11-23/{UNKNOWN_ID}",
        "notes.txt",
        f"{TENANT}/2026-02-30/{UNKNOWN_ID}",
    ],
)
def test_events_without_work_are_settled(stack: LocalStack, key: str) -> None:
    record = arrival(key, bucket=stack.parameter("originals-bucket"))
    verdict, error = invoke(stack, "validate", {"record": record, "claim_id": "test"})
    assert error is None, verdict
    assert (verdict["outcome"], verdict["image"]) == ("settled", None)


def test_a_dedicated_lane_ignores_ids_without_its_tenants_digits(stack: LocalStack) -> None:
    record = arrival(f"studio/2026-11-23/{UNKNOWN_ID}", bucket=stack.parameter("originals-bucket"))
    verdict, error = invoke(stack, "validate", {"record": record, "claim_id": "test"}, "studio")
    assert error is None, verdict
    assert verdict["outcome"] == "settled"


@pytest.mark.parametrize(
    ("state", "outcome"), [("removed", "settled"), ("ready", "settled"), ("expected", None), (None, None)]
)
def test_a_missing_original_is_settled_only_if_its_row_says_why(
    stack: LocalStack, state: str | None, outcome: str | None
) -> None:
    """The lane may not list the bucket: to it, S3 answers 403 for a missing original, as for a forbidden one."""
    image_id, database = new_image_id(tenant=TENANT), stack.client("dynamodb")
    row = {"image_id": {"S": image_id}, "state": {"S": str(state)}, "tenant": {"S": TENANT}}
    if state is not None:
        database.put_item(TableName=stack.parameter("images-table"), Item=row)
    record = arrival(f"{TENANT}/2026-11-23/{image_id}", bucket=stack.parameter("originals-bucket"))
    answer, error = invoke(stack, "validate", {"record": record, "claim_id": "test"})
    database.delete_item(TableName=stack.parameter("images-table"), Key={"image_id": row["image_id"]})
    assert answer.get("outcome") == outcome
    assert (error is None) == (outcome is not None), answer
    assert outcome or "AccessDenied" in answer["errorMessage"]


@pytest.mark.parametrize("record", [{}, {"body": "poison"}, {"body": "{}"}])
def test_malformed_messages_fail_and_become_dead_letters(stack: LocalStack, record: dict[str, str]) -> None:
    answer, error = invoke(stack, "validate", {"record": record, "claim_id": "test"})
    assert error is not None, f"expected a failure but received {answer}"
    assert "expected an SQS record of an S3 Object Created event" in json.dumps(answer)
