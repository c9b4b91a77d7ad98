"""Tokens that let a viewer see private images: HS256, checked at the edge, which knows the keys that sign them."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import jwt

from lambdas.core.access.signing_keys import SigningKeys
from lambdas.core.keys import ImageId


@dataclass(frozen=True, slots=True)
class ImageToken:
    """A token and when it expires, UTC."""

    token: str
    expires_at: datetime


def sign_image_token(keys: SigningKeys, image_id: ImageId, *, now: datetime, life: timedelta) -> ImageToken:
    """Return a token for one image, valid from ``now`` for ``life``."""
    expires_at = (now + life).replace(microsecond=0)
    claims = {"image": image_id, "nbf": now, "exp": expires_at}
    token = jwt.encode(claims, keys.signing_key, algorithm="HS256", headers={"kid": keys.signing})
    return ImageToken(token, expires_at)
