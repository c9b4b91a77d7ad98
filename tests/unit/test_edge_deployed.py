"""The local edge's reading of a distribution as CloudFront's API tells it."""

import copy
import io
from typing import Any

import pytest

from infra.local.cloudfront.deployed import read_distribution
from infra.local.cloudfront.distribution import AddedHeader, Chosen, UnsupportedDistributionError

ARN = "arn:aws:cloudfront::000000000000:distribution/E1"


def listed(*items: Any) -> dict[str, Any]:
    return {"Quantity": len(items), "Items": list(items)} if items else {"Quantity": 0}


def origin(name: str, **more: Any) -> dict[str, Any]:
    domain = f"{name}.s3.us-west-2.amazonaws.com"
    return {"Id": name, "DomainName": domain, "OriginPath": "", "S3OriginConfig": {"OriginAccessIdentity": ""}, **more}


CONFIG: dict[str, Any] = {
    "Origins": listed(
        origin(
            "primary",
            OriginAccessControlId="OAC",
            ConnectionAttempts=1,
            ConnectionTimeout=2,
            ResponseCompletionTimeout=7,
            S3OriginConfig={"OriginAccessIdentity": "", "OriginReadTimeout": 4},
            CustomHeaders=listed({"HeaderName": "X-Darkroom-Region", "HeaderValue": "us-west-2"}),
        ),
        origin("replica", OriginAccessControlId="OAC"),
    ),
    "OriginGroups": listed(
        {
            "Id": "group",
            "FailoverCriteria": {"StatusCodes": listed(403, 503)},
            "Members": listed({"OriginId": "primary"}, {"OriginId": "replica"}),
        }
    ),
    "DefaultCacheBehavior": {
        "TargetOriginId": "group",
        "ViewerProtocolPolicy": "redirect-to-https",
        "AllowedMethods": {**listed("GET", "HEAD"), "CachedMethods": listed("GET", "HEAD")},
        "CachePolicyId": "cache",
        "ResponseHeadersPolicyId": "headers",
        "FunctionAssociations": listed(
            {"EventType": "viewer-request", "FunctionARN": "arn:aws:cloudfront::000000000000:function/rewrite"}
        ),
        "LambdaFunctionAssociations": listed(
            {"EventType": "origin-request", "LambdaFunctionARN": "arn:aws:lambda:us-east-1:0:function:f:3"}
        ),
    },
    "CustomErrorResponses": listed(
        {"ErrorCode": 404, "ErrorCachingMinTTL": 60}, {"ErrorCode": 503, "ErrorCachingMinTTL": 0}
    ),
}

CACHE_POLICY = {
    "MinTTL": 0,
    "DefaultTTL": 60,
    "MaxTTL": 1000,
    "ParametersInCacheKeyAndForwardedToOrigin": {
        "EnableAcceptEncodingGzip": False,
        "EnableAcceptEncodingBrotli": True,
        "HeadersConfig": {"HeaderBehavior": "whitelist", "Headers": listed("Origin")},
        "CookiesConfig": {"CookieBehavior": "none", "Cookies": listed()},
        "QueryStringsConfig": {"QueryStringBehavior": "none", "QueryStrings": listed()},
    },
}

HEADERS_POLICY: dict[str, Any] = {
    "CustomHeadersConfig": listed({"Header": "Vary", "Value": "Accept", "Override": True}),
    "RemoveHeadersConfig": listed({"Header": "X-Amz-Version-Id"}),
    "SecurityHeadersConfig": {
        "ContentTypeOptions": {"Override": True},
        "StrictTransportSecurity": {"AccessControlMaxAgeSec": 9, "IncludeSubdomains": True, "Override": False},
    },
}


class CloudFront:
    """Answers as boto3's client of CloudFront does."""

    def __init__(self, config: dict[str, Any], headers: dict[str, Any]) -> None:
        self.config, self.headers = config, headers

    def get_distribution(self, *, Id: str) -> dict[str, Any]:  # noqa: N803
        described = {"ARN": ARN, "DomainName": "d1.cloudfront.net", "DistributionConfig": self.config}
        return {"Distribution": {"Id": Id, **described}}

    def get_cache_policy_config(self, *, Id: str) -> dict[str, Any]:  # noqa: N803
        return {"CachePolicyConfig": {"cache": CACHE_POLICY}[Id]}

    def get_response_headers_policy_config(self, *, Id: str) -> dict[str, Any]:  # noqa: N803
        return {"ResponseHeadersPolicyConfig": {"headers": self.headers}[Id]}

    def get_function(self, *, Name: str, Stage: str) -> dict[str, Any]:  # noqa: N803
        return {"FunctionCode": io.BytesIO(f"// {Name} {Stage}".encode())}

    def describe_function(self, *, Name: str, Stage: str) -> dict[str, Any]:  # noqa: N803
        stores = listed({"KeyValueStoreARN": f"arn:store:{Name}:{Stage}"})
        return {"FunctionSummary": {"FunctionConfig": {"KeyValueStoreAssociations": stores}}}


