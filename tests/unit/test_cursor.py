import base64
import json

import jwt
import pytest

from lambdas.core.access.signing_keys import IMAGE_TOKENS, SigningKeys
from lambdas.upload_api.cursor import Position, format_cursor, parse_cursor
from lambdas.upload_api.problem import ProblemError

KEYS = SigningKeys.made_for(IMAGE_TOKENS)
HERE = Position("2026-01-02T03:04:05.678Z", "0" * 32)
GOOD = format_cursor(HERE, "demo", KEYS)


def encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_a_cursor_round_trips() -> None:
    assert parse_cursor(GOOD, "demo", KEYS.keys) == HERE


def test_a_cursor_survives_key_rotation() -> None:
    newer = SigningKeys.made_for(IMAGE_TOKENS)
    both = newer.with_key(KEYS.signing, KEYS.signing_key)
    assert parse_cursor(GOOD, "demo", both.keys) == HERE


CLAIMS = {"aud": "demo", "after": [HERE.uploaded_at, HERE.image_id]}
FORGED = {
    "nothing": "",
    "words": "next",
    "a position in the clear": encoded([HERE.uploaded_at, HERE.image_id]),
    "unsigned": f"{encoded({'alg': 'none', 'kid': KEYS.signing})}.{encoded(CLAIMS)}.",
    # Cursors are signed with a key derived from the image tokens' key.
    "signed as an image token is": jwt.encode(CLAIMS, KEYS.signing_key, headers={"kid": KEYS.signing}),
    "no key id": jwt.encode(CLAIMS, b"k" * 32),
    "a key id that is not text": f"{encoded({'alg': 'HS256', 'kid': None})}.{encoded(CLAIMS)}.{'A' * 43}",
    "an unknown key": format_cursor(HERE, "demo", SigningKeys.made_for(IMAGE_TOKENS)),
    "another tenant's": format_cursor(HERE, "globex", KEYS),
    "changed": f"{GOOD.split('.')[0]}.{encoded({**CLAIMS, 'after': ['9', '9']})}.{GOOD.split('.')[2]}",
    "nested too deeply": base64.urlsafe_b64encode(b"[" * 600).decode() + ".e30.",
}


@pytest.mark.parametrize("case", FORGED)
def test_a_forged_cursor_is_rejected(case: str) -> None:
    with pytest.raises(ProblemError, match="expected the cursor that the last page returned as next") as caught:
        parse_cursor(FORGED[case], "demo", KEYS.keys)
    assert caught.value.status == 400
