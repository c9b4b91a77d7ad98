"""The keys of tokens that let a viewer see private pictures: one secret, known to the API and to the edge.

To rotate: add a key, let the edge know of it, make it the one that signs, and drop the old one once
the last token that it signed is over.
"""

import secrets
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from lambdas.core.access.signing_key import Key, malformed, new_key


class ImageTokenKeys(BaseModel):
    """Keys by their id, and which of them signs."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    signing: str = Field(min_length=1, description="Id of the key that new tokens are signed with.")
    keys: dict[str, Key] = Field(repr=False)

    @model_validator(mode="after")
    def _signing_is_a_key(self) -> Self:
        if self.signing not in self.keys:
            raise ValueError("expected signing to be the id of one of the keys but received another")
        return self

    @property
    def signing_key(self) -> bytes:
        """The key that new tokens are signed with."""
        return self.keys[self.signing]


def parse_image_token_keys(text: str) -> ImageTokenKeys:
    """Read the secret.

    Raises:
        MalformedKeysError: it is empty, or no such JSON object.
    """
    try:
        return ImageTokenKeys.model_validate_json(text or "{}")
    except ValidationError as error:
        raise malformed("signing and keys", error) from None


def format_image_token_keys(keys: ImageTokenKeys) -> str:
    """Write the secret."""
    return keys.model_dump_json()


def new_image_token_keys() -> ImageTokenKeys:
    """Make a random key that signs."""
    kid = f"image-{secrets.token_hex(4)}"
    return ImageTokenKeys(signing=kid, keys={kid: new_key()})
