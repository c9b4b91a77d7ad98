"""S3 in memory, at the level of boto3's calls: versioned buckets, conditional writes, multipart, lifecycle.

A call takes microseconds, where moto takes milliseconds. ``test_simulated_s3.py`` holds it to moto by random sequences
of operations, and to S3's documentation where moto is more generous. An argument that is not simulated is a
``NotImplementedError``: nothing is ignored.
"""

import base64
import hashlib
import io
import json
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

Answer = dict[str, Any]

_UPLOADED = ("ContentType", "CacheControl", "ContentDisposition", "ContentEncoding")


class AwsError(Exception):
    """A service's refusal, which the client turns into a ``ClientError``."""

    def __init__(self, code: str, status: int, message: str = "", **rest: Any) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.status, self.message, self.rest = code, status, message or code, rest


@dataclass(frozen=True, slots=True)
class Version:
    """A version of an object; ``data`` is None for a delete marker."""

    key: str
    version_id: str
    data: bytes | None
    etag: str
    modified: datetime
    metadata: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    noncurrent_since: datetime | None = None

    @property
    def is_marker(self) -> bool:
        return self.data is None


@dataclass(frozen=True, slots=True)
class _Multipart:
    key: str
    headers: Mapping[str, str]
    metadata: Mapping[str, str]
    parts: Mapping[int, tuple[bytes, str]]  # data and ETag
    begun: datetime


Created = Callable[[str, Version], None]


