"""Tokens of private pictures at the viewer-request function: what lets in, and many ways in that do not."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from edge_function_runs import event_for, executables, outcome, run_batch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lambdas.core.access.image_tokens import sign_image_token
from lambdas.core.access.signing_keys import SigningKeys, encode_key
from lambdas.core.keys import id_prefixes, new_image_id
from lambdas.core.settings import load_settings
from lambdas.edge.inline import viewer_request_source

KID, OLD_KID = "image-1234abcd", "image-00000000"
KEY, OLD_KEY, STRANGERS_KEY = bytes(range(32)), bytes(range(32, 64)), bytes(32)
STORE = {KID: encode_key(KEY), OLD_KID: encode_key(OLD_KEY), "short": "AAAA", "empty": "", "text": "not base64url!"}
IMAGE, OTHER = (new_image_id(private=True, tenant="demo") for _ in range(2))
NOW = int(time.time())
GOOD = {"image": IMAGE, "nbf": NOW, "exp": NOW + 86_400}
RUNTIMES = executables()
RUNTIME = pytest.mark.parametrize(
    "runtime",
    [
        pytest.param(name, marks=() if path else pytest.mark.skip(reason=f"{name} is not installed"))
        for name, path in RUNTIMES.items()
    ],
)


def encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def signed(header: Any, claims: Any, key: bytes = KEY, digest: str = "sha256") -> str:
    """Sign any header and claims, well formed or not."""
    parts = [encoded(part if isinstance(part, bytes) else json.dumps(part).encode()) for part in (header, claims)]
    text = ".".join(parts)
    return f"{text}.{encoded(hmac.new(key, text.encode(), digest).digest())}"


def token(
    claims: Mapping[str, Any] | None = None, *, without: tuple[str, ...] = (), key: bytes = KEY, **header: Any
) -> str:
    """Sign ``claims`` laid over good ones."""
    body = {name: value for name, value in {**GOOD, **(claims or {})}.items() if name not in without}
    return signed({"alg": "HS256", "kid": KID, "typ": "JWT", **header}, body, key)


TOKEN = token()
HEAD, BODY, SIGNATURE = TOKEN.split(".")
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
# 43 characters hold two bits more than 32 bytes: this is another text with the same bytes.
SAME_BYTES = SIGNATURE[:-1] + _ALPHABET[_ALPHABET.index(SIGNATURE[-1]) ^ 1]
TAMPERED_BODY = encoded(json.dumps({**GOOD, "image": OTHER}).encode())

ACCEPTED = {
    "image": token(),
    "any kid of the store": token(key=OLD_KEY, kid=OLD_KID),
    "without typ": signed({"alg": "HS256", "kid": KID}, GOOD),
    "without nbf": token(without=("nbf",)),
    "signer's clock ahead": token({"nbf": NOW + 5}),
    "fractional exp": token({"exp": NOW + 86_400.5}),
    "tenant": token({"tenant": "demo"}, without=("image",)),
    "prefix of ids": token({"prefix": IMAGE[:12]}, without=("image",)),
    "image and tenant": token({"tenant": "demo"}),
    "claims that are not ours": token({"sub": "someone", "aud": "darkroom"}),
}

REFUSED: dict[str, tuple[str, int]] = {
    "tampered claims": (f"{HEAD}.{TAMPERED_BODY}.{SIGNATURE}", 401),
    "tampered header": (f"{encoded(b'{}')}.{BODY}.{SIGNATURE}", 401),
    "tampered signature": (f"{HEAD}.{BODY}.{SIGNATURE[::-1]}", 401),
    "signature of the same bytes spelled otherwise": (f"{HEAD}.{BODY}.{SAME_BYTES}", 401),
    "no signature": (f"{HEAD}.{BODY}.", 401),
    "two parts": (f"{HEAD}.{BODY}", 401),
    "four parts": (f"{TOKEN}.{SIGNATURE}", 401),
    "short signature": (f"{HEAD}.{BODY}.{SIGNATURE[:-1]}", 401),
    "long signature": (f"{TOKEN}A", 401),
    "padded": (f"{HEAD}.{BODY}.{SIGNATURE}=", 401),
    "line break": (f"{TOKEN}%0a", 401),
    "space before": (f"%20{TOKEN}", 401),
    "alg none": (signed({"alg": "none", "kid": KID}, GOOD), 401),
    "alg none, unsigned": (f"{encoded(json.dumps({'alg': 'none', 'kid': KID}).encode())}.{BODY}.", 401),
    "alg lower case": (token(alg="hs256"), 401),
    "alg HS512": (signed({"alg": "HS512", "kid": KID}, GOOD, digest="sha512"), 401),
    "alg RS256": (token(alg="RS256"), 401),
    "alg a list": (token(alg=["HS256"]), 401),
    "no alg": (signed({"kid": KID}, GOOD), 401),
    "no kid": (signed({"alg": "HS256"}, GOOD), 401),
    "kid unknown": (token(kid="image-ffffffff"), 401),
    "kid of another key": (token(kid=OLD_KID), 401),
    "kid a number": (token(kid=1), 401),
    "kid empty": (token(kid=""), 401),
    "kid of a prototype": (token(kid="constructor"), 401),
    "kid __proto__": (token(kid="__proto__"), 401),
    "kid a path": (token(kid="../" + KID), 401),
    "kid very long": (token(kid="k" * 65), 401),
    "key empty in the store": (token(kid="empty", key=b""), 401),
    "key too short in the store": (token(kid="short", key=bytes(3)), 401),
    "key malformed in the store": (token(kid="text", key=b"not base64url!"), 401),
    "crit": (token(crit=["exp"]), 401),
    "a stranger's key": (token(key=STRANGERS_KEY), 401),
    "the key's text as the key": (token(key=encode_key(KEY).encode()), 401),
    "header no JSON": (signed(b"{", GOOD), 401),
    "header null": (signed(None, GOOD), 401),
    "header a list": (signed(["HS256"], GOOD), 401),
    "claims no JSON": (signed({"alg": "HS256", "kid": KID}, b"{"), 401),
    "claims null": (signed({"alg": "HS256", "kid": KID}, None), 401),
    "claims a text": (signed({"alg": "HS256", "kid": KID}, "image"), 401),
    "claims deep": (signed({"alg": "HS256", "kid": KID}, b"[" * 900), 401),
    "expired": (token({"exp": NOW - 1}), 401),
    "exp in milliseconds long ago": (token({"exp": 0}), 401),
    "no exp": (token(without=("exp",)), 401),
    "exp a text": (token({"exp": str(NOW + 3600)}), 401),
    "exp null": (token({"exp": None}), 401),
    "exp not a number": (signed({"alg": "HS256", "kid": KID}, json.dumps({**GOOD, "exp": float("nan")}).encode()), 401),
    "nbf to come": (token({"nbf": NOW + 43_200}), 401),
    "nbf a text": (token({"nbf": "0"}), 401),
    "nbf null": (token({"nbf": None}), 401),
    "too long": (token({"pad": "x" * 2100}), 401),
    "not a token": ("anything", 401),
    "percent": ("%E0%A4%A", 401),
    "another image": (token({"image": OTHER}), 403),
    "no grant": (token(without=("image",)), 403),
    "image a prefix": (token({"image": IMAGE[:20]}), 403),
    "image a list": (token({"image": [IMAGE]}), 403),
    "image empty": (token({"image": ""}), 403),
    "image null": (token({"image": None}), 403),
    "image without p-": (token({"image": IMAGE[2:]}), 403),
    "image upper case": (token({"image": IMAGE.upper()}), 403),
    "another tenant": (token({"tenant": "other"}, without=("image",)), 403),
    "tenant a list": (token({"tenant": ["demo"]}, without=("image",)), 403),
    "tenant empty": (token({"tenant": ""}, without=("image",)), 403),
    "image fits, tenant does not": (token({"tenant": "other"}), 403),
    "tenant fits, image does not": (token({"tenant": "demo", "image": OTHER}), 403),
    "another prefix": (token({"prefix": "p-00000000"}, without=("image",)), 403),
    "prefix empty": (token({"prefix": ""}, without=("image",)), 403),
    "prefix of all": (token({"prefix": "p-"}, without=("image",)), 403),
    "prefix of a pattern": (token({"prefix": "p-*"}, without=("image",)), 403),
}
PRIVATE = f"/img/{IMAGE}"
PLACES = {
    "query": lambda text: (f"{PRIVATE}?token={text}&w=256&fmt=avif", {}),
    "header": lambda text: (f"{PRIVATE}?w=256&fmt=avif", {"authorization": f"Bearer {text}"}),
    "cookie": lambda text: (f"{PRIVATE}?w=256&fmt=avif", {"cookie": f"a=b; token={text}; c=d"}),
}
ODD: list[tuple[str, str, dict[str, str] | list[tuple[str, str]], int]] = [
    ("none", PRIVATE, {}, 401),
    ("empty", f"{PRIVATE}?token=", {}, 401),
    ("twice", f"{PRIVATE}?token={TOKEN}&token={TOKEN}", {}, 401),
    ("bad in the URL, good in the cookie", f"{PRIVATE}?token=bad", {"cookie": f"token={TOKEN}"}, 401),
    ("under another name", f"{PRIVATE}?Token={TOKEN}", {}, 401),
    ("in the referer", PRIVATE, {"referer": f"https://x.example/?token={TOKEN}"}, 401),
    ("basic", PRIVATE, {"authorization": f"Basic {TOKEN}"}, 401),
    ("bare", PRIVATE, {"authorization": TOKEN}, 401),
    ("two in the header", PRIVATE, {"authorization": f"Bearer {TOKEN} {TOKEN}"}, 401),
    ("for another image", f"/img/{OTHER}?token={TOKEN}", {}, 403),
    ("in the path", f"{PRIVATE}/{TOKEN}", {}, 404),
    ("percent-encoded id", f"/img/%70-{IMAGE[2:]}?token={TOKEN}", {}, 400),
    ("derivative's own path", f"/{IMAGE}/256x0.avif?token={TOKEN}", {}, 404),
    ("good, for a width that is none", f"{PRIVATE}?token={TOKEN}&w=broken", {}, 400),
]


@pytest.fixture(scope="module")
def source() -> str:
    return viewer_request_source(load_settings())


def answers(runtime: str, source: str, events: list[dict[str, Any]], folder: Path) -> list[dict[str, Any]]:
    return run_batch(str(RUNTIMES[runtime]), source, events, folder, STORE)


@RUNTIME
def test_valid_tokens_are_accepted_everywhere_and_removed(runtime: str, source: str, tmp_path: Path) -> None:
    events = [event_for(*place(text)) for text in ACCEPTED.values() for place in PLACES.values()]
    for event, result in zip(events, answers(runtime, source, events, tmp_path), strict=True):
        assert outcome(result) == f"/{IMAGE}/256x0.avif", (event, result)
        assert (result["querystring"], result["cookies"]) == ({}, {})
        assert "authorization" not in result["headers"]
        assert "eyJ" not in json.dumps(result)


@RUNTIME
def test_invalid_tokens_are_refused_with_no_store(runtime: str, source: str, tmp_path: Path) -> None:
    cases = [
        (name, place(text), status)
        for name, (text, status) in REFUSED.items()
        for where, place in PLACES.items()
        if where == "query" or "%" not in text
    ]
    cases += [(name, (url, headers), status) for name, url, headers, status in ODD]
    events = [event_for(*asked) for _, asked, _ in cases]
    assert len(REFUSED) + len(ODD) > 30
    for (name, (url, _), status), result in zip(cases, answers(runtime, source, events, tmp_path), strict=True):
        assert outcome(result) == status, (name, result)
        if "/p-" in url:
            assert result["headers"]["cache-control"] == {"value": "no-store"}, name
        if status in (401, 403):
            assert ("www-authenticate" in result["headers"]) == (status == 401), name
            assert "eyJ" not in json.dumps(result), name


@RUNTIME
def test_changing_any_character_invalidates_a_token(runtime: str, source: str, tmp_path: Path) -> None:
    changed = [
        TOKEN[:index] + ("A" if TOKEN[index] != "A" else "B") + TOKEN[index + 1 :] for index in range(len(TOKEN))
    ]
    events = [event_for(f"{PRIVATE}?token={text}") for text in changed]
    assert {outcome(result) for result in answers(runtime, source, events, tmp_path)} == {401}


@RUNTIME
def test_the_edge_accepts_tokens_of_the_api(runtime: str, source: str, tmp_path: Path) -> None:
    keys = SigningKeys(signing=KID, signing_since=datetime.now(UTC), keys={KID: KEY, OLD_KID: OLD_KEY})
    made = sign_image_token(keys, IMAGE, now=datetime.now(UTC), life=timedelta(minutes=5))
    events = [event_for(f"{PRIVATE}?token={made.token}"), event_for(f"/img/{OTHER}?token={made.token}")]
    assert [outcome(result) for result in answers(runtime, source, events, tmp_path)] == [f"/{IMAGE}/1024x0.jpeg", 403]


def test_the_edge_accepts_tokens_of_pyjwt(source: str, tmp_path: Path) -> None:
    made = jwt.encode(GOOD, KEY, algorithm="HS256", headers={"kid": KID})
    (result,) = answers("node", source, [event_for(f"{PRIVATE}?token={made}")], tmp_path)
    assert outcome(result) == f"/{IMAGE}/1024x0.jpeg"


def test_an_unreadable_key_store_refuses_tokens(source: str, tmp_path: Path) -> None:
    (result,) = run_batch(str(RUNTIMES["node"]), source, [event_for(f"{PRIVATE}?token={TOKEN}")], tmp_path, {})
    assert outcome(result) == 401


@pytest.mark.parametrize(("private", "prefix"), [(False, ""), (True, "p-")])
def test_a_tenants_ids_begin_with_its_digits(private: bool, prefix: str) -> None:
    begin = prefix + hashlib.sha256(b"demo").hexdigest()[:8]
    assert begin in id_prefixes("demo")
    made = [new_image_id(private=private, tenant="demo") for _ in range(50)]
    assert all(image_id.startswith(begin) and len(image_id) == len(prefix) + 32 for image_id in made)
    assert len({image_id.removeprefix(begin) for image_id in made}) == 50


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
claim_sets = st.dictionaries(st.sampled_from(["image", "tenant", "prefix", "nbf", "exp", "__proto__"]), json_values)
hostile_tokens = st.one_of(
    st.text(max_size=60),
    st.tuples(json_values, json_values).map(lambda pair: signed(*pair)),
    claim_sets.map(lambda claims: signed({"alg": "HS256", "kid": KID}, claims)),
    st.lists(st.text(alphabet=_ALPHABET, max_size=50), min_size=3, max_size=3).map(".".join),
)


@pytest.mark.slow
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(texts=st.lists(hostile_tokens, min_size=20, max_size=40))
def test_hostile_tokens_are_refused_by_every_runtime(
    source: str, tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("hostile")
    events = []
    for text in texts:
        event = event_for(PRIVATE)
        event["request"]["querystring"] = {"token": {"value": text}}
        events.append(event)
    for runtime in (name for name, path in RUNTIMES.items() if path):
        statuses = {outcome(result) for result in answers(runtime, source, events, folder) if "thrown" not in result}
        assert statuses <= {401, 403}
        assert not [result for result in answers(runtime, source, events, folder) if "thrown" in result]
