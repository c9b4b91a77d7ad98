"""Images of two tenants as the pipeline records them: ready, private and rejected."""

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeSerializer

from infra.local.stack import LocalStack
from lambdas.core.keys import tenant_digits
from lambdas.core.life import format_instant
from lambdas.core.messages import RecordRequest
from lambdas.core.records import original_of, rejection_of, results
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
    uploaded_at = _UPLOADED_AT + timedelta(minutes=number)
    image = {
        "image_id": image_id,
        "tenant": tenant,
        "bucket": "originals",
        "key": f"{tenant}/2026-02-01/{image_id}",
        "version_id": None,
        "etag": digits,
        "bytes": size,
        "uploaded_at": uploaded_at,
        "format": "jpeg",
        "claim_id": f"claim-{number}",
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
    recorded = RecordRequest.model_validate(request)
    return {
        "image_id": image_id,
        "tenant": tenant,
        "key": image["key"],
        "bytes": size,
        "uploaded_at": format_instant(uploaded_at),
        "state": "rejected" if rejection_of(recorded) else "ready",
        "original": original_of(recorded.image),
        "claim_id": image["claim_id"],
        **results(recorded, uploaded_at + timedelta(seconds=3)),
    }


IMAGES = tuple(_image(number) for number in range(24))


@contextmanager
def recorded_images(stack: LocalStack) -> Iterator[ImagesTable]:
    """Have the images in the table."""
    database, name = stack.client("dynamodb"), stack.parameter("images-table")
    serialize = TypeSerializer().serialize
    for item in IMAGES:
        exact = json.loads(json.dumps(item), parse_float=Decimal)
        database.put_item(TableName=name, Item={field: serialize(value) for field, value in exact.items()})
    try:
        yield ImagesTable(database, name)
    finally:
        for item in IMAGES:
            database.delete_item(TableName=name, Key={"image_id": {"S": item["image_id"]}})