class SimulatedS3:
    """Versioned buckets. ``created`` is called for each new object with its bucket and version."""

    def __init__(
        self, buckets: tuple[str, ...], now: Callable[[], datetime], created: Created = lambda *_: None
    ) -> None:
        self.buckets: dict[str, dict[str, tuple[Version, ...]]] = {name: {} for name in buckets}  # oldest first
        self.multiparts: dict[str, _Multipart] = {}
        self._now = now
        self._created = created
        self._numbers = 0

    # ---- What the model looks at

    def snapshot(self) -> tuple[Any, ...]:
        return {name: dict(keys) for name, keys in self.buckets.items()}, dict(self.multiparts), self._numbers

    def restore(self, snapshot: tuple[Any, ...]) -> None:
        buckets, multiparts, self._numbers = snapshot
        self.buckets = {name: dict(keys) for name, keys in buckets.items()}
        self.multiparts = dict(multiparts)

    def current(self, bucket: str, key: str) -> Version | None:
        """Return the current version, None if there is none or it is a delete marker."""
        versions = self.buckets[bucket].get(key)
        return versions[-1] if versions and not versions[-1].is_marker else None

    def versions(self, bucket: str, prefix: str = "") -> Iterator[Version]:
        """Yield every version and delete marker below ``prefix``: by key, newest first."""
        keys = self.buckets[bucket]
        for key in sorted(key for key in keys if key.startswith(prefix)):
            yield from reversed(keys[key])

    def expire_noncurrent(self, days: int) -> None:
        """Do what the lifecycle rule "noncurrent versions expire after ``days``" has done by now.

        Delete markers without any other version expire too (``ExpiredObjectDeleteMarker``).
        """
        limit = self._now() - timedelta(days=days)
        for keys in self.buckets.values():
            for key, versions in list(keys.items()):
                left = tuple(v for v in versions if v.noncurrent_since is None or v.noncurrent_since > limit)
                if len(left) == 1 and left[0].is_marker:
                    left = ()
                self._set(keys, key, left)

    def abort_multiparts(self, days: int) -> None:
        """Do what the lifecycle rule "abandoned uploads are deleted after ``days``" has done by now."""
        limit = self._now() - timedelta(days=days)
        self.multiparts = {number: each for number, each in self.multiparts.items() if each.begun > limit}

    def replicate(self, source: str, version: Version, target: str) -> None:
        """Write a copy of ``version``, under its own version id, unless it is there."""
        keys = self.buckets[target]
        held = keys.get(version.key, ())
        if all(each.version_id != version.version_id for each in held):
            copy = replace(version, noncurrent_since=None)
            self._set(keys, version.key, (*held, copy))

    # ---- boto3's operations

    def call(self, operation: str, arguments: Mapping[str, Any]) -> Answer:
        """Do one operation, named as the API does.

        Raises:
            AwsError: S3 refuses.
            NotImplementedError: the simulation lacks the operation or one of its arguments.
        """
        method = getattr(self, f"_{operation}", None)
        if method is None:
            raise NotImplementedError(f"S3 {operation} is not simulated")
        rest = dict(arguments)
        name = rest.pop("Bucket")
        if name not in self.buckets:
            raise AwsError("NoSuchBucket", 404)
        try:
            answer: Answer = method(name, **rest)
        except TypeError as error:
            if "unexpected keyword" in str(error):
                raise NotImplementedError(f"S3 {operation}: {error}") from error
            raise
        return answer

    def _PutObject(
        self,
        bucket: str,
        Key: str,
        Body: Any = b"",
        Metadata: Mapping[str, str] | None = None,
        IfNoneMatch: str | None = None,
        IfMatch: str | None = None,
        ChecksumSHA256: str | None = None,
        ContentLength: int | None = None,
        ChecksumAlgorithm: str | None = None,
        **headers: str,
    ) -> Answer:
        data = Body if isinstance(Body, bytes) else Body.read()
        if ChecksumSHA256 is not None and ChecksumSHA256 != _sha256(data):
            raise AwsError("BadDigest", 400, "The SHA256 you specified did not match the calculated checksum.")
        self._check_write(bucket, Key, IfMatch, IfNoneMatch)
        version = self._add(bucket, Key, data, _md5(data), Metadata or {}, _known("PutObject", headers))
        return {"ETag": f'"{version.etag}"', "VersionId": version.version_id}

    def _GetObject(
        self,
        bucket: str,
        Key: str,
        VersionId: str | None = None,
        Range: str | None = None,
        IfMatch: str | None = None,
        IfNoneMatch: str | None = None,
    ) -> Answer:
        version = self._find(bucket, Key, VersionId)
        self._check_read(version, IfMatch, IfNoneMatch)
        answer = self._head(version)
        data = version.data or b""
        if Range is not None:
            first, last = _range(Range, len(data))
            answer["ContentRange"] = f"bytes {first}-{last}/{len(data)}"
            data = data[first : last + 1]
            answer["ContentLength"] = len(data)
        answer["Body"] = io.BytesIO(data)
        return answer

    def _HeadObject(
        self,
        bucket: str,
        Key: str,
        VersionId: str | None = None,
        IfMatch: str | None = None,
        IfNoneMatch: str | None = None,
        ChecksumMode: str | None = None,
    ) -> Answer:
        try:
            version = self._find(bucket, Key, VersionId)
            self._check_read(version, IfMatch, IfNoneMatch)
        except AwsError as error:  # no body, so no code: botocore uses the status
            raise AwsError(str(error.status), error.status) from error
        return self._head(version)

    def _DeleteObject(self, bucket: str, Key: str, VersionId: str | None = None) -> Answer:
        return self._delete(bucket, Key, VersionId)

    def _DeleteObjects(
        self, bucket: str, Delete: Mapping[str, Any], BypassGovernanceRetention: bool | None = None
    ) -> Answer:
        deleted = []
        for each in Delete["Objects"]:
            done = self._delete(bucket, each["Key"], each.get("VersionId"))
            deleted.append({"Key": each["Key"], **done})
        return {} if Delete.get("Quiet") else {"Deleted": deleted}

    def _ListObjectVersions(
        self,
        bucket: str,
        Prefix: str = "",
        MaxKeys: int = 1000,
        KeyMarker: str = "",
        VersionIdMarker: str = "",
    ) -> Answer:
        found = list(self.versions(bucket, Prefix))
        if KeyMarker:
            found = _after(found, KeyMarker, VersionIdMarker)
        page, rest = found[:MaxKeys], found[MaxKeys:]
        latest = {key: versions[-1] for key, versions in self.buckets[bucket].items()}
        answer: Answer = {"IsTruncated": bool(rest), "Name": bucket, "Prefix": Prefix, "MaxKeys": MaxKeys}
        for each in page:
            entry = {
                "Key": each.key,
                "VersionId": each.version_id,
                "IsLatest": latest[each.key] is each,
                "LastModified": each.modified,
            }
            if each.is_marker:
                answer.setdefault("DeleteMarkers", []).append(entry)
            else:
                entry |= {"Size": len(each.data or b""), "ETag": f'"{each.etag}"'}
                answer.setdefault("Versions", []).append(entry)
        if rest:
            answer |= {"NextKeyMarker": page[-1].key, "NextVersionIdMarker": page[-1].version_id}
        return answer

    def _ListObjectsV2(self, bucket: str, Prefix: str = "", MaxKeys: int = 1000, StartAfter: str = "") -> Answer:
        current = [
            versions[-1]
            for key, versions in sorted(self.buckets[bucket].items())
            if key.startswith(Prefix) and key > StartAfter and not versions[-1].is_marker
        ]
        page = current[:MaxKeys]
        answer: Answer = {"IsTruncated": len(current) > MaxKeys, "KeyCount": len(page)}
        if page:
            answer["Contents"] = [
                {"Key": v.key, "Size": len(v.data or b""), "ETag": f'"{v.etag}"', "LastModified": v.modified}
                for v in page
            ]
        return answer

    def _CreateMultipartUpload(
        self,
        bucket: str,
        Key: str,
        Metadata: Mapping[str, str] | None = None,
        ChecksumAlgorithm: str | None = None,
        **headers: str,
    ) -> Answer:
        number = self._number("upload")
        known = _known("CreateMultipartUpload", headers)
        self.multiparts[number] = _Multipart(Key, known, Metadata or {}, {}, self._now())
        return {"UploadId": number, "Bucket": bucket, "Key": Key}

    def _UploadPart(
        self,
        bucket: str,
        Key: str,
        UploadId: str,
        PartNumber: int,
        Body: bytes = b"",
        ChecksumSHA256: str | None = None,
        ContentLength: int | None = None,
    ) -> Answer:
        upload = self._upload(Key, UploadId)
        if ChecksumSHA256 is not None and ChecksumSHA256 != _sha256(Body):
            raise AwsError("BadDigest", 400)
        part = (Body, _md5(Body))
        self.multiparts[UploadId] = replace(upload, parts={**upload.parts, PartNumber: part})
        return {"ETag": f'"{part[1]}"'}

    def _ListParts(
        self, bucket: str, Key: str, UploadId: str, PartNumberMarker: int = 0, MaxParts: int = 1000
    ) -> Answer:
        parts = self._upload(Key, UploadId).parts
        later = [number for number in sorted(parts) if number > PartNumberMarker]
        page = later[:MaxParts]
        answer: Answer = {"IsTruncated": len(later) > len(page)}
        if page:
            answer["Parts"] = [
                {
                    "PartNumber": number,
                    "Size": len(parts[number][0]),
                    "ETag": f'"{parts[number][1]}"',
                    "ChecksumSHA256": _sha256(parts[number][0]),
                }
                for number in page
            ]
            answer["NextPartNumberMarker"] = page[-1]
        return answer

    def _CompleteMultipartUpload(
        self,
        bucket: str,
        Key: str,
        UploadId: str,
        MultipartUpload: Mapping[str, Any],
        MpuObjectSize: int | None = None,
        IfNoneMatch: str | None = None,
        IfMatch: str | None = None,
    ) -> Answer:
        upload = self._upload(Key, UploadId)
        numbers = [part["PartNumber"] for part in MultipartUpload["Parts"]]
        if numbers != sorted(set(numbers)):
            raise AwsError("InvalidPartOrder", 400)
        for part in MultipartUpload["Parts"]:
            held = upload.parts.get(part["PartNumber"])
            if held is None or part["ETag"].strip('"') != held[1]:
                raise AwsError("InvalidPart", 400)
        data = b"".join(upload.parts[number][0] for number in numbers)
        if MpuObjectSize is not None and MpuObjectSize != len(data):
            raise AwsError("InvalidRequest", 400)
        self._check_write(bucket, Key, IfMatch, IfNoneMatch)
        digests = b"".join(bytes.fromhex(upload.parts[number][1]) for number in numbers)
        etag = f"{_md5(digests)}-{len(numbers)}"
        del self.multiparts[UploadId]
        version = self._add(bucket, Key, data, etag, upload.metadata, upload.headers)
        return {"ETag": f'"{etag}"', "VersionId": version.version_id, "Key": Key, "Bucket": bucket}

    def _AbortMultipartUpload(self, bucket: str, Key: str, UploadId: str) -> Answer:
        self._upload(Key, UploadId)
        del self.multiparts[UploadId]
        return {}

    # ---- What a client without credentials sends

    def post_form(self, bucket: str, fields: Mapping[str, str], data: bytes) -> Version:
        """Take the POST of a presigned form, and check it against the form's policy as S3 does.

        Raises:
            AwsError: the form has expired, or the post does not match its policy.
        """
        policy = json.loads(base64.b64decode(fields["policy"]))
        if self._now() >= datetime.fromisoformat(policy["expiration"]):
            raise AwsError("AccessDenied", 403, "Invalid according to Policy: Policy expired.")
        for condition in policy["conditions"]:
            match condition:
                case ["content-length-range", least, most]:
                    if not least <= len(data) <= most:
                        raise AwsError("EntityTooLarge" if len(data) > most else "EntityTooSmall", 400)
                case dict():
                    ((name, value),) = condition.items()
                    if (bucket if name == "bucket" else fields.get(name)) != value:
                        raise AwsError("AccessDenied", 403, f"Invalid according to Policy: {name}")
                case _:
                    raise NotImplementedError(f"policy condition {condition} is not simulated")
        checksum = fields.get("x-amz-checksum-sha256")
        if checksum is not None and checksum != _sha256(data):
            raise AwsError("BadDigest", 400)
        return self._add(bucket, fields["key"], data, _md5(data), {}, {"ContentType": fields["Content-Type"]})

    # ---- Parts of the above

    def _find(self, bucket: str, key: str, version_id: str | None) -> Version:
        versions = self.buckets[bucket].get(key, ())
        if version_id is not None:
            found = next((each for each in versions if each.version_id == version_id), None)
            if found is None:
                raise AwsError("NoSuchVersion", 404)
            if found.is_marker:
                raise AwsError("MethodNotAllowed", 405)
            return found
        if not versions or versions[-1].is_marker:
            raise AwsError("NoSuchKey", 404)
        return versions[-1]

    def _check_read(self, version: Version, if_match: str | None, if_none_match: str | None) -> None:
        if if_match is not None and if_match.strip('"') not in ("*", version.etag):
            raise AwsError("PreconditionFailed", 412)
        if if_none_match is not None and if_none_match.strip('"') in ("*", version.etag):
            raise AwsError("304", 304)

    def _check_write(self, bucket: str, key: str, if_match: str | None, if_none_match: str | None) -> None:
        held = self.current(bucket, key)
        if if_none_match is not None:
            if if_none_match != "*":
                raise AwsError("NotImplemented", 501)
            if held is not None:
                raise AwsError("PreconditionFailed", 412)
        if if_match is not None:
            if held is None:
                raise AwsError("NoSuchKey", 404)
            if if_match.strip('"') != held.etag:
                raise AwsError("PreconditionFailed", 412)

    def _head(self, version: Version) -> Answer:
        return {
            "ContentLength": len(version.data or b""),
            "ETag": f'"{version.etag}"',
            "LastModified": version.modified,
            "VersionId": version.version_id,
            "Metadata": dict(version.metadata),
            "ContentType": "binary/octet-stream",
            **version.headers,
        }

    def _add(
        self,
        bucket: str,
        key: str,
        data: bytes | None,
        etag: str,
        metadata: Mapping[str, str],
        headers: Mapping[str, str],
    ) -> Version:
        version = Version(key, self._number("v"), data, etag, self._now(), metadata, headers)
        keys = self.buckets[bucket]
        self._set(keys, key, (*keys.get(key, ()), version))
        self._created(bucket, version)
        return version

    def _delete(self, bucket: str, key: str, version_id: str | None) -> Answer:
        if version_id is None:
            marker = self._add(bucket, key, None, "", {}, {})
            return {"DeleteMarker": True, "VersionId": marker.version_id}
        keys = self.buckets[bucket]
        versions = keys.get(key, ())
        gone = next((each for each in versions if each.version_id == version_id), None)
        self._set(keys, key, tuple(each for each in versions if each is not gone))
        return {"VersionId": version_id, **({"DeleteMarker": True} if gone and gone.is_marker else {})}

    def _set(self, keys: dict[str, tuple[Version, ...]], key: str, versions: tuple[Version, ...]) -> None:
        """Store ``versions``: the last is current, and those before it are noncurrent from now on."""
        if not versions:
            keys.pop(key, None)
            return
        *older, last = versions
        keys[key] = (
            *(v if v.noncurrent_since else replace(v, noncurrent_since=self._now()) for v in older),
            last if last.noncurrent_since is None else replace(last, noncurrent_since=None),
        )

    def _upload(self, key: str, upload_id: str) -> _Multipart:
        upload = self.multiparts.get(upload_id)
        if upload is None or upload.key != key:
            raise AwsError("NoSuchUpload", 404)
        return upload

    def _number(self, kind: str) -> str:
        self._numbers += 1
        return f"{kind}{self._numbers}"


def _known(operation: str, headers: Mapping[str, str]) -> dict[str, str]:
    if unknown := set(headers) - set(_UPLOADED):
        raise NotImplementedError(f"S3 {operation} with {sorted(unknown)} is not simulated")
    return dict(headers)


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _sha256(data: bytes) -> str:
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def _range(text: str, size: int) -> tuple[int, int]:
    first, _, last = text.removeprefix("bytes=").partition("-")
    if not first:
        raise NotImplementedError(f"the range {text} is not simulated")
    if int(first) >= size:
        raise AwsError("InvalidRange", 416)
    return int(first), min(int(last or size - 1), size - 1)


def _after(versions: list[Version], key: str, version_id: str) -> list[Version]:
    if version_id:
        place = next((i for i, v in enumerate(versions) if (v.key, v.version_id) == (key, version_id)), None)
        if place is not None:
            return versions[place + 1 :]
    keys = [each.key for each in versions]
    start = bisect_left(keys, key)
    return [each for each in versions[start:] if each.key > key]
