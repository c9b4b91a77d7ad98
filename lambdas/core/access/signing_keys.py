"""The HS256 keys of one owner, a tenant or the image tokens: all that verify, and which of them signs."""

import base64
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

KEY_BYTES = 32  # RFC 7518, section 3.2: at least as long as the hash
IMAGE_TOKENS = "image-tokens"
"""The owner of the keys that sign image tokens; they are in a table of their own, apart from those of tenants."""

Key = Annotated[bytes, Field(min_length=KEY_BYTES, strict=True)]


class MalformedKeysError(ValueError):
    """An item does not hold keys: the message says what was expected, without repeating the item's content."""


class SigningKeys(BaseModel):
    """Keys by id, and which of them signs since when (UTC). The others only verify."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    signing: str = Field(min_length=1)
    signing_since: AwareDatetime
    keys: Mapping[str, Key] = Field(repr=False)

    @model_validator(mode="after")
    def _signing_is_a_key(self) -> Self:
        if self.signing not in self.keys:
            raise ValueError("expected signing to be the id of one of the keys but received another")
        return self

    @classmethod
    def made_for(cls, owner: str) -> Self:
        """Make the first key of ``owner``, which signs."""
        kid, key = new_key(owner)
        return cls(signing=kid, signing_since=_now(), keys={kid: key})

    @classmethod
    def parse(cls, fields: Mapping[str, Any]) -> Self:
        """Read the fields of an item.

        Raises:
            MalformedKeysError: they are not those of keys.
        """
        try:
            return cls.model_validate(fields)
        except ValidationError as error:
            faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
            raise MalformedKeysError(f"expected signing, signing_since and keys but received: {faults}") from None

    @property
    def signing_key(self) -> bytes:
        """The key that signs new tokens."""
        return self.keys[self.signing]

    @property
    def others(self) -> list[str]:
        """The ids of the keys that only verify, sorted."""
        return sorted(set(self.keys) - {self.signing})

    def with_key(self, kid: str, key: bytes) -> Self:
        """Return these keys and another, which only verifies."""
        return self.model_copy(update={"keys": {**self.keys, kid: key}})

    def signed_by(self, kid: str) -> Self:
        """Return these keys with ``kid`` signing from now on."""
        return self.model_copy(update={"signing": kid, "signing_since": _now()})

    def without_others(self) -> Self:
        """Return the signing key alone."""
        return self.model_copy(update={"keys": {self.signing: self.signing_key}})


def new_key(owner: str) -> tuple[str, bytes]:
    """Make a random key; return its id, which begins with ``owner``, and the key."""
    return f"{owner}-{secrets.token_hex(4)}", secrets.token_bytes(KEY_BYTES)


def encode_key(key: bytes) -> str:
    """Encode a key as base64url, as the edge reads it."""
    return base64.urlsafe_b64encode(key).rstrip(b"=").decode()


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
