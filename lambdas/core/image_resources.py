"""What holds images, as the environment of a function names it; see ``lambdas.core.takedown``."""

from functools import cache
from typing import Annotated

from pydantic import Field

from lambdas.core.cached_value import CachedValue
from lambdas.core.clients import cloudfront, dynamodb, parameters, s3, sqs
from lambdas.core.environment import (
    DerivativesBucketName,
    Environment,
    ImagesTableName,
    OriginalsBucketName,
    SweepQueueUrl,
)
from lambdas.core.settings import EDGE_REGION, load_settings
from lambdas.core.stores.images import ImagesTable
from lambdas.core.takedown import CloudFrontCache, ImageResources, NoCache, SweepQueue, VersionedObjects

_PARAMETER_SECONDS = 300
_MISSING_PARAMETER_SECONDS = 10


class Variables(Environment):
    """Environment variables of a function that erases images."""

    originals_bucket: OriginalsBucketName
    derivatives_bucket: DerivativesBucketName
    replica_bucket: Annotated[str, Field(alias="REPLICA_BUCKET", min_length=3)]
    images_table: ImagesTableName
    sweep_queue_url: SweepQueueUrl


@cache
def variables() -> Variables:
    """Return the environment variables, read once."""
    return Variables.read()


def image_resources() -> ImageResources:
    """Return everything that a takedown erases images from.

    Raises:
        ClientError: the distribution's parameter cannot be read; a retry may help.
    """
    settings, names, distribution_id = load_settings(), variables(), published("distribution-id")
    return ImageResources(
        originals=VersionedObjects(s3(), names.originals_bucket, settings.storage.object_lock),
        derivatives=(
            VersionedObjects(s3(), names.derivatives_bucket),
            VersionedObjects(s3(settings.regions.replica), names.replica_bucket),
        ),
        edge=CloudFrontCache(cloudfront(), distribution_id) if distribution_id else NoCache(),
        images=ImagesTable(dynamodb(), names.images_table),
        sweeps=sweep_queue(),
    )


def sweep_queue() -> SweepQueue:
    """Return the queue of the sweep function."""
    return SweepQueue(sqs(), variables().sweep_queue_url)


def published(thing: str) -> str | None:
    """Return what the edge's stack publishes as the parameter ``thing``; None, and looked up again soon, if nothing.

    Raises:
        ClientError: the parameter cannot be read; a retry may help.
    """
    held = _parameter(load_settings().parameter_name(thing))
    return held.get() or held.refreshed()


@cache
def _parameter(name: str) -> CachedValue[str | None]:
    client = parameters(EDGE_REGION)

    def read() -> str | None:
        try:
            return client.get_parameter(Name=name)["Parameter"]["Value"]
        except client.exceptions.ParameterNotFound:
            return None

    return CachedValue(read, seconds=_PARAMETER_SECONDS, refresh_seconds=_MISSING_PARAMETER_SECONDS)
