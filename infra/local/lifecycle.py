"""What AWS deletes in the course of time, deleted as if days had passed; the emulator does neither.

S3 applies the buckets' lifecycle rules daily, and DynamoDB deletes items when their time to live is over. Rules are
covered as far as the templates use them: expiration, expired delete markers, noncurrent versions, and incomplete
multipart uploads, with filters by prefix and size. Transitions between storage classes change no object here.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

from botocore.exceptions import ClientError

from infra.local.errors import LocalStackError
from infra.local.stack import LocalStack

_LOCKED = "AccessDenied"  # Object Lock also keeps a version from its rule


class LifecycleError(LocalStackError):
    """A bucket has a rule that is not covered."""


@dataclass(frozen=True, slots=True)
class Version:
    """A version of an object, or a delete marker."""

    key: str
    version_id: str
    size: int
    is_marker: bool
    created_at: datetime
    noncurrent_at: datetime | None
    """When the next version replaced it; None of the current one."""
    is_only: bool
    """Whether its key has no other version."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What one enabled rule does, in days; None is never."""

    prefix: str = ""
    larger_than: int = -1
    smaller_than: int | None = None
    expiration_days: int | None = None
    noncurrent_days: int | None = None
    abort_days: int | None = None
    removes_lone_markers: bool = False

    @classmethod
    def parse(cls, rule: dict[str, Any]) -> "Rule":
        """Read a rule of GetBucketLifecycleConfiguration.

        Raises:
            LifecycleError: it has something that is not covered.
        """
        wanted = rule.get("Filter", {})
        wanted = wanted.get("And", wanted)
        expiration, noncurrent = rule.get("Expiration", {}), rule.get("NoncurrentVersionExpiration", {})
        foreign = {"Tag", "Tags"} & wanted.keys() | {"Date"} & expiration.keys()
        foreign |= {"NewerNoncurrentVersions"} & noncurrent.keys()
        if foreign:
            raise LifecycleError(f"expected a rule without {', '.join(sorted(foreign))} but received {rule.get('ID')}")
        return cls(
            prefix=wanted.get("Prefix", rule.get("Prefix", "")),
            larger_than=wanted.get("ObjectSizeGreaterThan", -1),
            smaller_than=wanted.get("ObjectSizeLessThan"),
            expiration_days=expiration.get("Days"),
            noncurrent_days=noncurrent.get("NoncurrentDays"),
            abort_days=rule.get("AbortIncompleteMultipartUpload", {}).get("DaysAfterInitiation"),
            removes_lone_markers=expiration.get("ExpiredObjectDeleteMarker", False),
        )

    def removes(self, version: Version, now: datetime) -> bool:
        """Return whether ``version`` is deleted for good by ``now``."""
        if version.noncurrent_at is not None:
            return self._is_for(version) and is_due(version.noncurrent_at, self.noncurrent_days, now)
        lone_marker = version.is_marker and version.is_only
        return lone_marker and self.removes_lone_markers and version.key.startswith(self.prefix)

    def expires(self, version: Version, now: datetime) -> bool:
        """Return whether ``version``, the current one, is expired by ``now``."""
        is_current_object = version.noncurrent_at is None and not version.is_marker
        return is_current_object and self._is_for(version) and is_due(version.created_at, self.expiration_days, now)

    def _is_for(self, version: Version) -> bool:
        fits = version.is_marker or (
            version.size > self.larger_than and (self.smaller_than is None or version.size < self.smaller_than)
        )
        return fits and version.key.startswith(self.prefix)


def is_due(since: datetime, days: int | None, now: datetime) -> bool:
    """Return whether ``days`` after ``since`` are over; S3 rounds up to the next midnight UTC."""
    if days is None:
        return False
    due = since.astimezone(UTC) + timedelta(days=days)
    return now >= datetime.combine(due.date() + timedelta(days=1), time(), UTC)


def age(stack: LocalStack, days: int) -> Counter[str]:
    """Delete what would be gone by now if ``days`` had passed; return how much that was, by bucket and table.

    Raises:
        LifecycleError: a bucket has a rule that is not covered.
    """
    gone: Counter[str] = Counter()
    for bucket in stack.client("s3").list_buckets()["Buckets"]:
        name = bucket["Name"]
        region = stack.client("s3").get_bucket_location(Bucket=name)["LocationConstraint"] or "us-east-1"
        gone[name] = age_bucket(stack.client("s3", region), name, days)
    database = stack.client("dynamodb")
    for page in database.get_paginator("list_tables").paginate():
        for name in page["TableNames"]:
            gone[name] = age_table(database, name, days)
    return +gone


