"""The originals bucket: the bytes of one upload, never those of a later one under the same key.

To a function that may not list the bucket, S3 answers for a missing original as for a forbidden one (403). That stays
the ``ClientError`` that it is: only the image's row can tell which of the two it was.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from botocore.exceptions import ClientError

from lambdas.core.aws_errors import OriginalGoneError, code_of, is_conflict, is_forbidden, is_missing

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectRequestTypeDef, HeadObjectRequestTypeDef


class OriginalRef(Protocol):
    """Identifies the bytes of one upload."""

    @property
    def bucket(self) -> str:
        """The originals bucket."""

    @property
    def key(self) -> str:
        """The original's key."""

    @property
    def version_id(self) -> str | None:
        """S3's version; None in a bucket without versioning."""

    @property
    def etag(self) -> str:
        """S3's ETag without quotes; ensures the same bytes in a bucket without versioning."""


@dataclass(frozen=True, slots=True)
class OriginalHead:
    """The first bytes of an original, and what S3 knows about all of it."""

    head: bytes
    bytes: int
    uploaded_at: datetime
    declared_type: str | None


def read_head(client: "S3Client", original: OriginalRef, size: int, head_bytes: int) -> OriginalHead:
    """Read the first ``head_bytes`` of an original of ``size`` bytes, in one request.

    Raises:
        OriginalGoneError: it was deleted or replaced.
        ClientError: anything else; a retry may help.
    """
    request = _identify(original)
    if size:  # an empty object has no range
        request["Range"] = f"bytes=0-{head_bytes - 1}"
    try:
        answer = client.get_object(**request)
    except ClientError as error:
        raise _gone(original, error) from error
    total = int(answer["ContentRange"].rpartition("/")[2]) if "ContentRange" in answer else answer["ContentLength"]
    head = answer["Body"].read(head_bytes)
    return OriginalHead(head, total, answer["LastModified"], answer.get("ContentType"))


def read_original(client: "S3Client", original: OriginalRef) -> bytes:
    """Read the whole of an original: its version, or the same bytes as the current one if that version has gone.

    Raises:
        OriginalGoneError: it was deleted or replaced.
        ClientError: anything else; a retry may help.
    """
    try:
        return client.get_object(**_identify(original))["Body"].read()
    except ClientError as error:
        if not (original.version_id and (is_missing(error) or is_forbidden(error))):
            raise _gone(original, error) from error
    try:
        return client.get_object(**_by_etag(original))["Body"].read()
    except ClientError as error:
        raise _gone(original, error) from error


@dataclass(frozen=True, slots=True)
class ArrivedOriginal:
    """The current version of an original, as S3 describes it; see ``OriginalRef``."""

    bucket: str
    key: str
    version_id: str | None
    etag: str
    bytes: int


def find_original(
    client: "S3Client", bucket: str, key: str, version_id: str | None = None, *, was_read: bool = False
) -> ArrivedOriginal | None:
    """Return the current version of an original, or the one named; None if there is none.

    ``was_read`` is for a caller that has just read this key: to it, a 403 can only mean that there is none.

    Raises:
        ClientError: S3 did not answer; a retry may help.
    """
    request: HeadObjectRequestTypeDef = {"Bucket": bucket, "Key": key}
    if version_id:
        request["VersionId"] = version_id
    try:
        head = client.head_object(**request)
    except ClientError as error:
        if is_missing(error) or (was_read and is_forbidden(error)):
            return None
        raise
    return ArrivedOriginal(bucket, key, _version(head.get("VersionId")), head["ETag"].strip('"'), head["ContentLength"])


def delete_version(client: "S3Client", original: OriginalRef, *, bypass_lock: bool) -> None:
    """Delete one version of an original for good; the version before it is then the current one.

    ``bypass_lock`` passes Object Lock in governance mode.

    Raises:
        ClientError: S3 refused; a retry may help.
    """
    if original.version_id is None:
        raise ValueError(f"expected a version of {original.key} to delete but received none")
    bypass = {"BypassGovernanceRetention": True} if bypass_lock else {}
    client.delete_object(
        Bucket=original.bucket,
        Key=original.key,
        VersionId=original.version_id,
        **bypass,  # type: ignore[arg-type]  # one optional argument
    )


def _version(text: str | None) -> str | None:
    # In a bucket without versioning, S3 calls the version "null".
    return None if text == "null" else text


def _identify(original: OriginalRef) -> "GetObjectRequestTypeDef":
    if original.version_id:
        return {"Bucket": original.bucket, "Key": original.key, "VersionId": original.version_id}
    return _by_etag(original)


def _by_etag(original: OriginalRef) -> "GetObjectRequestTypeDef":
    return {"Bucket": original.bucket, "Key": original.key, "IfMatch": f'"{original.etag}"'}


def _gone(original: OriginalRef, error: ClientError) -> Exception:
    if is_missing(error) or is_conflict(error):
        return OriginalGoneError(f"Original {original.key} was deleted or replaced: S3 answered {code_of(error)}")
    return error
