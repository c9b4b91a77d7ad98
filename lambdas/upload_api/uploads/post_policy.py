"""The presigned POST policy of a small file: one key, one size, one content type, and its hash if it is known."""

from typing import TYPE_CHECKING, Any, TypedDict

from lambdas.core.keys import OriginalKey
from lambdas.upload_api.uploads.requests import UploadRequest

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class UploadForm(TypedDict):
    """Where to post, and the fields that go before the file."""

    url: str
    fields: dict[str, str]


def sign_form(client: "S3Client", bucket: str, key: OriginalKey, request: UploadRequest, seconds: int) -> UploadForm:
    """Sign a form, good for ``seconds``, that S3 takes for exactly what ``request`` announces."""
    fields = {"Content-Type": request.content_type}
    if request.sha256 is not None:
        fields |= {"x-amz-checksum-algorithm": "SHA256", "x-amz-checksum-sha256": request.sha256}
    conditions: list[Any] = [{name: value} for name, value in fields.items()]
    signed = client.generate_presigned_post(
        Bucket=bucket,
        Key=str(key),
        Fields=fields,
        Conditions=[*conditions, ["content-length-range", request.bytes, request.bytes]],
        ExpiresIn=seconds,
    )
    return {"url": signed["url"], "fields": signed["fields"]}