def age_bucket(client: Any, bucket: str, days: int) -> int:
    """Apply the rules of ``bucket``; return how many versions, markers and incomplete uploads went.

    Raises:
        LifecycleError: it has a rule that is not covered.
    """
    aging = _Aging(client, bucket, datetime.now(UTC) + timedelta(days=days))
    rules = aging.rules()
    return aging.abort(rules) + aging.expire(rules) if rules else 0


def age_table(client: Any, table: str, days: int) -> int:
    """Delete the items of ``table`` whose time to live is over in ``days``; return how many."""
    lives = client.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    if lives["TimeToLiveStatus"] != "ENABLED":
        return 0
    then = int((datetime.now(UTC) + timedelta(days=days)).timestamp())
    keys = [each["AttributeName"] for each in client.describe_table(TableName=table)["Table"]["KeySchema"]]
    over = {
        "FilterExpression": "#expires < :then",
        "ExpressionAttributeNames": {"#expires": lives["AttributeName"]},
        "ExpressionAttributeValues": {":then": {"N": str(then)}},
    }
    gone = 0
    for page in client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True, **over):
        for item in page["Items"]:
            client.delete_item(TableName=table, Key={name: item[name] for name in keys})
            gone += 1
    return gone


@dataclass(frozen=True, slots=True)
class _Aging:
    """One bucket at one time."""

    client: Any
    bucket: str
    now: datetime

    def rules(self) -> list[Rule]:
        try:
            found = self.client.get_bucket_lifecycle_configuration(Bucket=self.bucket)["Rules"]
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchLifecycleConfiguration":
                return []
            raise
        return [Rule.parse(rule) for rule in found if rule["Status"] == "Enabled"]

    def abort(self, rules: Sequence[Rule]) -> int:
        due = [
            upload
            for page in self.client.get_paginator("list_multipart_uploads").paginate(Bucket=self.bucket)
            for upload in page.get("Uploads", [])
            if any(
                upload["Key"].startswith(rule.prefix) and is_due(upload["Initiated"], rule.abort_days, self.now)
                for rule in rules
            )
        ]
        for upload in due:
            self.client.abort_multipart_upload(Bucket=self.bucket, Key=upload["Key"], UploadId=upload["UploadId"])
        return len(due)

    def expire(self, rules: Sequence[Rule]) -> int:
        """Delete what is due; again until nothing is, since a marker may be the last of its key by then."""
        gone = 0
        while deleted := sum(self._delete(version, rules) for version in self._versions()):
            gone += deleted
        return gone

    def _delete(self, version: Version, rules: Sequence[Rule]) -> bool:
        key = {"Bucket": self.bucket, "Key": version.key}
        if any(rule.expires(version, self.now) for rule in rules):
            self.client.delete_object(**key)  # with versions, this adds a marker
            return True
        if not any(rule.removes(version, self.now) for rule in rules):
            return False
        try:
            self.client.delete_object(**key, VersionId=version.version_id)
        except ClientError as error:
            if error.response["Error"]["Code"] != _LOCKED:
                raise
            return False
        return True

    def _versions(self) -> list[Version]:
        entries: list[dict[str, Any]] = []
        for page in self.client.get_paginator("list_object_versions").paginate(Bucket=self.bucket):
            entries += page.get("Versions", [])
            entries += page.get("DeleteMarkers", [])
        return parse_versions(entries)


def parse_versions(entries: Sequence[dict[str, Any]]) -> list[Version]:
    """Return the versions that ListObjectVersions lists as ``entries``: versions and delete markers, in any order."""
    by_key: dict[str, list[dict[str, Any]]] = {}
    for entry in entries:
        by_key.setdefault(entry["Key"], []).append(entry)
    versions = []
    for key, history in by_key.items():
        history.sort(key=lambda entry: (entry["IsLatest"], entry["LastModified"]), reverse=True)
        versions += [
            Version(
                key=key,
                version_id=entry["VersionId"],
                size=entry.get("Size", 0),
                is_marker="Size" not in entry,
                created_at=entry["LastModified"],
                noncurrent_at=newer["LastModified"] if newer else None,
                is_only=len(history) == 1,
            )
            for newer, entry in zip([None, *history], history, strict=False)
        ]
    return versions
