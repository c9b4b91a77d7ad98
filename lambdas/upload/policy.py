"""The presigned POST policy: one key, one size, one content type."""

from typing import TYPE_CHECKING, TypedDict

from lambdas.keys import OriginalKey
from lambdas.upload.request import UploadRequest

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class UploadForm(TypedDict):
    """Where to post, and the fields that go before the file."""

    url: str
    fields: dict[str, str]


def presign(client: "S3Client", bucket: str, key: OriginalKey, request: UploadRequest, seconds: int) -> UploadForm:
    """Sign a form, good for ``seconds``, that S3 takes for exactly what ``request`` announces."""
    signed = client.generate_presigned_post(
        Bucket=bucket,
        Key=str(key),
        Fields={"Content-Type": request.content_type},
        Conditions=[
            {"Content-Type": request.content_type},
            ["content-length-range", request.bytes, request.bytes],
        ],
        ExpiresIn=seconds,
    )
    return {"url": signed["url"], "fields": signed["fields"]}
