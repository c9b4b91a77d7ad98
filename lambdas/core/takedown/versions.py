"""Deleting objects for good: every version of them, and every mark of an earlier deletion."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef

_AT_ONCE = 1000  # S3's limit for one request


class NotErasedError(Exception):
    """Versions are left: the message says how many, and S3's reason for the first."""


@dataclass(frozen=True, slots=True)
class VersionedObjects:
    """A bucket whose objects can be deleted for good."""

    client: "S3Client"
    bucket: str
    past_lock: bool = False
    """Whether Object Lock in governance mode is to be passed by, as a takedown may."""

    def erase_object(self, key: str) -> int:
        """Delete every version of ``key``; return how many there were.

        Raises:
            NotErasedError: S3 kept some.
            ClientError: S3 did not answer; a retry may help.
        """
        return self._erase(version for version in self._versions(key) if version["Key"] == key)

    def erase_folder(self, prefix: str) -> int:
        """Delete every version of everything below ``prefix``, which ends in a slash; return how many there were.

        Raises:
            ValueError: the prefix could reach beyond one folder.
            NotErasedError: S3 kept some.
            ClientError: S3 did not answer; a retry may help.
        """
        if not prefix.endswith("/") or prefix == "/":
            raise ValueError(f"expected a prefix that ends in a slash but received {prefix!r}")
        return self._erase(self._versions(prefix))

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield every key below ``prefix`` that has a version or a mark of a deletion, each once.

        Raises:
            ClientError: S3 did not answer; a retry may help.
        """
        seen: set[str] = set()
        for version in self._versions(prefix):
            if version["Key"] not in seen:
                seen.add(version["Key"])
                yield version["Key"]

    def _versions(self, prefix: str) -> Iterator["ObjectIdentifierTypeDef"]:
        pages = self.client.get_paginator("list_object_versions")
        for page in pages.paginate(Bucket=self.bucket, Prefix=prefix):
            for version in page.get("Versions", []):
                yield {"Key": version["Key"], "VersionId": version["VersionId"]}
            for marker in page.get("DeleteMarkers", []):
                yield {"Key": marker["Key"], "VersionId": marker["VersionId"]}

    def _erase(self, versions: Iterator["ObjectIdentifierTypeDef"]) -> int:
        erased = 0
        while batch := list(islice(versions, _AT_ONCE)):
            bypass = {"BypassGovernanceRetention": True} if self.past_lock else {}
            answer = self.client.delete_objects(
                Bucket=self.bucket,
                Delete={"Objects": batch, "Quiet": True},
                **bypass,  # type: ignore[arg-type]  # one optional argument
            )
            kept = answer.get("Errors", [])
            if kept:
                raise NotErasedError(
                    f"expected {len(batch)} versions in {self.bucket} to go but {len(kept)} are left:"
                    f" {kept[0].get('Code')} {kept[0].get('Message')}"
                )
            erased += len(batch)
        return erased
