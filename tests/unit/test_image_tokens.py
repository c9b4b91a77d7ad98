import json
from datetime import UTC, datetime, timedelta

import jwt
import pytest

from lambdas.core.access.image_tokens import (
    ImageTokenKeys,
    format_image_token_keys,
    new_image_token_keys,
    parse_image_token_keys,
    sign_image_token,
)
from lambdas.core.access.signing_key import KEY_BYTES, MalformedKeysError, encode_key
from lambdas.core.keys import new_image_id

KEY = encode_key(bytes(KEY_BYTES))


def test_a_token_has_its_image_key_and_lifetime() -> None:
    keys = new_image_token_keys()
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


def test_keys_round_trip_through_the_secret() -> None:
    keys = new_image_token_keys()
    assert parse_image_token_keys(format_image_token_keys(keys)) == keys


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        json.dumps({"signing": "b", "keys": {"a": KEY}}),
        json.dumps({"signing": "a", "keys": {"a": "x"}}),
    ],
)
def test_a_malformed_secret_is_rejected(text: str) -> None:
    with pytest.raises(MalformedKeysError, match="expected signing and keys"):
        parse_image_token_keys(text)


def test_repr_does_not_contain_keys() -> None:
    assert "keys" not in repr(ImageTokenKeys(signing="a", keys={"a": bytes(KEY_BYTES)}))
