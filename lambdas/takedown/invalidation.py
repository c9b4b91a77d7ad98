"""Telling the edge to forget a picture."""

import uuid
from typing import TYPE_CHECKING, Protocol

from lambdas.keys import ImageId

if TYPE_CHECKING:
    from mypy_boto3_cloudfront import CloudFrontClient


class Invalidation(Protocol):
    """An edge that can be told to forget."""

    def forget(self, image_id: ImageId) -> str | None:
        """Drop every variant of a picture from the caches; return the order's id, None if there is no cache."""


class CloudFrontInvalidation:
    """A CloudFront distribution's caches."""

    def __init__(self, client: "CloudFrontClient", distribution_id: str) -> None:
        self._client = client
        self._distribution_id = distribution_id

    def forget(self, image_id: ImageId) -> str | None:
        """Drop every variant of a picture from the caches; return the invalidation's id.

        By its cache tag, and by its paths, for what carries none: a 404 that was kept, or a derivative written
        before there were tags. Where a function changes the URI, both that of the viewer and the changed one are
        to be named (CloudFront Developer Guide, "What you need to know when invalidating paths").

        Raises:
            ClientError: CloudFront did not take it; a retry may help.
        """
        paths = [f"#{image_id}", f"/{image_id}/*", f"/img/{image_id}*"]
        answer = self._client.create_invalidation(
            DistributionId=self._distribution_id,
            InvalidationBatch={
                "Paths": {"Quantity": len(paths), "Items": paths},
                "CallerReference": f"takedown-{image_id}-{uuid.uuid4().hex[:8]}",
            },
        )
        return answer["Invalidation"]["Id"]


class NoEdge:
    """No distribution is deployed: nothing is cached."""

    def forget(self, _image_id: ImageId) -> str | None:
        """Do nothing."""
        return None
