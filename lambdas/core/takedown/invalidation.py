"""Telling the edge to forget pictures."""

import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from botocore.exceptions import ClientError

from lambdas.core.keys import ImageId

if TYPE_CHECKING:
    from mypy_boto3_cloudfront import CloudFrontClient


class Invalidation(Protocol):
    """An edge that can be told to forget."""

    def forget(self, image_ids: Sequence[ImageId]) -> str | None:
        """Drop every variant of pictures from the caches; return the order's id, None if there is no cache."""


class CloudFrontInvalidation:
    """A CloudFront distribution's caches."""

    def __init__(self, client: "CloudFrontClient", distribution_id: str) -> None:
        self._client = client
        self._distribution_id = distribution_id

    def forget(self, image_ids: Sequence[ImageId]) -> str | None:
        """Drop every variant of pictures from the caches; return the invalidation's id.

        By their cache tags; and a single picture by its paths too, for what carries no tag: a 404 that was kept, or
        a derivative written before there were tags. Where a function changes the URI, both that of the viewer and
        the changed one are to be named (CloudFront Developer Guide, "What you need to know when invalidating
        paths"). Of paths with a wildcard only 15 may be in progress at once, of tags 3,000: many pictures are told
        by tags alone; by paths alone, where CloudFront refuses the tags.

        Raises:
            ClientError: CloudFront did not take it; a retry may help.
        """
        tags = [f"#{image_id}" for image_id in image_ids]
        paths = [path for image_id in image_ids for path in (f"/{image_id}/*", f"/img/{image_id}*")]
        try:
            return self._order([*tags, *paths] if len(image_ids) == 1 else tags, image_ids[0])
        except ClientError as error:
            if error.response["Error"]["Code"] != "InvalidArgument":
                raise
            return self._order(paths, image_ids[0])

    def _order(self, items: Sequence[str], first: ImageId) -> str:
        answer = self._client.create_invalidation(
            DistributionId=self._distribution_id,
            InvalidationBatch={
                "Paths": {"Quantity": len(items), "Items": list(items)},
                "CallerReference": f"takedown-{first}-{uuid.uuid4().hex[:8]}",
            },
        )
        return answer["Invalidation"]["Id"]


class NoEdge:
    """No distribution is deployed: nothing is cached."""

    def forget(self, _image_ids: Sequence[ImageId]) -> str | None:
        """Do nothing."""
        return None
