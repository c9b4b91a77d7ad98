"""A large file's multipart upload in S3: every part's bytes are fixed by their SHA-256 before they are sent."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from lambdas.core.aws_errors import code_of
from lambdas.upload_api.uploads.requests import ArrivedPart, PartToSign, SignedPart

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_CHECKSUM_HEADER = "x-amz-checksum-sha256"


class UploadGoneError(Exception):
    """S3 knows no such multipart upload any more: it was completed, aborted, or has expired."""


@dataclass(frozen=True, slots=True)
class MultipartObject:
    """One multipart upload and the object that it becomes."""

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
        """Sign one part, good for ``seconds``: these bytes and no others.

        S3 refuses a presigned request with an x-amz- header that was not signed, so that the checksum
        has to be known here.
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
        """Return up to ``limit`` parts that S3 holds, past number ``after``, and where the next page begins.

        Raises:
            UploadGoneError: there is no such upload any more.
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
        """Yield every part that S3 holds.

        Raises:
            UploadGoneError: there is no such upload any more.
        """
        after: int | None = 0
        while after is not None:
            parts, after = self.arrived(after, 1000)
            yield from parts

    def complete(self, parts: Sequence[ArrivedPart], size: int) -> str:
        """Put the parts together to an object of ``size`` bytes, and return its ETag.

        Raises:
            UploadGoneError: there is no such upload any more.
        """
        try:
            answer = self.client.complete_multipart_upload(
                Bucket=self.bucket,
                Key=self.key,
                UploadId=self.multipart_id,
                MpuObjectSize=size,
                MultipartUpload={
                    "Parts": [
                        {"PartNumber": part.number, "ETag": part.etag, "ChecksumSHA256": part.sha256} for part in parts
                    ]
                },
            )
        except ClientError as error:
            raise _gone(error) from error
        return answer["ETag"].strip('"')

    def abort(self) -> None:
        """Forget the upload and its parts; one that is gone already stays so."""
        try:
            self.client.abort_multipart_upload(Bucket=self.bucket, Key=self.key, UploadId=self.multipart_id)
        except ClientError as error:
            if code_of(error) != "NoSuchUpload":
                raise


def _gone(error: ClientError) -> Exception:
    return UploadGoneError(str(error)) if code_of(error) == "NoSuchUpload" else error
