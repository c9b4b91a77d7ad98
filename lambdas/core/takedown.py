"""Takedown: erase images from every place that holds them: originals, derivatives in both regions, caches, table."""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Protocol

from botocore.exceptions import ClientError

from lambdas.core.aws_errors import code_of
from lambdas.core.keys import ImageId
from lambdas.core.stores.images import ImagesTable

if TYPE_CHECKING:
    from mypy_boto3_cloudfront import CloudFrontClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef

_BATCH = 1000  # S3's limit for one DeleteObjects request


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

    def _versions(self, prefix: str) -> Iterator["ObjectIdentifierTypeDef"]:
        pages = self.client.get_paginator("list_object_versions")
        for page in pages.paginate(Bucket=self.bucket, Prefix=prefix):
            for version in page.get("Versions", []):
                yield {"Key": version["Key"], "VersionId": version["VersionId"]}
            for marker in page.get("DeleteMarkers", []):
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


class EdgeCache(Protocol):
    """The edge's caches."""

    def invalidate(self, image_ids: Sequence[ImageId]) -> str | None:
        """Drop every variant of images; return the invalidation's id, None if there is no cache."""


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
        paths may be in progress at once but 3,000 tags: several images go by tag alone, or by path alone if
        CloudFront rejects tags.

        Raises:
            ClientError: CloudFront did not accept it; a retry may help.
        """
        tags = [f"#{image_id}" for image_id in image_ids]
        paths = [path for image_id in image_ids for path in (f"/{image_id}/*", f"/img/{image_id}*")]
        try:
            return self._create([*tags, *paths] if len(image_ids) == 1 else tags, image_ids[0])
        except ClientError as error:
            if code_of(error) != "InvalidArgument":
                raise
            return self._create(paths, image_ids[0])

    def _create(self, items: Sequence[str], first: ImageId) -> str:
        answer = self._client.create_invalidation(
            DistributionId=self._distribution_id,
            InvalidationBatch={
                "Paths": {"Quantity": len(items), "Items": list(items)},
                "CallerReference": f"takedown-{first}-{uuid.uuid4().hex[:8]}",
            },
        )
        return answer["Invalidation"]["Id"]


class NoCache:
    """No distribution is deployed: nothing is cached."""

    def invalidate(self, _image_ids: Sequence[ImageId]) -> str | None:
        """Do nothing."""
        return None


@dataclass(frozen=True, slots=True)
class Target:
    """An image to take down; ``original_key`` is None if it is unknown."""

    image_id: ImageId
    original_key: str | None


@dataclass(frozen=True, slots=True)
class Removed:
    """What was removed of an image.

    ``by_bucket`` counts the derivatives in each bucket that holds them, versions and delete markers included;
    ``invalidation`` is CloudFront's id, None without a distribution.
    """

    image_id: ImageId
    originals: int
    by_bucket: tuple[int, ...]
    invalidation: str | None

    @property
    def derivatives(self) -> int:
        """The derivatives of all buckets together."""
        return sum(self.by_bucket)


@dataclass(frozen=True, slots=True)
class ImageResources:
    """Everything that holds images."""

    originals: VersionedObjects
    derivatives: Sequence[VersionedObjects]
    """The bucket that the edge serves from, and its replicas: replication does not copy a version's deletion."""
    edge: EdgeCache
    images: ImagesTable

    def remove(self, targets: Sequence[Target]) -> list[Removed]:
        """Remove images. It is idempotent, and has to be called again after a failure.

        Originals go first, so that the generator cannot draw from them any more, and the table's items last: while
        they exist, the takedown can be requested again. Derivatives are erased a second time at the end, for those
        that the generator was still drawing.

        Raises:
            NotErasedError, ClientError: something is left; the next call continues from there.
        """
        originals = [self.originals.erase_object(each.original_key) if each.original_key else 0 for each in targets]
        derivatives = [self._erase_derivatives(each.image_id) for each in targets]
        invalidation = self.edge.invalidate([each.image_id for each in targets])
        late = [self._erase_derivatives(each.image_id) for each in targets]
        if again := [each.image_id for each, found in zip(targets, late, strict=True) if any(found)]:
            invalidation = self.edge.invalidate(again)
        for each in targets:
            self.images.remove(each.image_id)
        return [
            Removed(target.image_id, whole, tuple(map(sum, zip(first, second, strict=True))), invalidation)
            for target, whole, first, second in zip(targets, originals, derivatives, late, strict=True)
        ]

    def _erase_derivatives(self, image_id: ImageId) -> tuple[int, ...]:
        return tuple(bucket.erase_folder(f"{image_id}/") for bucket in self.derivatives)
