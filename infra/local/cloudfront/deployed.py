"""The deployed distribution, read from the emulator by CloudFront's API alone."""

import re
from collections.abc import Callable, Mapping
from typing import Any, get_args

from infra.local.cloudfront.distribution import (
    AddedHeader,
    Behavior,
    CachePolicy,
    Chosen,
    Cors,
    Distribution,
    EventType,
    ResponseHeadersPolicy,
    S3Origin,
    UnsupportedDistributionError,
)
from infra.local.cloudfront.functions import FunctionCode

_BUCKET_DOMAIN = re.compile(r"(?P<bucket>[a-z0-9][a-z0-9.-]+)\.s3(?:[.-](?P<region>[a-z0-9-]+))?\.amazonaws\.com")
# CloudFront refuses these as custom headers: a policy has settings for them.
_MANAGED_HEADERS = re.compile(
    r"access-control-.*|content-security-policy|referrer-policy|strict-transport-security"
    r"|x-content-type-options|x-frame-options|x-xss-protection"
)
_DEFAULT_REGION = "us-east-1"

ListKeys = Callable[[str], Mapping[str, str]]


def read_distribution(cloudfront: Any, list_keys: ListKeys, distribution_id: str) -> Distribution:
    """Read the distribution and all that it refers to.

    Args:
        cloudfront: a boto3 client of ``cloudfront``.
        list_keys: returns the pairs of the key-value store with the ARN that it is given.
        distribution_id: its id.

    Raises:
        UnsupportedDistributionError: it has what CloudFront refuses or this edge does not support.
    """
    deployed = cloudfront.get_distribution(Id=distribution_id)["Distribution"]
    config = deployed["DistributionConfig"]
    patterns = [*_items(config, "CacheBehaviors"), {**config["DefaultCacheBehavior"], "PathPattern": "*"}]
    behaviors = tuple(_behavior(cloudfront, config, behavior) for behavior in patterns)
    names = {name for behavior in behaviors for name in behavior.functions.values()}
    return Distribution(
        distribution_id=distribution_id,
        arn=deployed["ARN"],
        domain_name=deployed["DomainName"],
        behaviors=behaviors,
        functions={name: read_function(cloudfront, list_keys, name) for name in sorted(names)},
        tag_header=(config.get("CacheTagConfig") or {}).get("HeaderName"),
        error_seconds={
            rule["ErrorCode"]: rule["ErrorCachingMinTTL"]
            for rule in _items(config, "CustomErrorResponses")
            if "ErrorCachingMinTTL" in rule
        },
    )


def read_function(cloudfront: Any, list_keys: ListKeys, name: str) -> FunctionCode:
    """Read the published code of a function and the pairs of the key-value store that belongs to it."""
    # CloudFront associates one store with a function at most.
    source = cloudfront.get_function(Name=name, Stage="LIVE")["FunctionCode"].read().decode()
    summary = cloudfront.describe_function(Name=name, Stage="LIVE")["FunctionSummary"]
    associations = _items(summary["FunctionConfig"], "KeyValueStoreAssociations")
    store = associations[0]["KeyValueStoreARN"] if associations else None
    return FunctionCode(name, source, list_keys(store) if store else {}, store)


def _items(structure: Mapping[str, Any], name: str) -> list[Any]:
    block = structure.get(name) or {}
    return list(block.get("Items") or [])


def _behavior(cloudfront: Any, config: Mapping[str, Any], behavior: Mapping[str, Any]) -> Behavior:
    pattern = behavior["PathPattern"]
    if "CachePolicyId" not in behavior:
        raise UnsupportedDistributionError(f"expected a cache policy for the behavior {pattern!r} but received none")
    if behavior.get("OriginRequestPolicyId"):
        raise UnsupportedDistributionError(
            f"expected no origin request policy for the behavior {pattern!r}: the local edge forwards no more than"
            " the cache key"
        )
    lambdas = {a["EventType"]: a["LambdaFunctionARN"] for a in _items(behavior, "LambdaFunctionAssociations")}
    if strays := set(lambdas) - {"origin-request"}:
        raise UnsupportedDistributionError(
            f"expected Lambda@Edge functions on origin-request only but received one on {', '.join(sorted(strays))}"
        )
    origins, failover = _origins(config, behavior["TargetOriginId"])
    policy_id = behavior.get("ResponseHeadersPolicyId")
    return Behavior(
        pattern=pattern,
        origins=origins,
        failover=failover,
        methods=frozenset(_items(behavior, "AllowedMethods")),
        cache=_cache_policy(cloudfront, behavior["CachePolicyId"]),
        response_headers=_response_headers(cloudfront, policy_id) if policy_id else ResponseHeadersPolicy(),
        functions={
            _event_type(a["EventType"]): a["FunctionARN"].rpartition("/")[2]
            for a in _items(behavior, "FunctionAssociations")
        },
        lambdas=lambdas,
    )


def _event_type(text: str) -> EventType:
    for known in get_args(EventType):
        if text == known:
            return text  # type: ignore[return-value]
    raise UnsupportedDistributionError(f"expected an event type of a function but received {text!r}")


