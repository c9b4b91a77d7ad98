"""Writing derivatives: the same key, headers and bytes, whoever draws them."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from lambdas.aws.errors import is_conflict
from lambdas.keys import ImageId, Variant, derivative_key

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


CACHE_TAG_HEADER = "x-amz-meta-cache-tag"
"""The header in which S3 gives a derivative's cache tag, its image id: CloudFront forgets by it."""
_CACHE_TAG = CACHE_TAG_HEADER.removeprefix("x-amz-meta-")


class DerivativeStore:
    """The derivatives bucket."""

    def __init__(self, client: "S3Client", bucket: str, cache_control: str) -> None:
        self._client = client
        self._bucket = bucket
        self._cache_control = cache_control

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
            Metadata={_CACHE_TAG: image_id},
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
                Metadata={_CACHE_TAG: image_id},
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
