"""The generator, invoked as the edge does."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import pyvips
import samples
from outcomes import await_outcome, upload

from infra.local.stack import LocalStack


def generate(stack: LocalStack, image_id: str, variant: str) -> Any:
    payload = json.dumps({"image_id": image_id, "variant": variant})
    answer = stack.client("lambda").invoke(FunctionName=stack.parameter("generator-function"), Payload=payload)
    returned = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, returned
    return returned


@pytest.fixture(scope="module")
def ready(stack: LocalStack, tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("generate") / "photo.jpg"
    file.write_bytes(samples.jpeg(800, 600))
    image_id = upload(stack, file)
    assert await_outcome(stack, image_id)["state"] == "ready"
    return image_id


def test_a_variant_is_made_once(stack: LocalStack, ready: str) -> None:
    made = generate(stack, ready, "512x512.webp")
    assert made["status"] == "made"
    bucket = stack.parameter("derivatives-bucket")
    stored = stack.client("s3").get_object(Bucket=bucket, Key=f"{ready}/512x512.webp")
    body = stored["Body"].read()
    picture = pyvips.Image.new_from_buffer(body, "")
    assert (picture.width, picture.height, len(body)) == (512, 512, made["bytes"])
    assert stored["ContentType"] == "image/webp"
    assert stored["CacheControl"] == stack.settings.delivery.cache_control

    assert generate(stack, ready, "512x512.webp")["status"] == "exists"


def test_simultaneous_generators_write_a_variant_once(stack: LocalStack, ready: str) -> None:
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: generate(stack, ready, "256x144.webp"), range(8)))

    assert sorted(answer["status"] for answer in answers) == ["exists"] * 7 + ["made"]
    bucket = stack.parameter("derivatives-bucket")
    versions = stack.client("s3").list_object_versions(Bucket=bucket, Prefix=f"{ready}/256x144.webp")
    assert len(versions["Versions"]) == 1


def test_generator_and_pipeline_draw_the_same_bytes(stack: LocalStack, ready: str) -> None:
    s3, where = stack.client("s3"), {"Bucket": stack.parameter("derivatives-bucket"), "Key": f"{ready}/256x0.avif"}
    before = s3.get_object(**where)["Body"].read()
    s3.delete_object(**where)

    assert generate(stack, ready, "256x0.avif")["status"] == "made"

    assert s3.get_object(**where)["Body"].read() == before


@pytest.mark.parametrize("variant", ["257x0.avif", "256x0.gif", "256x255.avif", "nonsense", ""])
def test_variants_off_the_ladder_are_not_made(stack: LocalStack, ready: str, variant: str) -> None:
    assert generate(stack, ready, variant)["status"] == "not_on_ladder"


@pytest.mark.parametrize("image_id", ["0123456789abcdef" * 2, "cat.jpg", "../originals", ""])
def test_unknown_images_are_reported(stack: LocalStack, image_id: str) -> None:
    assert generate(stack, image_id, "256x0.avif")["status"] == "unknown_image"


def test_rejected_images_are_reported(stack: LocalStack, tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_bytes(samples.TEXT)
    image_id = upload(stack, tmp_path / "text.jpg")
    assert await_outcome(stack, image_id)["state"] == "rejected"

    assert generate(stack, image_id, "256x0.avif")["status"] == "rejected"