def _origins(config: Mapping[str, Any], target: str) -> tuple[tuple[S3Origin, ...], frozenset[int]]:
    origins = {origin["Id"]: origin for origin in _items(config, "Origins")}
    for group in _items(config, "OriginGroups"):
        if group["Id"] == target:
            members = [_origin(origins[member["OriginId"]]) for member in _items(group, "Members")]
            return tuple(members), frozenset(group["FailoverCriteria"]["StatusCodes"]["Items"])
    if target not in origins:
        raise UnsupportedDistributionError(f"expected one of the origins {sorted(origins)} but received {target!r}")
    return (_origin(origins[target]),), frozenset()


def _origin(origin: Mapping[str, Any]) -> S3Origin:
    match = _BUCKET_DOMAIN.fullmatch(origin["DomainName"])
    if not match or "S3OriginConfig" not in origin:
        raise UnsupportedDistributionError(f"expected an S3 origin but received {origin['DomainName']!r}")
    return S3Origin(
        origin_id=origin["Id"],
        bucket=match["bucket"],
        region=match["region"] or _DEFAULT_REGION,
        domain_name=origin["DomainName"],
        path=origin.get("OriginPath", ""),
        custom_headers={h["HeaderName"].lower(): h["HeaderValue"] for h in _items(origin, "CustomHeaders")},
        signed=bool(origin.get("OriginAccessControlId")),
        connect_seconds=origin.get("ConnectionTimeout", 10),
        connect_attempts=origin.get("ConnectionAttempts", 3),
        read_seconds=origin["S3OriginConfig"].get("OriginReadTimeout", 30),
        whole_seconds=origin.get("ResponseCompletionTimeout"),
    )


def _cache_policy(cloudfront: Any, policy_id: str) -> CachePolicy:
    config = cloudfront.get_cache_policy_config(Id=policy_id)["CachePolicyConfig"]
    key = config["ParametersInCacheKeyAndForwardedToOrigin"]
    headers, cookies, query = key["HeadersConfig"], key["CookiesConfig"], key["QueryStringsConfig"]
    switches = {"br": "EnableAcceptEncodingBrotli", "gzip": "EnableAcceptEncodingGzip"}
    return CachePolicy(
        min_seconds=config["MinTTL"],
        default_seconds=config["DefaultTTL"],
        max_seconds=config["MaxTTL"],
        headers=Chosen(headers["HeaderBehavior"], tuple(name.lower() for name in _items(headers, "Headers"))),
        cookies=Chosen(cookies["CookieBehavior"], tuple(_items(cookies, "Cookies"))),
        query=Chosen(query["QueryStringBehavior"], tuple(_items(query, "QueryStrings"))),
        encodings=tuple(encoding for encoding, switch in switches.items() if key.get(switch)),
    )


def _response_headers(cloudfront: Any, policy_id: str) -> ResponseHeadersPolicy:
    config = cloudfront.get_response_headers_policy_config(Id=policy_id)["ResponseHeadersPolicyConfig"]
    custom = [
        AddedHeader(item["Header"].lower(), item["Value"], item["Override"])
        for item in _items(config, "CustomHeadersConfig")
    ]
    for header in custom:
        if _MANAGED_HEADERS.fullmatch(header.name):
            raise UnsupportedDistributionError(
                f"expected no header among a policy's custom headers that CloudFront manages but received {header.name}"
            )
    return ResponseHeadersPolicy(
        added=(*custom, *_security_headers(config.get("SecurityHeadersConfig") or {})),
        removed=tuple(item["Header"].lower() for item in _items(config, "RemoveHeadersConfig")),
        cors=_cors(config["CorsConfig"]) if config.get("CorsConfig") else None,
    )


def _security_headers(config: Mapping[str, Any]) -> list[AddedHeader]:
    fields = {
        "FrameOptions": ("x-frame-options", "FrameOption"),
        "ReferrerPolicy": ("referrer-policy", "ReferrerPolicy"),
        "ContentSecurityPolicy": ("content-security-policy", "ContentSecurityPolicy"),
    }
    added = [
        AddedHeader(name, config[key][field], config[key]["Override"])
        for key, (name, field) in fields.items()
        if key in config
    ]
    if item := config.get("ContentTypeOptions"):
        added.append(AddedHeader("x-content-type-options", "nosniff", item["Override"]))
    if item := config.get("StrictTransportSecurity"):
        added.append(AddedHeader("strict-transport-security", _strict_transport_security(item), item["Override"]))
    return added


def _strict_transport_security(item: Mapping[str, Any]) -> str:
    flags = "; includeSubDomains" * bool(item.get("IncludeSubdomains")) + "; preload" * bool(item.get("Preload"))
    return f"max-age={item['AccessControlMaxAgeSec']}{flags}"


def _cors(config: Mapping[str, Any]) -> Cors:
    return Cors(
        origins=tuple(_items(config, "AccessControlAllowOrigins")),
        methods=tuple(_items(config, "AccessControlAllowMethods")),
        headers=tuple(_items(config, "AccessControlAllowHeaders")),
        exposed=tuple(_items(config, "AccessControlExposeHeaders")),
        credentials=config["AccessControlAllowCredentials"],
        max_age_seconds=config.get("AccessControlMaxAgeSec"),
        override=config["OriginOverride"],
    )
