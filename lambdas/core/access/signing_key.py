"""A symmetric HS256 key and its base64url form in a secret."""

import base64
import binascii
import secrets
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, ValidationError

KEY_BYTES = 32  # RFC 7518, section 3.2: at least as long as the hash


class MalformedKeysError(ValueError):
    """A secret does not hold keys: the message says what was expected, without repeating the secret's content."""


def new_key() -> bytes:
    """Make a random key."""
    return secrets.token_bytes(KEY_BYTES)


def decode_key(text: object) -> bytes:
    """Decode a key from base64url.

    Raises:
        ValueError: it is not base64url, or is too short for HS256.
    """
    if isinstance(text, bytes):
        return text
    try:
        encoded = str(text)
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("expected base64url for a key but received other text") from error
    if len(key) < KEY_BYTES:
        raise ValueError(f"expected a key of at least {KEY_BYTES} bytes but received {len(key)}")
    return key


def encode_key(key: bytes) -> str:
    """Encode a key as base64url."""
    return base64.urlsafe_b64encode(key).rstrip(b"=").decode()


def malformed(expected: str, error: ValidationError) -> MalformedKeysError:
    """Turn pydantic's findings into an error that repeats nothing of the secret."""
    faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
    return MalformedKeysError(f"expected {expected} in the secret but received: {faults}")


Key = Annotated[bytes, BeforeValidator(decode_key), PlainSerializer(encode_key, return_type=str)]
