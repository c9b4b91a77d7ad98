import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from lambdas.authorize.issuer_tokens import issuer_keys, verify_issuer_token
from lambdas.core.access.grants import AccessRefusedError, Grant
from lambdas.core.settings import Auth, Issuer, load_settings

RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC = ec.generate_private_key(ec.SECP256R1())
STRANGER = ec.generate_private_key(ec.SECP256R1())
ISSUER = Issuer(
    name="https://login.example.com/",
    jwks_url="https://login.example.com/jwks.json",
    algorithms=("RS256", "ES256"),
    tenant_claim="org",
)
AUTH: Auth = load_settings().auth
TENANTS = frozenset({"demo"})


class KeySet:
    """A JSON Web Key Set behind HTTP, counting the reads."""

    def __init__(self) -> None:
        self.keys = [
            {**RSAAlgorithm.to_jwk(RSA.public_key(), as_dict=True), "kid": "rsa", "alg": "RS256", "use": "sig"},
            {**ECAlgorithm.to_jwk(EC.public_key(), as_dict=True), "kid": "ec", "alg": "ES256", "use": "sig"},
        ]
        self.reads = 0
        self.answers = True
        self.body: bytes | None = None
        keys = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                keys.reads += 1
                if not keys.answers:
                    self.send_error(503)
                    return
                body = keys.body or json.dumps({"keys": keys.keys}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/jwks.json"


@pytest.fixture
def key_set() -> Iterator[KeySet]:
    served = KeySet()
    yield served
    served.server.shutdown()
    served.server.server_close()


def token(key: Any = EC, *, kid: str | None = "ec", algorithm: str = "ES256", **changes: Any) -> str:
    made = {
        "iss": ISSUER.name,
        "sub": "ann",
        "aud": ["other", AUTH.audience],
        "exp": int(time.time()) + 86_400,
        "org": "demo",
        "scope": "images:read",
        **changes,
    }
    claims = {name: value for name, value in made.items() if value is not None}
    return jwt.encode(claims, key, algorithm=algorithm, headers={"kid": kid} if kid else {})


def verify(text: str, served: KeySet) -> Grant:
    return verify_issuer_token(text, issuer_keys(served.url, AUTH), AUTH, ISSUER, TENANTS)


@pytest.mark.parametrize(("key", "kid", "algorithm"), [(RSA, "rsa", "RS256"), (EC, "ec", "ES256")])
def test_the_issuers_tokens_are_accepted(key_set: KeySet, key: Any, kid: str, algorithm: str) -> None:
    assert verify(token(key, kid=kid, algorithm=algorithm), key_set) == Grant("demo", "ann", frozenset({"images:read"}))


# Algorithm confusion: a token signed with the public key as an HMAC secret.
CONFUSED = jwt.api_jws.PyJWS().encode(
    json.dumps({"iss": ISSUER.name, "sub": "ann", "aud": AUTH.audience, "exp": 2**33, "org": "demo"}).encode(),
    EC.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint),
    algorithm="HS256",
    headers={"kid": "ec"},
)

REFUSED = {
    "another's signature": (token(STRANGER), "another signature"),
    "ES256 named for the RSA key": (token(EC, kid="rsa"), "expected a valid token"),
    "PS256": (token(RSA, kid="rsa", algorithm="PS256"), "RS256 or ES256 but received alg 'PS256'"),
    "HS256 with the public key": (CONFUSED, "RS256 or ES256 but received alg 'HS256'"),
    "alg none": (jwt.encode({"org": "demo"}, None, algorithm="none"), "received alg 'none'"),
    "no key id": (token(kid=None), "names its key (kid)"),
    "unknown key id": (token(kid="gone"), "a key of the issuer (kid)"),
    "wrong issuer": (token(iss="https://evil.example.com/"), "of the issuer"),
    "wrong audience": (token(aud="elsewhere"), "for the audience"),
    "expired": (token(exp=1), "one that has (exp)"),
    "not before tomorrow": (token(nbf=int(time.time()) + 86_400), "not valid yet"),
    "no subject": (token(sub=None), "with the claim sub"),
    "no tenant": (token(org=None), "a tenant in the claim org but received 'None'"),
    "unknown tenant": (token(org="globex"), "received 'globex'"),
    "tenants": (token(org=["demo"]), "a tenant in the claim org"),
    "garbage": ("garbage", "expected a JSON Web Token"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_an_invalid_token_is_refused_with_the_reason(key_set: KeySet, case: str) -> None:
    text, expected = REFUSED[case]
    with pytest.raises(AccessRefusedError) as caught:
        verify(text, key_set)
    assert expected in caught.value.message
    assert caught.value.kind == "invalid_token"


def test_unknown_key_ids_do_not_reread_the_keys_every_time(key_set: KeySet) -> None:
    keys = issuer_keys(key_set.url, AUTH)
    for kid in ("ec", "ec", "made-up", "made-up", "another"):
        try:
            verify_issuer_token(token(kid=kid), keys, AUTH, ISSUER, TENANTS)
        except AccessRefusedError as refused:
            assert kid != "ec", refused.message
    assert key_set.reads == 1


@pytest.mark.parametrize("body", [None, b"<html>", b'{"keys": []}'])
def test_unavailable_issuer_keys_are_not_an_invalid_token(key_set: KeySet, body: bytes | None) -> None:
    key_set.body = body
    key_set.answers = body is not None
    with pytest.raises(AccessRefusedError) as caught:
        verify(token(), key_set)
    assert caught.value.kind == "unavailable"
