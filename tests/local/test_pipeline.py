"""Pictures through the whole pipeline: presigned upload, queue, pipe, state machine, functions, bucket, table."""

import json
from pathlib import Path

import psutil
import pytest
import pyvips
import samples
from outcomes import await_idle, await_outcome, queue_depths, upload

from infra.local.processes import find_process
from infra.local.stack import LocalStack
from lambdas.core.keys import MIME_TYPES, derivative_key, parse_image_id
from lambdas.core.messages import Metadata

BAD_INPUT = {
    "text-named.jpg": (samples.TEXT, "not_an_image"),
    "empty.jpg": (b"", "empty"),
    "truncated.jpg": (samples.truncated_jpeg(), "corrupt"),
    "drawing.svg": (samples.SVG, "unsupported_format"),
    "bomb.png": (samples.png_header_only(65536, 65536), "too_many_pixels"),
}


def test_one_picture_from_upload_to_derivatives_and_record(stack: LocalStack, tmp_path: Path) -> None:
    file = tmp_path / "photo.jpg"
    file.write_bytes(samples.jpeg())

    image_id = parse_image_id(upload(stack, file))
    record = await_outcome(stack, image_id)

    assert record["state"] == "ready", record.get("rejection")
    assert record["original"]["bytes"] == file.stat().st_size
    assert (record["metadata"]["width"], record["metadata"]["height"]) == (2400, 1600)
    variants = stack.settings.eager_variants
    assert set(record["derivatives"]) == {str(variant) for variant in variants}
    s3, bucket = stack.client("s3"), stack.parameter("derivatives-bucket")
    for variant in variants:
        stored = s3.get_object(Bucket=bucket, Key=derivative_key(image_id, variant))
        body = stored["Body"].read()
        picture = pyvips.Image.new_from_buffer(body, "")
        assert stored["ContentType"] == MIME_TYPES[variant.format]
        assert stored["CacheControl"] == stack.settings.delivery.cache_control
        assert (picture.width, picture.height) == (variant.width, round(variant.width * 1600 / 2400))
        assert record["derivatives"][str(variant)]["bytes"] == len(body)


def test_a_heic_is_drawn_whatever_it_is_called(stack: LocalStack, tmp_path: Path) -> None:
    file = tmp_path / "IMG_0001.jpeg"
    file.write_bytes(samples.heic())

    record = await_outcome(stack, upload(stack, file))

    assert record["state"] == "ready", record.get("rejection")
    metadata = Metadata.model_validate(record["metadata"])
    assert (metadata.format, metadata.declared_type, metadata.type_mismatch) == ("heic", "image/jpeg", True)
    assert (metadata.width, metadata.height) == (600, 400)
    assert metadata.thumbhash
    assert set(record["derivatives"]) == {str(variant) for variant in stack.settings.eager_variants}


@pytest.fixture(scope="module")
def rejected(stack: LocalStack, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Upload every bad file, and return their image ids by name."""
    folder = tmp_path_factory.mktemp("bad")
    for name, (content, _code) in BAD_INPUT.items():
        (folder / name).write_bytes(content)
    return {name: upload(stack, folder / name) for name in BAD_INPUT}


@pytest.mark.parametrize(("name", "code"), [(name, code) for name, (_content, code) in BAD_INPUT.items()])
def test_bad_input_is_rejected_with_its_code(stack: LocalStack, rejected: dict[str, str], name: str, code: str) -> None:
    record = await_outcome(stack, rejected[name])

    assert (record["state"], record["rejection"]["code"]) == ("rejected", code)
    assert record["rejection"]["message"].startswith("expected ")
    assert not record.get("derivatives")


def test_bad_input_leaves_no_dead_letter_and_kills_no_worker(
    stack: LocalStack, tmp_path: Path, rejected: dict[str, str]
) -> None:
    for image_id in rejected.values():
        await_outcome(stack, image_id)
    before = _workers(stack)
    for name, (content, _code) in BAD_INPUT.items():
        (tmp_path / name).write_bytes(content)
    for image_id in [upload(stack, tmp_path / name) for name in BAD_INPUT]:
        await_outcome(stack, image_id)

    await_idle(stack)
    assert before
    assert before <= _workers(stack)
    assert queue_depths(stack.client("sqs"), stack.parameter("lane-shared-dlq-url")) == (0, 0)


def test_an_upload_that_arrives_twice_has_one_outcome(stack: LocalStack, tmp_path: Path) -> None:
    file = tmp_path / "twice.jpg"
    file.write_bytes(samples.jpeg(600, 400))
    image_id = upload(stack, file)
    first = await_outcome(stack, image_id)
    s3, original = stack.client("s3"), first["original"]

    queue = stack.parameter("lane-shared-queue-url")
    head = s3.head_object(Bucket=original["bucket"], Key=original["key"])
    stack.client("sqs").send_message(QueueUrl=queue, MessageBody=_event(original, head))
    await_idle(stack)

    assert await_outcome(stack, image_id) == first


def _workers(stack: LocalStack) -> set[int]:
    emulator = find_process(stack.state.processes[0])
    assert emulator is not None
    return {child.pid for child in emulator.children() if child.status() != psutil.STATUS_ZOMBIE}


def _event(original: dict[str, object], head: dict[str, object]) -> str:
    return json.dumps(
        {
            "source": "aws.s3",
            "detail-type": "Object Created",
            "time": "2026-01-01T00:00:00Z",
            "detail": {
                "bucket": {"name": original["bucket"]},
                "object": {
                    "key": original["key"],
                    "size": int(str(original["bytes"])),
                    "etag": str(head["ETag"]).strip('"'),
                    "version-id": head.get("VersionId"),
                    "sequencer": "0",
                },
            },
        }
    )
