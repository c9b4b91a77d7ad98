from datetime import UTC, datetime, timedelta

import jwt

from lambdas.core.access.image_tokens import sign_image_token
from lambdas.core.access.signing_keys import IMAGE_TOKENS, SigningKeys
from lambdas.core.keys import new_image_id


def test_a_token_has_its_image_key_and_lifetime() -> None:
    keys = SigningKeys.made_for(IMAGE_TOKENS)
    image_id = new_image_id(private=True)
    now = datetime.now(UTC).replace(microsecond=0)
    made = sign_image_token(keys, image_id, now=now, life=timedelta(minutes=10))
    assert jwt.get_unverified_header(made.token) == {"alg": "HS256", "kid": keys.signing, "typ": "JWT"}
    assert jwt.decode(made.token, keys.signing_key, algorithms=["HS256"]) == {
        "image": image_id,
        "nbf": int(now.timestamp()),
        "exp": int(now.timestamp()) + 600,
    }
    assert made.expires_at == now + timedelta(minutes=10)
