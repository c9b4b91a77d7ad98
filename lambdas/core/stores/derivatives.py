"""Writing derivatives: the same key, headers and bytes, whoever draws them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from lambdas.core.aws_errors import is_conflict, is_missing
from lambdas.core.keys import ImageId, Variant, derivative_key

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


CACHE_TAG_HEADER = "x-amz-meta-cache-tag"
"""The header in which S3 gives a derivative's cache tag, its image id: CloudFront forgets by it."""
_CACHE_TAG = CACHE_TAG_HEADER.removeprefix("x-amz-meta-")
_CALIBRATION = "calibration"


@dataclass(frozen=True, slots=True)
class HeldDerivative:
    """What S3 says of a derivative that stands there: its size, its encoder settings, and since when."""

    bytes: int
    calibration: str | None  # None: drawn before derivatives said so
    stored_at: datetime


class DerivativeStore:
    """The derivatives bucket.

    ``calibration`` names the encoder settings that whatever is put there was drawn with.
    """

    def __init__(self, client: "S3Client", bucket: str, cache_control: str, calibration: str) -> None:
        self._client = client
        self._bucket = bucket
        self._cache_control = cache_control
        self._calibration = calibration

    def find(self, image_id: ImageId, variant: Variant) -> HeldDerivative | None:
        """Return what stands under a derivative's key, or None.

        Raises:
            ClientError: S3 refused; a retry may help.
        """
        try:
            answer = self._client.head_object(Bucket=self._bucket, Key=derivative_key(image_id, variant))
        except ClientError as error:
            if is_missing(error):
                return None
            raise
        return HeldDerivative(answer["ContentLength"], answer["Metadata"].get(_CALIBRATION), answer["LastModified"])

    def put(self, image_id: ImageId, variant: Variant, data: bytes) -> None:
        """Write a derivative, over an older one if there is one.

        Raises:
            ClientError: S3 refused; a retry may help.
        """
        self._client.put_object(
            Bucket=self._bucket,
            Key=derivative_key(image_id, variant),
            Body=data,
            ContentType=variant.mime_type,
            CacheControl=self._cache_control,
            Metadata={_CACHE_TAG: image_id, _CALIBRATION: self._calibration},
        )

    def put_if_absent(self, image_id: ImageId, variant: Variant, data: bytes) -> bool:
        """Write a derivative unless one is there; return whether it was written.

        Raises:
            ClientError: S3 refused for another reason; a retry may help.
        """
        try:
            self._client.put_object(
                Bucket=self._bucket,
                Key=derivative_key(image_id, variant),
                Body=data,
                ContentType=variant.mime_type,
                CacheControl=self._cache_control,
                Metadata={_CACHE_TAG: image_id, _CALIBRATION: self._calibration},
                IfNoneMatch="*",
            )
        except ClientError as error:
            if is_conflict(error):
                return False
            raise
        return True


def remove_derivatives(client: "S3Client", bucket: str, image_id: ImageId, variants: Iterable[Variant]) -> None:
    """Delete derivatives, present or not.

    Raises:
        ClientError: S3 refused; a retry may help.
    """
    for variant in variants:
        client.delete_object(Bucket=bucket, Key=derivative_key(image_id, variant))
