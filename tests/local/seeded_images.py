"""Images of two tenants as the pipeline records them: ready, private and rejected."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from infra.local.stack import LocalStack
from lambdas.core.keys import tenant_digits
from lambdas.core.messages import RecordRequest
from lambdas.core.records import image_item
from lambdas.core.stores.images import ImagesTable

TENANTS = ("demo", "studio")
_UPLOADED_AT = datetime(2026, 2, 1, 8, tzinfo=UTC)
_MADE = ("256x0.avif", "256x0.webp", "1024x0.avif", "1600x0.avif", "1600x0.jpeg")


def _image(number: int) -> dict[str, Any]:
    chance = random.Random(number)
    tenant = TENANTS[number % 3 == 0]
    digits = f"{chance.getrandbits(128):032x}"
    image_id = f"p-{tenant_digits(tenant)}{digits[8:]}" if number % 7 == 0 else digits
    size = chance.randrange(100_000, 9_000_000)
    image = {
        "image_id": image_id,
        "tenant": tenant,
        "bucket": "originals",
        "key": f"{tenant}/2026-02-01/{image_id}",
        "version_id": None,
        "etag": digits,
        "bytes": size,
        "uploaded_at": _UPLOADED_AT + timedelta(minutes=number),
        "format": "jpeg",
    }
    request: dict[str, Any] = {"image": image, "timings": {"validate": 0.1}}
    if number % 8 == 5:
        request["rejection"] = {"code": "corrupt", "message": "expected pixels but received none"}
    else:
        made = [
            {"variant": variant, "bytes": chance.randrange(4_000, 200_000), "width": 256, "height": 192}
            for variant in _MADE
        ]
        request["derivations"] = [{"outcome": "made", "derivatives": made, "rejection": None, "seconds": 0.5}]
        request["metadata"] = {
            "width": 4000 + number, "height": 3000, "format": "jpeg", "mime_type": "image/jpeg", "bytes": size,
            "sha256": "0" * 64, "orientation": 1, "color_space": "srgb", "profile": None, "alpha": False, "pages": 1,
        }  # fmt: skip
    return image_item(RecordRequest.model_validate(request), _UPLOADED_AT + timedelta(minutes=number, seconds=3))


IMAGES = tuple(_image(number) for number in range(24))


@contextmanager
def recorded_images(stack: LocalStack) -> Iterator[ImagesTable]:
    """Have the images in the table."""
    table = ImagesTable(stack.client("dynamodb"), stack.parameter("images-table"))
    for item in IMAGES:
        assert table.add(item)
    try:
        yield table
    finally:
        for item in IMAGES:
            table.remove(item["image_id"])
