"""A symmetric key of HS256, and how a secret writes it."""

import base64
import binascii
import secrets
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, ValidationError

KEY_BYTES = 32  # as long as HS256's hash, which RFC 7518, section 3.2, asks for at least


class MalformedKeysError(ValueError):
    """A secret holds no keys: the message says what was expected, and nothing of what it holds."""


def new_key() -> bytes:
    """Make a random key."""
    return secrets.token_bytes(KEY_BYTES)


def decode_key(text: object) -> bytes:
    """Read a key from base64url.

    Raises:
        ValueError: it is none, or too short for HS256.
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
    """Write a key as base64url."""
    return base64.urlsafe_b64encode(key).rstrip(b"=").decode()


def malformed(expected: str, error: ValidationError) -> MalformedKeysError:
    """Turn pydantic's findings into an error that repeats nothing of the secret."""
    faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
    return MalformedKeysError(f"expected {expected} in the secret but received: {faults}")


Key = Annotated[bytes, BeforeValidator(decode_key), PlainSerializer(encode_key, return_type=str)]
