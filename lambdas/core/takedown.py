"""Takedown: erase images from every place that holds them: originals, derivatives in both regions, caches, table."""

import math
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol, Self

from botocore.exceptions import ClientError
from pydantic import model_validator

from lambdas.core import life
from lambdas.core.aws_errors import code_of, is_missing
from lambdas.core.keys import ImageId, MalformedKeyError, OriginalKey, Variant
from lambdas.core.messages import CheckedImageId, Message
from lambdas.core.records import CropFocus
from lambdas.core.stores.derivatives import FOCUS_VERSION, INSPECTED_FOLDER
from lambdas.core.stores.images import ImagesTable

if TYPE_CHECKING:
    from mypy_boto3_cloudfront import CloudFrontClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef
    from mypy_boto3_sqs import SQSClient

_BATCH = 1000  # S3's limit for one DeleteObjects request
MAX_DELAY_SECONDS = 900  # of an SQS message
_BUSY = ("TooManyInvalidationsInProgress", "Throttling", "ThrottlingException", "TooManyRequestsException")
# Until the first sweep: for longer, nobody sees what a function that was killed has left of a removed image.
FIRST_SWEEP_SECONDS = 60
_INVALIDATION_SECONDS = 60  # until those in progress have made room; CloudFront names no time


class NotErasedError(Exception):
    """S3 kept some versions: the message says how many, and S3's reason for the first."""


@dataclass(frozen=True, slots=True)
class VersionedObjects:
    """A bucket, and how to delete its objects permanently: every version and every delete marker."""

    client: "S3Client"
    bucket: str
    bypass_lock: bool = False
    """Whether to bypass Object Lock in governance mode, as a takedown may."""

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

    def abort(self, key: str, upload_id: str) -> None:
        """Abort a multipart upload and delete its parts; it is no error if it no longer exists.

        Raises:
            ClientError: S3 did not answer; a retry may help.
        """
        try:
            self.client.abort_multipart_upload(Bucket=self.bucket, Key=key, UploadId=upload_id)
        except ClientError as error:
            if code_of(error) != "NoSuchUpload":
                raise

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield every key below ``prefix`` that has a version or a delete marker, each once.

        Raises:
            ClientError: S3 did not answer; a retry may help.
        """
        seen: set[str] = set()
        for version in self._versions(prefix):
            if version["Key"] not in seen:
                seen.add(version["Key"])
                yield version["Key"]

    def erase_crops_before(self, image_id: ImageId, focus_version: int) -> int:
        """Delete every version of an image's crops that was drawn with an older focus; return how many there were.

        By version, so that a crop that is drawn meanwhile is left alone.

        Raises:
            NotErasedError: S3 kept some.
            ClientError: S3 did not answer; a retry may help.
        """
        return self._erase(
            version
            for version in self._versions(f"{image_id}/", markers=False)
            if _is_crop(version["Key"]) and self._focus_version(version) < focus_version
        )

    def _focus_version(self, version: "ObjectIdentifierTypeDef") -> float:
        try:
            held = self.client.head_object(Bucket=self.bucket, Key=version["Key"], VersionId=version["VersionId"])
        except ClientError as error:
            if is_missing(error):
                return math.inf
            raise
        return int(held["Metadata"].get(FOCUS_VERSION, 0))

    def _versions(self, prefix: str, *, markers: bool = True) -> Iterator["ObjectIdentifierTypeDef"]:
        pages = self.client.get_paginator("list_object_versions")
        for page in pages.paginate(Bucket=self.bucket, Prefix=prefix):
            for version in page.get("Versions", []):
                yield {"Key": version["Key"], "VersionId": version["VersionId"]}
            for marker in page.get("DeleteMarkers", []) if markers else ():
                yield {"Key": marker["Key"], "VersionId": marker["VersionId"]}

    def _erase(self, versions: Iterator["ObjectIdentifierTypeDef"]) -> int:
        erased = 0
        while batch := list(islice(versions, _BATCH)):
            bypass = {"BypassGovernanceRetention": True} if self.bypass_lock else {}
            answer = self.client.delete_objects(
                Bucket=self.bucket,
                Delete={"Objects": batch, "Quiet": True},
                **bypass,  # type: ignore[arg-type]  # one optional argument
            )
            kept = answer.get("Errors", [])
            if kept:
                raise NotErasedError(
                    f"expected S3 to delete {len(batch)} versions in {self.bucket} but it kept {len(kept)}:"
                    f" {kept[0].get('Code')} {kept[0].get('Message')}"
                )
            erased += len(batch)
        return erased


def _is_crop(key: str) -> bool:
    try:
        return Variant.parse(key.rpartition("/")[2]).height != 0
    except MalformedKeyError:
        return False


class BusyEdgeError(Exception):
    """CloudFront has as many invalidations in progress as it takes; nothing was invalidated."""


class EdgeCache(Protocol):
    """The edge's caches."""

    def invalidate(self, image_ids: Sequence[ImageId]) -> str | None:
        """Drop every variant of images; return the invalidation's id, None if there is no cache.

        Raises:
            BusyEdgeError: too many are in progress; to be tried again later.
            ClientError: a retry may help.
        """


