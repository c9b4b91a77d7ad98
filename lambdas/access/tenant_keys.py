"""The keys with which tenants sign their tokens: one secret, a JSON object of key id → tenant and key."""

import base64
import binascii
import json
import secrets
from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, TypeAdapter, ValidationError

from lambdas.keys import TENANT_PATTERN

KEY_BYTES = 32  # as long as HS256's hash, which RFC 7518, section 3.2, asks for at least


class MalformedKeysError(ValueError):
    """A secret holds no keys: the message says what was expected, and nothing of what it holds."""


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


Key = Annotated[bytes, BeforeValidator(decode_key), PlainSerializer(encode_key, return_type=str)]


class TenantKey(BaseModel):
    """One key and whose it is."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    tenant: str = Field(pattern=TENANT_PATTERN)
    key: Key = Field(repr=False)


TenantKeys = Mapping[str, TenantKey]
_KEYS: TypeAdapter[dict[str, TenantKey]] = TypeAdapter(
    dict[str, TenantKey], config=ConfigDict(hide_input_in_errors=True)
)


def parse_tenant_keys(text: str) -> TenantKeys:
    """Read the secret; an empty one holds no keys.

    Raises:
        MalformedKeysError: it is no such JSON object.
    """
    try:
        return _KEYS.validate_json(text or "{}")
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise MalformedKeysError(f"expected key id → tenant and key in the secret but received: {faults}") from None


def format_tenant_keys(keys: TenantKeys) -> str:
    """Write the secret."""
    return json.dumps({kid: key.model_dump(mode="json") for kid, key in keys.items()}, sort_keys=True)


def new_tenant_key(tenant: str) -> tuple[str, TenantKey]:
    """Make a random key for ``tenant``, and the id that its tokens will name."""
    return f"{tenant}-{secrets.token_hex(4)}", TenantKey(tenant=tenant, key=secrets.token_bytes(KEY_BYTES))


def key_of(keys: TenantKeys, tenant: str) -> tuple[str, TenantKey] | None:
    """Return a key of ``tenant`` to sign with, the same at every call; None where it has none."""
    return next(((kid, key) for kid, key in sorted(keys.items()) if key.tenant == tenant), None)
