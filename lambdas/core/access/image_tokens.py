"""Tokens that let a viewer see private images: HS256, checked at the edge, and the keys that sign them.

The keys are one secret, known to the API and to the edge. To rotate: add a key, publish it to the edge, make it
the signing key, and drop the old one once the last token that it signed has expired.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

import jwt
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from lambdas.core.access.signing_key import Key, malformed, new_key
from lambdas.core.keys import ImageId


class ImageTokenKeys(BaseModel):
    """Keys by id, and which of them signs."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    signing: str = Field(min_length=1, description="Id of the key that signs new tokens.")
    keys: dict[str, Key] = Field(repr=False)

    @model_validator(mode="after")
    def _signing_is_a_key(self) -> Self:
        if self.signing not in self.keys:
            raise ValueError("expected signing to be the id of one of the keys but received another")
        return self

    @property
    def signing_key(self) -> bytes:
        """The key that signs new tokens."""
        return self.keys[self.signing]


def parse_image_token_keys(text: str) -> ImageTokenKeys:
    """Read the secret's text.

    Raises:
        MalformedKeysError: it is empty, or not a JSON object of ``signing`` and ``keys``.
    """
    try:
        return ImageTokenKeys.model_validate_json(text or "{}")
    except ValidationError as error:
        raise malformed("signing and keys", error) from None


def format_image_token_keys(keys: ImageTokenKeys) -> str:
    """Return the secret's text."""
    return keys.model_dump_json()


def new_image_token_keys() -> ImageTokenKeys:
    """Make one random key, which signs."""
    kid = f"image-{secrets.token_hex(4)}"
    return ImageTokenKeys(signing=kid, keys={kid: new_key()})


@dataclass(frozen=True, slots=True)
class ImageToken:
    """A token and when it expires, UTC."""

    token: str
    expires_at: datetime


def sign_image_token(keys: ImageTokenKeys, image_id: ImageId, *, now: datetime, life: timedelta) -> ImageToken:
    """Return a token for one image, valid from ``now`` for ``life``."""
    expires_at = (now + life).replace(microsecond=0)
    claims = {"image": image_id, "nbf": now, "exp": expires_at}
    token = jwt.encode(claims, keys.signing_key, algorithm="HS256", headers={"kid": keys.signing})
    return ImageToken(token, expires_at)