class CloudFrontCache:
    """The caches of a CloudFront distribution."""

    def __init__(self, client: "CloudFrontClient", distribution_id: str) -> None:
        self._client = client
        self._distribution_id = distribution_id

    def invalidate(self, image_ids: Sequence[ImageId]) -> str | None:
        """Drop every variant of images from the caches; return the invalidation's id.

        By cache tag. A single image also by its paths, for responses without a tag: a cached 404, or a derivative
        from before there were tags. Where a function rewrites the URI, both the viewer's and the rewritten path have
        to be named (CloudFront Developer Guide, "What you need to know when invalidating paths"). Only 15 wildcard
        paths may be in progress at once but 3,000 tags: several images go by tag alone, as does one for which no
        wildcards are left; all go by path alone if CloudFront rejects tags.

        Raises:
            BusyEdgeError: too many are in progress; to be tried again later.
            ClientError: CloudFront did not accept it; a retry may help.
        """
        tags = [f"#{image_id}" for image_id in image_ids]
        paths = [path for image_id in image_ids for path in (f"/{image_id}/*", f"/img/{image_id}*")]
        try:
            if len(image_ids) == 1:
                with suppress(BusyEdgeError):
                    return self._create([*tags, *paths], image_ids[0])
            return self._create(tags, image_ids[0])
        except ClientError as error:
            if code_of(error) != "InvalidArgument":
                raise
            return self._create(paths, image_ids[0])

    def _create(self, items: Sequence[str], first: ImageId) -> str:
        try:
            answer = self._client.create_invalidation(
                DistributionId=self._distribution_id,
                InvalidationBatch={
                    "Paths": {"Quantity": len(items), "Items": list(items)},
                    "CallerReference": f"takedown-{first}-{uuid.uuid4().hex[:8]}",
                },
            )
        except ClientError as error:
            if code_of(error) in _BUSY:
                raise BusyEdgeError(f"CloudFront takes no more invalidations at the moment: {error}") from error
            raise
        return answer["Invalidation"]["Id"]


class NoCache:
    """No distribution is deployed: nothing is cached."""

    def invalidate(self, _image_ids: Sequence[ImageId]) -> str | None:
        """Do nothing."""
        return None


@dataclass(frozen=True, slots=True)
class Target:
    """An image to take down, of ``tenant`` if that is given. ``original_key`` is for an image without a row."""

    image_id: ImageId
    tenant: str | None = None
    original_key: str | None = None


class Sweep(Message):
    """What the sweep function is asked to erase: a removed image, or crops of an older focus, as its row says.

    As a message, after a delay: soon, and once nothing can be writing the image any more. As a request of the upload
    API's, at once: :meth:`ImageResources.erase_unwanted`.
    """

    image_id: CheckedImageId
    original_key: str | None

    @model_validator(mode="after")
    def _is_of_the_image(self) -> Self:
        if self.original_key is not None and OriginalKey.parse(self.original_key).image_id != self.image_id:
            raise ValueError(f"expected the key of {self.image_id}'s original but received {self.original_key[:200]!r}")
        return self


