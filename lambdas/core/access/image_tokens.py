"""Tokens that let a viewer see one private picture, or all of a tenant's: HS256, as the edge can check them."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import jwt

from lambdas.core.access.image_token_keys import ImageTokenKeys
from lambdas.core.keys import ImageId


@dataclass(frozen=True, slots=True)
class ImageToken:
    """A token and its end, UTC."""

    token: str
    expires_at: datetime


def sign_image_token(keys: ImageTokenKeys, image_id: ImageId, *, now: datetime, life: timedelta) -> ImageToken:
    """Return a token for one picture, good from ``now`` on for ``life``."""
    expires_at = (now + life).replace(microsecond=0)
    claims = {"image": image_id, "nbf": now, "exp": expires_at}
    token = jwt.encode(claims, keys.signing_key, algorithm="HS256", headers={"kid": keys.signing})
    return ImageToken(token, expires_at)
