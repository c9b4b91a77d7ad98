"""The backfill function, invoked as S3 Batch Operations does."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import samples
from lane import no_writes
from outcomes import await_outcome, upload

from infra.local.stack import LocalStack
from lambdas.core.batch_invocation import Done

RUNG = "1024x0.webp"


def backfill(stack: LocalStack, key: str, variants: str = RUNG, bucket: str | None = None) -> tuple[str, str]:
    """Return the code and the text of the task's result."""
    event = {
        "invocationSchemaVersion": "2.0",
        "invocationId": "invocation",
        "job": {"id": "job", "userArguments": {"variants": variants}},
        "tasks": [
            {
                "taskId": "task",
                "s3Key": key,
                "s3VersionId": None,
                "s3Bucket": bucket or stack.parameter("originals-bucket"),
            }
        ],
    }
    returned = invoke(stack, event)
    assert (returned["invocationSchemaVersion"], returned["invocationId"]) == ("2.0", "invocation")
    (result,) = returned["results"]
    assert result["taskId"] == "task"
    return result["resultCode"], result["resultString"]


def invoke(stack: LocalStack, event: Any) -> dict[str, Any]:
    answer = stack.client("lambda").invoke(
        FunctionName=stack.parameter("backfill-function-arn"), Payload=json.dumps(event)
    )
    returned: dict[str, Any] = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, returned
    return returned


@pytest.fixture(scope="module")
def image(stack: LocalStack, tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("backfill") / "photo.jpg"
    file.write_bytes(samples.jpeg(800, 600))
    image_id = upload(stack, file)
    assert await_outcome(stack, image_id)["state"] == "ready"
    return image_id


@pytest.fixture
def key(stack: LocalStack, image: str) -> Iterator[str]:
    """The key of an original without the derivative ``RUNG``, in the bucket and in the table."""
    stack.client("s3").delete_object(Bucket=stack.parameter("derivatives-bucket"), Key=f"{image}/{RUNG}")
    forget(stack, image)
    before = await_outcome(stack, image)
    yield before["original"]["key"]
    after = await_outcome(stack, image)
    for item in (before, after):
        item["derivatives"].pop(RUNG, None)
    assert after == before, "expected nothing else of the record to change"


def forget(stack: LocalStack, image: str) -> None:
    stack.client("dynamodb").update_item(
        TableName=stack.parameter("images-table"),
        Key={"image_id": {"S": image}},
        UpdateExpression="REMOVE derivatives.#variant",
        ExpressionAttributeNames={"#variant": RUNG},
    )


def versions(stack: LocalStack, image: str) -> int:
    """Return how often ``RUNG`` of an image was written."""
    listed = stack.client("s3").list_object_versions(
        Bucket=stack.parameter("derivatives-bucket"), Prefix=f"{image}/{RUNG}"
    )
    return len(listed.get("Versions", []))


def test_missing_derivatives_are_made_once_and_recorded(stack: LocalStack, image: str, key: str) -> None:
    before = versions(stack, image)
    code, text = backfill(stack, key)
    done = Done.model_validate_json(text)
    assert (code, done.made, done.kept) == ("Succeeded", 1, 0)
    stored = stack.client("s3").head_object(Bucket=stack.parameter("derivatives-bucket"), Key=f"{image}/{RUNG}")
    recorded = await_outcome(stack, image)["derivatives"][RUNG]
    calibration = stack.settings.formats.calibration
    assert stored["Metadata"]["calibration"] == calibration
    assert recorded == {"bytes": stored["ContentLength"], "width": 800, "height": 600, "calibration": calibration}
    assert stored["ContentLength"] == done.bytes

    code, text = backfill(stack, key, f"{RUNG} 256x0.avif")
    done = Done.model_validate_json(text)
    assert (code, done.made, done.kept, done.bytes) == ("Succeeded", 0, 2, 0)
    assert versions(stack, image) == before + 1


def test_derivatives_of_an_interrupted_attempt_are_recorded_without_redrawing(
    stack: LocalStack, image: str, key: str
) -> None:
    assert backfill(stack, key)[0] == "Succeeded"
    recorded, before = await_outcome(stack, image)["derivatives"][RUNG], versions(stack, image)
    forget(stack, image)

    assert Done.model_validate_json(backfill(stack, key)[1]).kept == 1

    assert await_outcome(stack, image)["derivatives"][RUNG] == recorded
    assert versions(stack, image) == before


def test_derivatives_from_older_encoder_settings_are_redrawn(stack: LocalStack, image: str, key: str) -> None:
    s3, bucket = stack.client("s3"), stack.parameter("derivatives-bucket")
    s3.put_object(Bucket=bucket, Key=f"{image}/{RUNG}", Body=b"old", Metadata={"calibration": "2020-01-01-00000000"})

    assert Done.model_validate_json(backfill(stack, key)[1]).made == 1

    stored = s3.head_object(Bucket=bucket, Key=f"{image}/{RUNG}")
    assert stored["Metadata"] == {"calibration": stack.settings.formats.calibration, "cache-tag": image}
    assert stored["ContentType"] == "image/webp"


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("demo/2026-01-01/" + "0" * 32, "unknown_image: "),
        ("demo/2026-01-01/cat.jpg", "not_an_original: expected [p-] and 32 lower-case hex digits"),
        ("%", "not_an_original: "),
        ("../../etc", "not_an_original: "),
    ],
)
def test_other_objects_fail_permanently_with_the_reason(stack: LocalStack, key: str, reason: str) -> None:
    code, text = backfill(stack, key)
    assert (code, text[: len(reason)]) == ("PermanentFailure", reason)


