"""Small pictures of the images that a report is about, read where the edge has them from."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from lambdas.core.keys import (
    MalformedKeyError,
    Variant,
    derivative_key,
    is_private,
    parse_image_id,
)
from lambdas.core.settings import Settings
from operations.discovery import NotDeployedError, look_up

SHOWN = 12
"""Pictures in a report."""

_AT_ONCE = 8
_MOST_BYTES = 100_000  # of one; the page carries them all


def fetch_thumbnails(image_ids: Iterable[str], settings: Settings) -> dict[str, bytes]:
    """Return the narrowest WebP of each of the first :data:`SHOWN` public images, by image id.

    Read from the derivatives bucket: asked of the edge, they would be in the log that the next report is about.
    A private image is never shown, one that cannot be read is left out.
    """
    try:
        bucket = look_up(settings, {"bucket": "derivatives-bucket"}, settings.regions.primary)["bucket"]
    except NotDeployedError:
        return {}
    s3 = boto3.client("s3", region_name=settings.regions.primary)
    shown = list(image_ids)[:SHOWN]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        pictures = pool.map(lambda image_id: _read(s3, bucket, image_id, min(settings.ladder.widths)), shown)
    return {image_id: data for image_id, data in zip(shown, pictures, strict=True) if data}


def _read(s3: Any, bucket: str, image_id: str, width: int) -> bytes | None:
    try:
        image = parse_image_id(image_id)
        if is_private(image):
            return None
        found = s3.get_object(Bucket=bucket, Key=derivative_key(image, Variant(width, 0, "webp")))
        return bytes(found["Body"].read()) if found["ContentLength"] <= _MOST_BYTES else None
    except (MalformedKeyError, ClientError, BotoCoreError):
        return None
