"""An upload's requests to S3: one PUT for a small file, multipart for a large one, or a form; and what has arrived.

S3 itself refuses a second write: a PUT and the completion of a multipart upload carry ``If-None-Match: *``. A form
cannot carry it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict

from botocore.exceptions import ClientError

from lambdas.core.aws_errors import code_of
from lambdas.core.keys import OriginalKey
from lambdas.upload_api.upload_models import ArrivedPart, PartToSign, SignedPart, UploadRequest

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_CHECKSUM_HEADER = "x-amz-checksum-sha256"
_ABSENT = "*"  # If-None-Match: there is no object under the key
# Answers to a completion that no repetition changes: the upload has ended, an object is there, or a deletion came
# between. After a conflict, S3 wants a new upload ("CompleteMultipartUpload", If-None-Match).
_ENDED = frozenset({"NoSuchUpload", "PreconditionFailed", "ConditionalRequestConflict"})


class SignedRequest(TypedDict):
    """The URL to put to, and the headers to send."""

    url: str
    headers: dict[str, str]


def sign_put(client: "S3Client", bucket: str, key: OriginalKey, request: UploadRequest, seconds: int) -> SignedRequest:
    """Sign a PUT, valid for ``seconds`` and once: one key, size and content type and, if given, one SHA-256.

    Every header of the operation is signed, ``Content-Length`` too: without one of them, or with another value, S3
    answers 403. Clients derive ``Content-Length`` from the body, so it is not among the headers returned.
    """
    headers = {"Content-Type": request.content_type, "If-None-Match": _ABSENT}
    checksum = {}
    if request.sha256 is not None:
        headers[_CHECKSUM_HEADER] = checksum["ChecksumSHA256"] = request.sha256
    url = client.generate_presigned_url(
        "put_object",
        Params={
            "Bucket": bucket,
            "Key": str(key),
            "ContentLength": request.bytes,
            "ContentType": request.content_type,
            "IfNoneMatch": _ABSENT,
            **checksum,
        },
        ExpiresIn=seconds,
    )
    return {"url": url, "headers": headers}


class UploadForm(TypedDict):
    """The URL to post to, and the fields that precede the file."""

    url: str
    fields: dict[str, str]


def sign_form(client: "S3Client", bucket: str, key: OriginalKey, request: UploadRequest, seconds: int) -> UploadForm:
    """Sign a form, valid for ``seconds``: one key, one size, one content type and, if given, one SHA-256.

    Until it expires it may be posted again.
    """
    fields = {"Content-Type": request.content_type}
    if request.sha256 is not None:
        fields |= {"x-amz-checksum-algorithm": "SHA256", _CHECKSUM_HEADER: request.sha256}
    conditions: list[Any] = [{name: value} for name, value in fields.items()]
    signed = client.generate_presigned_post(
        Bucket=bucket,
        Key=str(key),
        Fields=fields,
        Conditions=[*conditions, ["content-length-range", request.bytes, request.bytes]],
        ExpiresIn=seconds,
    )
    return {"url": signed["url"], "fields": signed["fields"]}


class UploadGoneError(Exception):
    """The multipart upload has ended: it was completed, aborted, or has expired, or its key has an object."""


@dataclass(frozen=True, slots=True)
class MultipartObject:
    """A multipart upload. The bytes of every part are fixed by their SHA-256 before they are sent."""

    client: "S3Client"
    bucket: str
    key: str
    multipart_id: str

    @classmethod
    def begin(cls, client: "S3Client", bucket: str, key: str, content_type: str) -> "MultipartObject":
        """Begin an upload."""
        answer = client.create_multipart_upload(
            Bucket=bucket, Key=key, ContentType=content_type, ChecksumAlgorithm="SHA256"
        )
        return cls(client, bucket, key, answer["UploadId"])

    def sign(self, part: PartToSign, size: int, seconds: int) -> SignedPart:
        """Sign one part of ``size`` bytes, valid for ``seconds``, for exactly the bytes of its SHA-256.

        S3 refuses a presigned request with an x-amz- header that was not signed, so the checksum has to be known
        here.
        """
        url = self.client.generate_presigned_url(
            "upload_part",
            Params={
                "Bucket": self.bucket,
                "Key": self.key,
                "UploadId": self.multipart_id,
                "PartNumber": part.number,
                "ChecksumSHA256": part.sha256,
                "ContentLength": size,
            },
            ExpiresIn=seconds,
        )
        return SignedPart(number=part.number, url=url, headers={_CHECKSUM_HEADER: part.sha256}, bytes=size)

    def arrived(self, after: int, limit: int) -> tuple[list[ArrivedPart], int | None]:
        """Return up to ``limit`` parts in S3 past number ``after``, and where the next page begins.

        Raises:
            UploadGoneError: the upload no longer exists.
        """
        try:
            answer = self.client.list_parts(
                Bucket=self.bucket,
                Key=self.key,
                UploadId=self.multipart_id,
                PartNumberMarker=after,
                MaxParts=limit,
            )
        except ClientError as error:
            raise _gone(error) from error
        parts = [
            ArrivedPart(
                number=part["PartNumber"],
                bytes=part["Size"],
                etag=part["ETag"].strip('"'),
                sha256=part.get("ChecksumSHA256", ""),
            )
            for part in answer.get("Parts", [])
        ]
        return parts, answer["NextPartNumberMarker"] if answer["IsTruncated"] else None

    def all_arrived(self) -> Iterator[ArrivedPart]:
        """Yield every part in S3.

        Raises:
            UploadGoneError: the upload no longer exists.
        """
        after: int | None = 0
        while after is not None:
            parts, after = self.arrived(after, 1000)
            yield from parts

    def complete(self, parts: Sequence[ArrivedPart], size: int) -> str:
        """Combine the parts into an object of ``size`` bytes, unless the key has one, and return its ETag.

        Raises:
            UploadGoneError: the upload no longer exists, or an object does.
        """
        try:
            answer = self.client.complete_multipart_upload(
                Bucket=self.bucket,
                Key=self.key,
                UploadId=self.multipart_id,
                MpuObjectSize=size,
                IfNoneMatch=_ABSENT,
                MultipartUpload={
                    "Parts": [
                        {"PartNumber": part.number, "ETag": part.etag, "ChecksumSHA256": part.sha256} for part in parts
                    ]
                },
            )
        except ClientError as error:
            raise _gone(error) from error
        return answer["ETag"].strip('"')


def _gone(error: ClientError) -> Exception:
    return UploadGoneError(str(error)) if code_of(error) in _ENDED else error
