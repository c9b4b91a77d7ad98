"""Cursors of lists: where the next page begins, signed so that a forged one is refused."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from http import HTTPStatus

import jwt

from lambdas.core.access.signing_keys import SigningKeys
from lambdas.upload_api.problem import ProblemError

_ALGORITHM = "HS256"


@dataclass(frozen=True, slots=True)
class Position:
    """The last image of a page: the next page begins after it."""

    uploaded_at: str
    image_id: str


def format_cursor(position: Position, tenant: str, keys: SigningKeys) -> str:
    """Return the cursor of ``position`` in the list of ``tenant``."""
    claims = {"aud": tenant, "after": [position.uploaded_at, position.image_id]}
    return jwt.encode(claims, _cursor_key(keys.signing_key), algorithm=_ALGORITHM, headers={"kid": keys.signing})


def parse_cursor(text: str, tenant: str, keys: Mapping[str, bytes]) -> Position:
    """Return the position of a cursor of ``tenant``.

    Raises:
        ProblemError: 400, this API did not issue it to this tenant.
    """
    try:
        key = keys[str(jwt.get_unverified_header(text).get("kid"))]
        claims = jwt.decode(text, _cursor_key(key), algorithms=[_ALGORITHM], audience=tenant)
        uploaded_at, image_id = claims["after"]
    # LookupError: the key was retired since. RecursionError: a deeply nested header.
    except (jwt.PyJWTError, LookupError, RecursionError, ValueError) as error:
        raise ProblemError(
            HTTPStatus.BAD_REQUEST,
            f"expected the cursor that the last page returned as next but received {text[:40]!r}",
        ) from error
    return Position(uploaded_at, image_id)


def _cursor_key(key: bytes) -> bytes:
    # A derived key, so that a cursor is not a valid image token, nor an image token a valid cursor.
    return hmac.new(key, b"darkroom list cursor", sha256).digest()
