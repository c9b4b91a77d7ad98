"""What the API works with: buckets, tables, keys and addresses, as its environment names them."""

from functools import cache
from typing import Annotated

from pydantic import Field

from lambdas.core.access.image_tokens import ImageTokenKeys, parse_image_token_keys
from lambdas.core.cached_value import CachedValue
from lambdas.core.clients import cloudfront, dynamodb, parameters, s3, secrets_manager
from lambdas.core.environment import DerivativesBucketName, Environment, ImagesTableName, OriginalsBucketName
from lambdas.core.settings import EDGE_REGION, load_settings
from lambdas.core.stores.images import ImagesTable
from lambdas.core.stores.secrets import read_secret
from lambdas.core.stores.uploads import UploadsTable
from lambdas.core.takedown import CloudFrontCache, ImageResources, NoCache, VersionedObjects

_PARAMETER_SECONDS = 300
_MISSING_PARAMETER_SECONDS = 10


class Variables(Environment):
    """Environment variables of the API."""

    originals_bucket: OriginalsBucketName
    derivatives_bucket: DerivativesBucketName
    replica_bucket: Annotated[str, Field(alias="REPLICA_BUCKET", min_length=3)]
    images_table: ImagesTableName
    uploads_table: Annotated[str, Field(alias="UPLOADS_TABLE", min_length=3)]
    image_token_keys_secret: Annotated[str, Field(alias="IMAGE_TOKEN_KEYS_SECRET", min_length=1)]


@cache
def variables() -> Variables:
    """Return the environment variables, read once."""
    return Variables.read()


def images() -> ImagesTable:
    """Return the images table."""
    return ImagesTable(dynamodb(), variables().images_table)


def uploads() -> UploadsTable:
    """Return the uploads table."""
    return UploadsTable(dynamodb(), variables().uploads_table)


@cache
def image_token_keys() -> CachedValue[ImageTokenKeys]:
    """Return the keys that sign image tokens, and the API's cursors."""
    auth = load_settings().auth
    return CachedValue(
        lambda: parse_image_token_keys(read_secret(secrets_manager(), variables().image_token_keys_secret)),
        seconds=auth.keys_seconds,
        refresh_seconds=auth.refresh_seconds,
    )


def delivery_url() -> str | None:
    """Return the edge's address; None while the edge is not deployed.

    Raises:
        ClientError: the parameter cannot be read; a retry may help.
    """
    return _published("delivery-url")


def image_resources() -> ImageResources:
    """Return everything that a takedown erases images from.

    Raises:
        ClientError: the distribution's parameter cannot be read; a retry may help.
    """
    settings, names, distribution_id = load_settings(), variables(), _published("distribution-id")
    return ImageResources(
        originals=VersionedObjects(s3(), names.originals_bucket, settings.storage.object_lock),
        derivatives=(
            VersionedObjects(s3(), names.derivatives_bucket),
            VersionedObjects(s3(settings.regions.replica), names.replica_bucket),
        ),
        edge=CloudFrontCache(cloudfront(), distribution_id) if distribution_id else NoCache(),
        images=images(),
    )


def _published(thing: str) -> str | None:
    """Return what the edge's stack publishes as the parameter ``thing``; a missing one is looked up again soon."""
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
