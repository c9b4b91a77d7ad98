"""Cursors of lists: where the next page begins, signed, so that a made-up one is refused."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from http import HTTPStatus

import jwt

from lambdas.core.access.image_token_keys import ImageTokenKeys
from lambdas.upload_api.problem import ProblemError

_ALGORITHM = "HS256"


@dataclass(frozen=True, slots=True)
class Position:
    """The last image of a page: the next page begins after it."""

    uploaded_at: str
    image_id: str


def write_cursor(position: Position, tenant: str, keys: ImageTokenKeys) -> str:
    """Return the cursor of ``position`` in the list of ``tenant``."""
    claims = {"aud": tenant, "after": [position.uploaded_at, position.image_id]}
    return jwt.encode(claims, _cursor_key(keys.signing_key), algorithm=_ALGORITHM, headers={"kid": keys.signing})


def read_cursor(text: str, tenant: str, keys: Mapping[str, bytes]) -> Position:
    """Return the position that a cursor of ``tenant`` stands for.

    Raises:
        ProblemError: 400, it is no cursor that this API gave to this tenant.
    """
    try:
        key = keys[str(jwt.get_unverified_header(text).get("kid"))]
        claims = jwt.decode(text, _cursor_key(key), algorithms=[_ALGORITHM], audience=tenant)
        uploaded_at, image_id = claims["after"]
    # A key that was dropped since, and a header nested beyond json's patience, end here too.
    except (jwt.PyJWTError, LookupError, RecursionError, ValueError) as error:
        raise ProblemError(
            HTTPStatus.BAD_REQUEST,
            f"expected a cursor as the list's last answer gave it (next) but received {text[:40]!r}",
        ) from error
    return Position(uploaded_at, image_id)


def _cursor_key(key: bytes) -> bytes:
    # A key of its own: neither can a cursor open a picture, nor an image token pass for a cursor.
    return hmac.new(key, b"darkroom list cursor", sha256).digest()