class Erased(Message):
    """What was erased of an image: versions of its original, and of its derivatives by bucket.

    ``invalidation`` is CloudFront's id, None without a distribution.
    """

    originals: int
    by_bucket: tuple[int, ...]
    invalidation: str | None


class SweepQueue:
    """The queue whose messages the sweep function receives after a delay."""

    def __init__(self, client: "SQSClient", url: str) -> None:
        self._client = client
        self._url = url

    def send(self, sweep: Sweep, seconds: float = FIRST_SWEEP_SECONDS) -> None:
        """Send a message to be received after ``seconds``, at most ``MAX_DELAY_SECONDS``.

        Raises:
            ClientError: SQS did not accept it; a retry may help.
        """
        delay = min(MAX_DELAY_SECONDS, math.ceil(seconds))
        self._client.send_message(QueueUrl=self._url, MessageBody=sweep.model_dump_json(), DelaySeconds=delay)


@dataclass(frozen=True, slots=True)
class Removed:
    """What was removed of an image.

    ``by_bucket`` counts the derivatives in each bucket that holds them, versions and delete markers included;
    ``invalidation`` is CloudFront's id; None without a distribution, or where CloudFront took no more, which leaves it
    to the sweep. ``final_at`` is None until the takedown is final.
    """

    image_id: ImageId
    originals: int
    by_bucket: tuple[int, ...]
    invalidation: str | None
    removed_at: str
    final_at: str | None

    @property
    def derivatives(self) -> int:
        """The derivatives of all buckets together."""
        return sum(self.by_bucket)


class ForeignImageError(ValueError):
    """An image belongs to another tenant than the one named."""


class UnknownImageError(ValueError):
    """An image has no row: nothing of it may be erased."""


@dataclass(frozen=True, slots=True)
class Tombstone:
    """The beginning of a takedown: the row of a removed image, and what is to be erased of it."""

    row: Mapping[str, Any]
    sweep: Sweep

    def removed(self, erased: Erased) -> Removed:
        """Return what was removed, once it is ``erased``."""
        row = self.row
        return Removed(
            self.sweep.image_id,
            erased.originals,
            erased.by_bucket,
            erased.invalidation,
            row["removed_at"],
            row.get("final_at"),
        )


def bury(targets: Sequence[Target], images: ImagesTable, sweeps: SweepQueue) -> list[Tombstone]:
    """Begin takedowns: write the tombstone of each image, and ask for its sweep. Idempotent.

    Whoever draws or records reads a tombstone and takes back what it wrote. Nothing is erased yet, by the caller or
    anybody else, until the sweep is due.

    Raises:
        ForeignImageError: an image belongs to another tenant.
        ClientError: some may not have begun; a retry may help.
    """
    now = datetime.now(UTC)
    rows = [_tombstone(target, images, now) for target in targets]
    tombstones = [
        Tombstone(row, Sweep(image_id=target.image_id, original_key=row.get("key") or target.original_key))
        for target, row in zip(targets, rows, strict=True)
    ]
    for tombstone in tombstones:
        sweeps.send(tombstone.sweep)
    return tombstones


def _tombstone(target: Target, images: ImagesTable, now: datetime) -> dict[str, Any]:
    """Write the tombstone of an image, and return it: an earlier one if there is one."""
    row = images.apply(target.image_id, life.remove(target.tenant, target.original_key, now)).row
    if row is None:
        raise RuntimeError(f"expected the row of {target.image_id} after its removal but received none")
    if target.tenant is not None and row.get("tenant") != target.tenant:
        raise ForeignImageError(
            f"expected an image of the tenant {target.tenant} but {target.image_id} is of {row.get('tenant')}"
        )
    return row


