import base64
import json
import time
from datetime import timedelta
from typing import Any

import jwt
import pytest

from lambdas.core.access.grants import ALL_SCOPES, AccessRefusedError, Grant
from lambdas.core.access.signing_key import KEY_BYTES, MalformedKeysError, encode_key
from lambdas.core.access.tenant_tokens import (
    TenantKey,
    format_tenant_keys,
    key_of,
    new_tenant_key,
    parse_tenant_keys,
    sign_tenant_token,
    verify_tenant_token,
    with_keys_for,
)
from lambdas.core.settings import load_settings

AUTH = load_settings().auth
KID, KEY = new_tenant_key("acme")
OTHER_KID, OTHER_KEY = new_tenant_key("globex")
GONE_KID, GONE_KEY = new_tenant_key("initech")
KEYS = {KID: KEY, OTHER_KID: OTHER_KEY, GONE_KID: GONE_KEY}
TENANTS = frozenset({"acme", "globex"})


def verify(token: str) -> Grant:
    return verify_tenant_token(token, KEYS.get, AUTH, TENANTS)


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    made = {"iss": "acme", "aud": AUTH.audience, "exp": now + 86_400, "iat": now, "scope": "images:read", **changes}
    return {name: value for name, value in made.items() if value is not None}


def encode(payload: Any, header: Any) -> str:
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, payload)]
    return ".".join((*parts, ""))


def signed(payload: dict[str, Any], *, key: bytes = KEY.key, kid: object = KID, algorithm: str = "HS256") -> str:
    return jwt.encode(payload, key, algorithm=algorithm, headers={"kid": kid} if kid else {})


def test_a_signed_token_grants_its_tenant_and_scopes() -> None:
    token = sign_tenant_token(
        KID, KEY, audience=AUTH.audience, scopes=frozenset(ALL_SCOPES), life=timedelta(minutes=1), subject="ann"
    )
    assert verify(token) == Grant("acme", "ann", frozenset(ALL_SCOPES))


@pytest.mark.parametrize(
    ("scope", "granted"),
    [
        ("images:read images:delete", {"images:read", "images:delete"}),
        ("openid images:read", {"images:read"}),
        ("images:readx", set()),
        ("", set()),
        (None, set()),
        (["images:read"], set()),
        (7, set()),
    ],
)
def test_known_scopes_of_the_claim_are_granted(scope: object, granted: set[str]) -> None:
    assert verify(signed(claims(scope=scope))).scopes == granted


