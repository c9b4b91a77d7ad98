"""Where the API keeps and finds things: buckets, tables, keys and addresses, as the environment names them."""

from functools import cache
from typing import Annotated

from pydantic import Field

from lambdas.core.access.image_token_keys import ImageTokenKeys, parse_image_token_keys
from lambdas.core.cached_value import CachedValue
from lambdas.core.clients import dynamodb
from lambdas.core.environment import (
    DerivativesBucketName,
    Environment,
    ImagesTableName,
    OriginalsBucketName,
)
from lambdas.core.settings import load_settings
from lambdas.core.stores.images import ImagesTable
from lambdas.core.stores.parameters import Parameter
from lambdas.core.stores.secrets import read_secret
from lambdas.core.stores.uploads import UploadsTable


class Variables(Environment):
    """What the API is told by its environment."""

    originals_bucket: OriginalsBucketName
    derivatives_bucket: DerivativesBucketName
    replica_bucket: Annotated[str, Field(alias="REPLICA_BUCKET", min_length=3)]
    images_table: ImagesTableName
    uploads_table: Annotated[str, Field(alias="UPLOADS_TABLE", min_length=3)]
    image_token_keys_secret: Annotated[str, Field(alias="IMAGE_TOKEN_KEYS_SECRET", min_length=1)]


@cache
def variables() -> Variables:
    """Return the environment's variables, read once."""
    return Variables.read()


def images() -> ImagesTable:
    """Return the images table."""
    return ImagesTable(dynamodb(), variables().images_table)


def uploads() -> UploadsTable:
    """Return the uploads table."""
    return UploadsTable(dynamodb(), variables().uploads_table)


@cache
def image_token_keys() -> CachedValue[ImageTokenKeys]:
    """Return the keys that image tokens, and the API's cursors, are signed with."""
    auth = load_settings().auth
    return CachedValue(
        lambda: parse_image_token_keys(read_secret(variables().image_token_keys_secret)),
        seconds=auth.keys_seconds,
        refresh_seconds=auth.refresh_seconds,
    )


@cache
def delivery_url() -> Parameter:
    """Return the parameter with the edge's address."""
    return Parameter("delivery-url")


@cache
def distribution_id() -> Parameter:
    """Return the parameter with the distribution's id."""
    return Parameter("distribution-id")