def read(changes: dict[str, Any] | None = None, headers: dict[str, Any] | None = None) -> Any:
    config = copy.deepcopy(CONFIG)
    config["DefaultCacheBehavior"] |= changes or {}
    return read_distribution(CloudFront(config, {**HEADERS_POLICY, **(headers or {})}), lambda arn: {"arn": arn}, "E1")


def test_distribution() -> None:
    distribution = read()
    assert (distribution.arn, distribution.domain_name) == (ARN, "d1.cloudfront.net")
    assert distribution.error_seconds == {404: 60, 503: 0}
    function = distribution.functions["rewrite"]
    assert (function.source, function.keys) == ("// rewrite LIVE", {"arn": "arn:store:rewrite:LIVE"})


def test_origins_of_a_group_in_their_order() -> None:
    primary, replica = (behavior := read().behavior("/any")).origins
    assert (primary.bucket, primary.region, primary.signed) == ("primary", "us-west-2", True)
    assert (primary.connect_attempts, primary.connect_seconds) == (1, 2)
    assert (primary.read_seconds, primary.whole_seconds) == (4, 7)
    assert (replica.read_seconds, replica.whole_seconds) == (30, None)
    assert primary.custom_headers == {"x-darkroom-region": "us-west-2"}
    assert (replica.bucket, replica.connect_attempts, replica.connect_seconds) == ("replica", 3, 10)
    assert behavior.failover == {403, 503}


def test_a_single_origin() -> None:
    behavior = read({"TargetOriginId": "replica"}).behavior("/any")
    assert [origin.bucket for origin in behavior.origins] == ["replica"]
    assert behavior.failover == frozenset()


def test_policies_and_functions() -> None:
    behavior = read().behavior("/any")
    assert (behavior.cache.min_seconds, behavior.cache.default_seconds, behavior.cache.max_seconds) == (0, 60, 1000)
    assert behavior.cache.headers == Chosen("whitelist", ("origin",))
    assert behavior.cache.encodings == ("br",)
    assert behavior.functions == {"viewer-request": "rewrite"}
    assert behavior.lambdas == {"origin-request": "arn:aws:lambda:us-east-1:0:function:f:3"}
    assert behavior.methods == {"GET", "HEAD"}
    assert behavior.response_headers.removed == ("x-amz-version-id",)
    assert behavior.response_headers.added == (
        AddedHeader("vary", "Accept", True),
        AddedHeader("x-content-type-options", "nosniff", True),
        AddedHeader("strict-transport-security", "max-age=9; includeSubDomains", False),
    )


@pytest.mark.parametrize(("path", "pattern"), [("/img/a", "/img/*"), ("/other", "*"), ("/img", "*"), ("/", "*")])
def test_the_first_matching_pattern_applies(path: str, pattern: str) -> None:
    config = copy.deepcopy(CONFIG)
    config["CacheBehaviors"] = listed({**config["DefaultCacheBehavior"], "PathPattern": "/img/*"})
    distribution = read_distribution(CloudFront(config, HEADERS_POLICY), lambda _arn: {}, "E1")
    assert distribution.behavior(path).pattern == pattern


@pytest.mark.parametrize(
    ("changes", "headers", "message"),
    [
        ({"TargetOriginId": "none"}, {}, "expected one of the origins .* but received 'none'"),
        ({"OriginRequestPolicyId": "x"}, {}, "expected no origin request policy"),
        (
            {"LambdaFunctionAssociations": listed({"EventType": "viewer-request", "LambdaFunctionARN": "a"})},
            {},
            "expected Lambda@Edge functions on origin-request only but received one on viewer-request",
        ),
        (
            {},
            {"CustomHeadersConfig": listed({"Header": "Access-Control-Allow-Origin", "Value": "*", "Override": True})},
            "that CloudFront manages but received access-control-allow-origin",
        ),
    ],
)
def test_unsupported_distributions_are_refused(changes: dict[str, Any], headers: dict[str, Any], message: str) -> None:
    with pytest.raises(UnsupportedDistributionError, match=message):
        read(changes, headers)


def test_an_origin_that_is_no_bucket_is_refused() -> None:
    config = copy.deepcopy(CONFIG)
    config["Origins"]["Items"][0]["DomainName"] = "example.com"
    with pytest.raises(UnsupportedDistributionError, match=r"expected an S3 origin but received 'example\.com'"):
        read_distribution(CloudFront(config, HEADERS_POLICY), lambda _arn: {}, "E1")
