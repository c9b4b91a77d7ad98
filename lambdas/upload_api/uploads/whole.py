"""The original that an upload became."""

from dataclasses import dataclass

from botocore.exceptions import ClientError

from lambdas.core.aws_errors import is_missing
from lambdas.core.clients import s3
from lambdas.core.stores.uploads import UploadRecord
from lambdas.upload_api import resources as stores


@dataclass(frozen=True, slots=True)
class Whole:
    """An original that S3 holds."""

    bytes: int
    etag: str


def find_whole(record: UploadRecord) -> Whole | None:
    """Return the upload's original, or None while it has not arrived.

    Raises:
        ClientError: S3 did not answer; a retry may help.
    """
    try:
        head = s3().head_object(Bucket=stores.variables().originals_bucket, Key=record.key)
    except ClientError as error:
        if is_missing(error):
            return None
        raise
    return Whole(head["ContentLength"], head["ETag"].strip('"'))