def test_objects_of_another_bucket_fail_permanently(stack: LocalStack, image: str) -> None:
    key = await_outcome(stack, image)["original"]["key"]
    code, text = backfill(stack, key, bucket="elsewhere")
    assert (code, text[:14]) == ("PermanentFailure", "unknown_image:")


def test_variants_off_the_ladder_fail_permanently(stack: LocalStack, key: str) -> None:
    code, text = backfill(stack, key, "1025x0.webp")
    assert code == "PermanentFailure"
    assert text.startswith("expected a width of [64, 128, 256, 512, 1024, 1600, 2560]")


def test_rejected_images_fail_permanently(stack: LocalStack, tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_bytes(samples.TEXT)
    record = await_outcome(stack, upload(stack, tmp_path / "text.jpg"))
    code, text = backfill(stack, record["original"]["key"])
    assert (code, text[:13]) == ("PermanentFailure", "not_an_image:")


def test_deleted_originals_fail_permanently(stack: LocalStack, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(samples.jpeg(80, 60))
    image = upload(stack, tmp_path / "photo.jpg")
    original = await_outcome(stack, image)["original"]
    # By its version: under a delete marker, a record that names it could still read it.
    stack.client("s3").delete_object(Bucket=original["bucket"], Key=original["key"], VersionId=original["version_id"])
    stack.client("s3").delete_object(Bucket=stack.parameter("derivatives-bucket"), Key=f"{image}/{RUNG}")
    code, text = backfill(stack, original["key"])
    assert (code, text[:14]) == ("PermanentFailure", "original_gone:")


def test_access_denied_by_a_store_fails_permanently(stack: LocalStack, key: str) -> None:
    with no_writes(stack):
        code, text = backfill(stack, key)
    assert code == "PermanentFailure"  # a retry would be refused as well
    assert "AccessDenied" in text
    assert backfill(stack, key)[0] == "Succeeded"


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"tasks": None},
        {"tasks": [None, 7, {}]},
        {"tasks": [{"taskId": "t"}], "job": None},
        {"job": [], "tasks": "x"},
    ],
)
def test_malformed_events_do_not_raise(stack: LocalStack, event: Any) -> None:
    returned = invoke(stack, event)
    tasks = event.get("tasks")
    assert len(returned["results"]) == (len(tasks) if isinstance(tasks, list) else 0)
    assert {result["resultCode"] for result in returned["results"]} <= {"PermanentFailure"}
