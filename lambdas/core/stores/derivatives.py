"""The derivatives bucket: every function writes the same keys and headers."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from lambdas.core.aws_errors import is_conflict, is_missing
from lambdas.core.keys import ImageId, Variant, derivative_key
from lambdas.core.settings import Settings
from lambdas.imaging.formats import ORIGINAL_MIME_TYPES, SNIFF_BYTES, as_original, sniff

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


CACHE_TAG_HEADER = "x-amz-meta-cache-tag"
"""The header in which S3 returns a derivative's cache tag, its image id, by which CloudFront invalidates it."""
_CACHE_TAG = CACHE_TAG_HEADER.removeprefix("x-amz-meta-")
_CALIBRATION = "calibration"
FOCUS_VERSION = "focus-version"
"""The metadata in which a crop names the version of the focus that it was drawn with; none is 0."""
INSPECTED_FOLDER = "inspection/"
"""Of what an inspecting function is given to look at, before a picture is published."""


@dataclass(frozen=True, slots=True)
class HeldDerivative:
    """What S3 knows about a stored derivative: its size, its encoder settings, and when it was stored."""

    bytes: int
    calibration: str | None  # None: from before derivatives named their encoder settings
    stored_at: datetime
    focus_version: int


class DerivativeStore:
    """The derivatives bucket. Derivatives are put with the cache lifetime and encoder settings of ``settings``.

    ``folder``, which ends in a slash, precedes every key; no viewer's request reaches one but the bucket's root.
    """

    def __init__(self, client: "S3Client", bucket: str, settings: Settings, folder: str = "") -> None:
        self._client = client
        self._bucket = bucket
        self._folder = folder
        self._cache_control = settings.delivery.cache_control
        self._calibration = settings.formats.calibration

    def find(self, image_id: ImageId, variant: Variant) -> HeldDerivative | None:
        """Return a stored derivative, or None.

        Raises:
            ClientError: S3 refused; a retry may help.
        """
        try:
            answer = self._client.head_object(Bucket=self._bucket, Key=self._folder + derivative_key(image_id, variant))
        except ClientError as error:
            if is_missing(error):
                return None
            raise
        metadata = answer["Metadata"]
        return HeldDerivative(
            bytes=answer["ContentLength"],
            calibration=metadata.get(_CALIBRATION),
            stored_at=answer["LastModified"],
            focus_version=int(metadata.get(FOCUS_VERSION, 0)),
        )

    def put(self, image_id: ImageId, variant: Variant, data: bytes, focus_version: int = 0) -> None:
        """Write a derivative, replacing an older one; ``focus_version`` is of the focus that a crop was drawn with.

        Raises:
            ClientError: S3 refused; a retry may help.
        """
        self._put(image_id, variant, data, focus_version, {})

    def put_if_absent(self, image_id: ImageId, variant: Variant, data: bytes, focus_version: int = 0) -> bool:
        """Write a derivative unless it exists; return whether it was written.

        Raises:
            ClientError: S3 refused for another reason; a retry may help.
        """
        try:
            self._put(image_id, variant, data, focus_version, {"IfNoneMatch": "*"})
        except ClientError as error:
            if is_conflict(error):
                return False
            raise
        return True

    def remove(self, image_id: ImageId, variants: Iterable[Variant]) -> None:
        """Delete derivatives, present or not.

        Raises:
            ClientError: S3 refused; a retry may help.
        """
        for variant in variants:
            self._client.delete_object(Bucket=self._bucket, Key=self._folder + derivative_key(image_id, variant))

    def remove_all(self, image_id: ImageId) -> int:
        """Delete every derivative of an image; return how many there were.

        Raises:
            ClientError: S3 refused; a retry may help.
        """
        deleted = 0
        pages = self._client.get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=self._bucket, Prefix=f"{self._folder}{image_id}/"):
            for found in page.get("Contents", []):
                self._client.delete_object(Bucket=self._bucket, Key=found["Key"])
                deleted += 1
        return deleted

    def _put(
        self, image_id: ImageId, variant: Variant, data: bytes, focus_version: int, condition: dict[str, str]
    ) -> None:
        metadata = {_CACHE_TAG: image_id, _CALIBRATION: self._calibration}
        if variant.height and focus_version:
            metadata[FOCUS_VERSION] = str(focus_version)
        self._client.put_object(
            Bucket=self._bucket,
            Key=self._folder + derivative_key(image_id, variant),
            Body=data,
            ContentType=_content_type(variant, data),
            CacheControl=self._cache_control,
            Metadata=metadata,
            **condition,  # type: ignore[arg-type]  # one optional argument
        )


def _content_type(variant: Variant, data: bytes) -> str:
    """Return the media type of ``data``: in place of an AVIF it may be a WebP."""
    found = as_original(sniff(data[:SNIFF_BYTES]))
    return ORIGINAL_MIME_TYPES[found] if found else variant.mime_type
