"""What the API works with: buckets, tables, keys and addresses, as its environment names them."""

from functools import cache
from typing import Annotated

from pydantic import Field

from lambdas.core.access.signing_keys import IMAGE_TOKENS, MalformedKeysError, SigningKeys
from lambdas.core.cached_value import CachedValue
from lambdas.core.clients import dynamodb
from lambdas.core.environment import Environment, ImagesTableName, OriginalsBucketName, SweepQueueUrl
from lambdas.core.image_resources import published
from lambdas.core.settings import load_settings
from lambdas.core.stores.images import ImagesTable
from lambdas.core.stores.signing_keys import SigningKeysTable


class Variables(Environment):
    """Environment variables of the API."""

    originals_bucket: OriginalsBucketName
    images_table: ImagesTableName
    image_token_keys_table: Annotated[str, Field(alias="IMAGE_TOKEN_KEYS_TABLE", min_length=1)]
    sweep_queue_url: SweepQueueUrl
    sweep_function: Annotated[str, Field(alias="SWEEP_FUNCTION", min_length=1)]


@cache
def variables() -> Variables:
    """Return the environment variables, read once."""
    return Variables.read()


def images() -> ImagesTable:
    """Return the images table."""
    return ImagesTable(dynamodb(), variables().images_table)


@cache
def image_token_keys() -> CachedValue[SigningKeys]:
    """Return the keys that sign image tokens, and the API's cursors."""
    auth = load_settings().auth
    return CachedValue(_read_image_token_keys, seconds=auth.keys_seconds, refresh_seconds=auth.refresh_seconds)


def _read_image_token_keys() -> SigningKeys:
    held = SigningKeysTable(dynamodb(), variables().image_token_keys_table).find(IMAGE_TOKENS)
    if held is None:
        raise MalformedKeysError("No keys for image tokens: darkroom keys makes them")
    return held.keys


def delivery_url() -> str | None:
    """Return the edge's address; None while the edge is not deployed.

    Raises:
        ClientError: the parameter cannot be read; a retry may help.
    """
    return published("delivery-url")
