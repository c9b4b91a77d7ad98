"""Response headers policies in the local edge."""

import httpx
import pytest

from infra.local.cloudfront.distribution import AddedHeader, Cors, ResponseHeadersPolicy
from infra.local.cloudfront.responses import apply_policy

VARY = AddedHeader("vary", "Accept, DPR", override=True)
CORS = Cors(
    origins=("https://*.example.com",),
    methods=("GET",),
    headers=("*",),
    exposed=("ETag",),
    credentials=False,
    max_age_seconds=60,
    override=True,
)


def applied(policy: ResponseHeadersPolicy, origin: str | None = None, **headers: str) -> dict[str, str]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return dict(apply_policy(policy, httpx.Headers(named), origin))


def test_an_empty_policy_adds_nothing() -> None:
    assert applied(ResponseHeadersPolicy(), etag="1") == {"etag": "1"}


@pytest.mark.parametrize(("override", "expected"), [(True, "Accept"), (False, "Origin")])
def test_the_origin_s_own_header_is_kept_unless_overridden(override: bool, expected: str) -> None:
    policy = ResponseHeadersPolicy(added=(AddedHeader("vary", "Accept", override),))
    assert applied(policy, vary="Origin") == {"vary": expected}


def test_an_absent_header_is_added_with_or_without_override() -> None:
    policy = ResponseHeadersPolicy(added=(AddedHeader("accept-ch", "DPR", override=False), VARY))
    assert applied(policy) == {"accept-ch": "DPR", "vary": "Accept, DPR"}


def test_headers_are_removed() -> None:
    policy = ResponseHeadersPolicy(removed=("x-amz-version-id", "absent"))
    assert applied(policy, x_amz_version_id="1", etag="2") == {"etag": "2"}


@pytest.mark.parametrize(
    ("origins", "origin", "allowed"),
    [
        (("*",), "https://any.test", "*"),
        (("https://*.example.com",), "https://a.example.com", "https://a.example.com"),
        (("https://*.example.com",), "https://example.org", None),
        (("https://*.example.com",), None, None),
    ],
)
def test_cors(origins: tuple[str, ...], origin: str | None, allowed: str | None) -> None:
    cors = Cors(origins, CORS.methods, CORS.headers, CORS.exposed, False, None, override=True)
    assert applied(ResponseHeadersPolicy(cors=cors), origin).get("access-control-allow-origin") == allowed


@pytest.mark.parametrize(("origin", "expected"), [(None, "Origin"), ("https://a.example.com", None)])
def test_a_policy_with_cors_loses_its_vary_as_on_aws(origin: str | None, expected: str | None) -> None:
    assert applied(ResponseHeadersPolicy(added=(VARY,), cors=CORS), origin).get("vary") == expected