@dataclass(frozen=True, slots=True)
class ImageResources:
    """Everything that holds images."""

    originals: VersionedObjects
    derivatives: Sequence[VersionedObjects]
    """The bucket that the edge serves from, and its replicas: replication does not copy a version's deletion."""
    edge: EdgeCache
    images: ImagesTable
    sweeps: SweepQueue

    def remove(self, targets: Sequence[Target]) -> list[Removed]:
        """Remove images, in whatever state they are. Idempotent; to be called again after a failure.

        The tombstones come first: whoever draws or records reads them and takes back what it wrote. What was being
        written before is erased here, and by the sweep that is asked for before anything is erased.

        Raises:
            ForeignImageError: an image belongs to another tenant; nothing of any is removed after it.
            NotErasedError, ClientError: something is left; the next call continues from there.
        """
        tombstones = bury(targets, self.images, self.sweeps)
        for tombstone in tombstones:
            self._abort(tombstone.row, tombstone.sweep)
        erased = [self.erase(each.sweep.image_id, each.sweep.original_key) for each in tombstones]
        invalidation = self._invalidate([each.image_id for each in targets])
        return [
            tombstone.removed(Erased(originals=originals, by_bucket=by_bucket, invalidation=invalidation))
            for tombstone, (originals, by_bucket) in zip(tombstones, erased, strict=True)
        ]

    def erase_unwanted(self, sweep: Sweep) -> Erased:
        """Erase all of an image that has a tombstone, of another the crops of an older focus. Idempotent.

        To be called again after a failure.

        Raises:
            UnknownImageError: it has no row.
            NotErasedError, ClientError: something is left; the next call continues from there.
        """
        row = self.images.find(sweep.image_id, now=True)
        if row is None:
            raise UnknownImageError(f"No image {sweep.image_id} to erase")
        if row["state"] == "removed":
            self._abort(row, sweep)
        originals, by_bucket = self._erase_unwanted(row, sweep)
        invalidation = self._invalidate([sweep.image_id])
        return Erased(originals=originals, by_bucket=by_bucket, invalidation=invalidation)

    def sweep(self, sweep: Sweep, now: datetime) -> float:
        """Erase once more what is unwanted of an image, and mark its takedown as final if it is due.

        Return the seconds until it is to be tried again, where it is not due or the edge is busy; 0 if all is done.

        Raises:
            NotErasedError, ClientError: something is left; a retry continues from there.
        """
        row = self.images.find(sweep.image_id, now=True)
        if row is None or "final_at" in row:
            return 0
        removed = row["state"] == "removed"
        since = row["removed_at"] if removed else row.get("refocused_at")
        if since is None:
            return 0
        due = datetime.fromisoformat(since) + timedelta(seconds=life.FINAL_SECONDS)
        originals, by_bucket = self._erase_unwanted(row, sweep)
        try:
            # At the end even if nothing was left: what the edge was fetching during the takedown was cached after its
            # invalidation.
            if now >= due or originals or any(by_bucket):
                self.edge.invalidate([sweep.image_id])
        except BusyEdgeError:
            return _INVALIDATION_SECONDS
        if now < due:
            return (due - now).total_seconds()
        if removed:
            self.images.apply(sweep.image_id, life.finish(now))
        return 0

    def _erase_unwanted(self, row: Mapping[str, Any], sweep: Sweep) -> tuple[int, tuple[int, ...]]:
        if row["state"] == "removed":
            return self.erase(sweep.image_id, sweep.original_key)
        version = CropFocus.of(row).version
        return 0, tuple(bucket.erase_crops_before(sweep.image_id, version) for bucket in self.derivatives)

    def _invalidate(self, image_ids: Sequence[ImageId]) -> str | None:
        with suppress(BusyEdgeError):  # the sweep that was asked for ends nothing without it
            return self.edge.invalidate(image_ids)
        return None

    def erase(self, image_id: ImageId, original_key: str | None) -> tuple[int, tuple[int, ...]]:
        """Erase an image's original and derivatives; return how many versions, the latter by bucket.

        Raises:
            NotErasedError, ClientError: something is left; a retry continues from there.
        """
        originals = self.originals.erase_object(original_key) if original_key else 0
        folders = (f"{image_id}/", f"{INSPECTED_FOLDER}{image_id}/")
        return originals, tuple(sum(map(bucket.erase_folder, folders)) for bucket in self.derivatives)

    def _abort(self, row: Mapping[str, Any], sweep: Sweep) -> None:
        """Abort the upload in parts of a removed image, if it was one."""
        if row.get("multipart_id") and sweep.original_key:
            self.originals.abort(sweep.original_key, row["multipart_id"])