NOW = int(time.time())
REFUSED = {
    "alg none": (encode(claims(), {"alg": "none", "kid": KID}), "signed with HS256 but received alg 'none'"),
    "alg None in capitals": (encode(claims(), {"alg": "NONE", "kid": KID}), "received alg 'NONE'"),
    "no alg": (encode(claims(), {"kid": KID}), "signed with HS256 but received alg 'None'"),
    "HS512": (signed(claims(), key=KEY.key * 2, algorithm="HS512"), "signed with HS256 but received alg 'HS512'"),
    "RS256 in the header": (encode(claims(), {"alg": "RS256", "kid": KID}), "received alg 'RS256'"),
    "no key id": (signed(claims(), kid=None), "names its key (kid)"),
    "unknown key id": (signed(claims(), kid="acme-00000000"), "names a key of a tenant (kid)"),
    "a tenant that was removed": (
        signed(claims(iss="initech"), key=GONE_KEY.key, kid=GONE_KID),
        "names a key of a tenant (kid)",
    ),
    "another tenant's key": (signed(claims(), key=OTHER_KEY.key), "another signature"),
    "another tenant's key id": (signed(claims(), kid=OTHER_KID), "another signature"),
    "another tenant as issuer": (signed(claims(iss="globex")), "issuer 'acme' (iss)"),
    "no issuer": (signed(claims(iss=None)), "with the claim iss"),
    "wrong audience": (signed(claims(aud="elsewhere")), "for the audience 'darkroom'"),
    "no audience": (signed(claims(aud=None)), "with the claim aud"),
    "expired": (signed(claims(exp=NOW - 3600)), "that has not expired but received one that has (exp)"),
    "no exp": (signed(claims(exp=None)), "with the claim exp"),
    "exp that is not a number": (signed(claims(exp="soon")), "expected a valid token"),
    "infinite exp": (signed(claims(exp=float("inf"))), "expected a valid token"),
    "not before tomorrow": (signed(claims(nbf=NOW + 86_400)), "not valid yet (nbf, iat)"),
    "made tomorrow": (signed(claims(iat=NOW + 86_400)), "not valid yet (nbf, iat)"),
    "a subject that is not text": (signed(claims(sub=7)), "expected a valid token"),
    "oversized": (signed(claims(padding="x" * AUTH.max_token_bytes)), f"at most {AUTH.max_token_bytes} bytes"),
    "nothing": ("", "expected a JSON Web Token"),
    "garbage": ("garbage", "expected a JSON Web Token"),
    "three dots": ("...", "expected a JSON Web Token"),
    "not base64": ("!!!.???.***", "expected a JSON Web Token"),
    "header that is not an object": (encode(claims(), ["HS256"]), "expected a JSON Web Token"),
    "beyond ASCII": ("ключ.ключ.ключ", "expected a JSON Web Token"),
    "nested too deeply": (
        base64.urlsafe_b64encode(b"[" * 2800).decode() + ".e30.",
        "expected a JSON Web Token",
    ),
    "claims changed after signing": (
        ".".join([*encode(claims(scope="images:delete"), {"alg": "HS256", "kid": KID}).split(".")[:2], "c2lnbmF0dXJl"]),
        "another signature",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_an_invalid_token_is_refused_with_the_reason(case: str) -> None:
    token, expected = REFUSED[case]
    with pytest.raises(AccessRefusedError) as caught:
        verify(token)
    assert expected in caught.value.message
    assert caught.value.message.startswith("expected ")
    assert caught.value.kind == "invalid_token"


def test_clock_skew_up_to_the_leeway_is_allowed() -> None:
    assert verify(signed(claims(exp=int(time.time()) - AUTH.leeway_seconds + 5))).tenant == "acme"


def test_keys_round_trip_through_the_secret() -> None:
    assert parse_tenant_keys(format_tenant_keys(KEYS)) == KEYS
    assert parse_tenant_keys("") == {}


def test_a_tenant_signs_with_its_own_key() -> None:
    assert key_of(KEYS, "globex") == (OTHER_KID, OTHER_KEY)
    assert key_of(KEYS, "umbrella") is None


def test_the_newest_key_signs_and_keys_of_unknown_age_count_as_oldest() -> None:
    of_old = KEY.model_copy(update={"made_at": None})
    assert key_of({"acme-ffff": of_old, KID: KEY}, "acme") == (KID, KEY)
    assert "made_at" not in format_tenant_keys({"acme-ffff": of_old})


def test_tenants_without_a_key_get_one() -> None:
    keys = with_keys_for({KID: KEY}, ["acme", "hooli"])
    assert sorted(key.tenant for key in keys.values()) == ["acme", "hooli"]
    assert keys[KID] == KEY
    assert with_keys_for(keys, ["acme", "hooli"]) == keys


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "no json",
        '{"k": "text"}',
        '{"k": {"tenant": "acme"}}',
        json.dumps({"k": {"tenant": "UPPER", "key": encode_key(bytes(KEY_BYTES))}}),
        json.dumps({"k": {"tenant": "acme", "key": encode_key(bytes(KEY_BYTES - 1))}}),
        json.dumps({"k": {"tenant": "acme", "key": "secret words, not base64"}}),
    ],
)
def test_a_malformed_secret_is_rejected_without_repeating_it(text: str) -> None:
    with pytest.raises(MalformedKeysError, match="expected key id") as caught:
        parse_tenant_keys(text)
    assert "secret words" not in str(caught.value)


def test_repr_does_not_contain_the_key() -> None:
    assert encode_key(KEY.key) not in repr(KEY)
    assert repr(KEY.key) not in repr(TenantKey(tenant="acme", key=KEY.key))
