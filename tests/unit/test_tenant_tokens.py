import base64
import json
import time
from datetime import timedelta
from typing import Any

import jwt
import pytest

from lambdas.core.access.grants import ALL_SCOPES, AccessRefusedError, Grant
from lambdas.core.access.signing_keys import SigningKeys
from lambdas.core.access.tenant_tokens import sign_tenant_token, verify_tenant_token
from lambdas.core.settings import load_settings

AUTH = load_settings().auth
KEYS = {tenant: SigningKeys.made_for(tenant) for tenant in ("acme", "globex", "initech")}
KID, KEY = KEYS["acme"].signing, KEYS["acme"].signing_key
OTHER_KID, OTHER_KEY = KEYS["globex"].signing, KEYS["globex"].signing_key
GONE_KID, GONE_KEY = KEYS["initech"].signing, KEYS["initech"].signing_key
TENANTS = frozenset({"acme", "globex"})


def verify(token: str) -> Grant:
    return verify_tenant_token(token, lambda tenant, kid: KEYS[tenant].keys.get(kid), AUTH, TENANTS)


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    made = {"iss": "acme", "aud": AUTH.audience, "exp": now + 86_400, "iat": now, "scope": "images:read", **changes}
    return {name: value for name, value in made.items() if value is not None}


def encode(payload: Any, header: Any) -> str:
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, payload)]
    return ".".join((*parts, ""))


def signed(payload: dict[str, Any], *, key: bytes = KEY, kid: object = KID, algorithm: str = "HS256") -> str:
    return jwt.encode(payload, key, algorithm=algorithm, headers={"kid": kid} if kid else {})


def test_a_signed_token_grants_its_tenant_and_scopes() -> None:
    token = sign_tenant_token(
        "acme",
        KEYS["acme"],
        audience=AUTH.audience,
        scopes=frozenset(ALL_SCOPES),
        life=timedelta(minutes=1),
        subject="ann",
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
NESTED = base64.urlsafe_b64encode(b"[" * 2800).rstrip(b"=").decode()
REFUSED = {
    "alg none": (encode(claims(), {"alg": "none", "kid": KID}), "signed with HS256 but received alg 'none'"),
    "alg None in capitals": (encode(claims(), {"alg": "NONE", "kid": KID}), "received alg 'NONE'"),
    "no alg": (encode(claims(), {"kid": KID}), "signed with HS256 but received alg 'None'"),
    "HS512": (signed(claims(), key=KEY * 2, algorithm="HS512"), "signed with HS256 but received alg 'HS512'"),
    "RS256 in the header": (encode(claims(), {"alg": "RS256", "kid": KID}), "received alg 'RS256'"),
    "no key id": (signed(claims(), kid=None), "names its key (kid)"),
    "unknown key id": (signed(claims(), kid="acme-00000000"), "received an unknown key id"),
    "a tenant that was removed": (
        signed(claims(iss="initech"), key=GONE_KEY, kid=GONE_KID),
        "received an unknown key id",
    ),
    "another tenant's key": (signed(claims(), key=OTHER_KEY), "another signature"),
    "another tenant's key id": (signed(claims(), kid=OTHER_KID), "received an unknown key id"),
    "another tenant as issuer": (signed(claims(iss="globex")), "received an unknown key id"),
    "an unknown tenant as issuer": (signed(claims(iss="umbrella")), "received an unknown key id"),
    "an issuer that is not text": (encode(claims(iss=["acme"]), {"alg": "HS256", "kid": KID}), "with the claim iss"),
    "claims that are not an object": (encode(["acme"], {"alg": "HS256", "kid": KID}), "with a JSON object of claims"),
    "claims nested too deeply": (
        ".".join([encode({}, {"alg": "HS256", "kid": KID}).split(".")[0], NESTED, "c2lnbmF0dXJl"]),
        "with a JSON object of claims",
    ),
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
