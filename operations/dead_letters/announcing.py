"""Originals told to their lane again, as S3's event told of them first: for those that no lane knows of."""

import json
from typing import TYPE_CHECKING

from lambdas.core.keys import OriginalKey
from lambdas.core.settings import Settings
from lambdas.core.settings.lanes import SHARED_LANE

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def lane_of(settings: Settings, tenant: str) -> str:
    """Return the lane that draws the pictures of ``tenant``."""
    return tenant if tenant in settings.dedicated_tenants else SHARED_LANE


def announcement(s3: "S3Client", bucket: str, key: OriginalKey) -> str:
    """Return the message that tells a lane of an original, with what S3 says of it now.

    Raises:
        ClientError: the original is not there, or S3 did not answer.
    """
    head = s3.head_object(Bucket=bucket, Key=str(key))
    described = {"key": str(key), "size": head["ContentLength"], "etag": head["ETag"].strip('"')}
    if "VersionId" in head:
        described["version-id"] = head["VersionId"]
    return json.dumps({"detail-type": "Object Created", "detail": {"bucket": {"name": bucket}, "object": described}})
