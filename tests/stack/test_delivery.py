from typing import Any

import pytest
from synthesized import Assembly, Resource, referenced

from infra.names import Names
from lambdas.core.settings import Settings
from lambdas.edge.inline import MAX_SOURCE_BYTES, NEGOTIATED_HEADERS, viewer_request_source, viewer_response_source


@pytest.fixture
def distribution(aws: Assembly) -> Resource:
    (distribution,) = aws.all("AWS::CloudFront::Distribution")
    return distribution


def behaviors(distribution: Resource) -> list[Any]:
    config = distribution.properties["DistributionConfig"]
    return [config["DefaultCacheBehavior"], *config["CacheBehaviors"]]


def resource(distribution: Resource, value: object) -> Any:
    return distribution.template["Resources"][referenced(value)]["Properties"]


def response_headers(distribution: Resource) -> list[Any]:
    """The policies of public and of private pictures."""
    policies = [resource(distribution, behavior["ResponseHeadersPolicyId"]) for behavior in behaviors(distribution)]
    assert len(policies) == 2
    return [policy["ResponseHeadersPolicyConfig"] for policy in policies]


def test_cache_key_is_the_path_alone(aws: Assembly) -> None:
    for policy in aws.all("AWS::CloudFront::CachePolicy"):
        config = policy.properties["CachePolicyConfig"]
        assert config["ParametersInCacheKeyAndForwardedToOrigin"] == {
            "CookiesConfig": {"CookieBehavior": "none"},
            "HeadersConfig": {"HeaderBehavior": "none"},
            "QueryStringsConfig": {"QueryStringBehavior": "none"},
            "EnableAcceptEncodingBrotli": False,
            "EnableAcceptEncodingGzip": False,
        }, str(policy)


def test_max_ttl_covers_both_stale_windows(aws: Assembly, settings: Settings) -> None:
    delivery = settings.delivery
    windows = delivery.max_age_seconds + delivery.stale_while_revalidate_seconds + delivery.stale_if_error_seconds
    for policy in aws.all("AWS::CloudFront::CachePolicy"):
        config = policy.properties["CachePolicyConfig"]
        assert config["MinTTL"] == 0, str(policy)
        assert config["MaxTTL"] >= windows, str(policy)


def test_every_behavior_has_the_policies_and_both_functions(distribution: Resource) -> None:
    for behavior in behaviors(distribution):
        assert {"CachePolicyId", "ResponseHeadersPolicyId"} <= behavior.keys()
        assert behavior["ViewerProtocolPolicy"] in {"redirect-to-https", "https-only"}
        assert "viewer-request" in {function["EventType"] for function in behavior["FunctionAssociations"]}
        (origin,) = behavior["LambdaFunctionAssociations"]
        assert origin["EventType"] == "origin-request"
        version = distribution.template["Resources"][referenced(origin["LambdaFunctionARN"])]
        assert version["Type"] == "AWS::Lambda::Version"


def test_origin_errors_are_not_cached(distribution: Resource, settings: Settings) -> None:
    lives = {
        each["ErrorCode"]: each["ErrorCachingMinTTL"]
        for each in distribution.properties["DistributionConfig"]["CustomErrorResponses"]
    }
    assert {status: lives[status] for status in (403, 500, 502, 503, 504)} == dict.fromkeys(
        (403, 500, 502, 503, 504), 0
    )
    assert lives[404] == settings.delivery.not_found_seconds


def test_responses_have_vary_and_leave_cache_control_to_the_object(distribution: Resource) -> None:
    for policy in response_headers(distribution):
        custom = {each["Header"]: each for each in policy["CustomHeadersConfig"]["Items"]}
        assert set(NEGOTIATED_HEADERS) <= set(custom["Vary"]["Value"].split(", "))
        assert {"Accept-CH", "Timing-Allow-Origin", "Content-Disposition"} <= custom.keys()
        assert all(each["Override"] for name, each in custom.items() if name != "Cache-Control")
        assert policy["SecurityHeadersConfig"]["ContentTypeOptions"] == {"Override": True}


def test_private_pictures_are_no_store_by_default(
    distribution: Resource,
) -> None:
    public, private = (
        {each["Header"]: each for each in policy["CustomHeadersConfig"]["Items"]}
        for policy in response_headers(distribution)
    )
    assert private["Cache-Control"] == {"Header": "Cache-Control", "Value": "no-store", "Override": False}
    assert "Cache-Control" not in public


def test_response_headers_policy_sets_no_cors(distribution: Resource) -> None:
    for policy in response_headers(distribution):
        assert "CorsConfig" not in policy


def test_scripts_of_the_allowed_origins_may_read_pictures(aws: Assembly, names: Names, settings: Settings) -> None:
    derivatives = aws.one("AWS::S3::Bucket", BucketName=names.derivatives_bucket).properties
    (rule,) = derivatives["CorsConfiguration"]["CorsRules"]
    assert rule["AllowedOrigins"] == list(settings.delivery.cors_origins)
    assert set(rule["AllowedMethods"]) == {"GET", "HEAD"}


def test_private_pictures_are_kept_out_of_shared_caches(distribution: Resource, settings: Settings) -> None:
    public, private = behaviors(distribution)
    assert private["PathPattern"] == "/img/p-*"
    for behavior, is_private in ((public, False), (private, True)):
        functions = {function["EventType"]: function["FunctionARN"] for function in behavior["FunctionAssociations"]}
        assert set(functions) == {"viewer-request", "viewer-response"}
        code = resource(distribution, functions["viewer-response"])["FunctionCode"]
        assert code == viewer_response_source(settings, private=is_private)
        assert (f'"privateSeconds":{settings.delivery.private_max_age_seconds}' in code) == is_private


def test_viewer_request_function_has_the_key_value_store(distribution: Resource, names: Names) -> None:
    (function,) = {referenced(each["FunctionAssociations"][0]["FunctionARN"]) for each in behaviors(distribution)}
    config = distribution.template["Resources"][function]["Properties"]["FunctionConfig"]
    (store,) = config["KeyValueStoreAssociations"]
    assert resource(distribution, store["KeyValueStoreARN"])["Name"] == names.of("image-token-keys")


def test_derivatives_fail_over_to_their_replica(distribution: Resource) -> None:
    config = distribution.properties["DistributionConfig"]
    (group,) = config["OriginGroups"]["Items"]
    assert [member["OriginId"] for member in group["Members"]["Items"]] == ["derivatives", "replica"]
    assert set(group["FailoverCriteria"]["StatusCodes"]["Items"]) == {403, 500, 502, 503, 504}
    assert {behavior["TargetOriginId"] for behavior in behaviors(distribution)} == {group["Id"]}


def test_origins_are_both_buckets_with_signed_requests_and_custom_headers(
    distribution: Resource, names: Names, settings: Settings
) -> None:
    origins = {origin["Id"]: origin for origin in distribution.properties["DistributionConfig"]["Origins"]}
    regions, seconds = settings.regions, str(settings.delivery.not_found_seconds)
    wanted = {
        "derivatives": (
            regions.primary,
            {"x-darkroom-generator": names.function("generate"), "x-darkroom-region": regions.primary},
        ),
        "replica": (regions.replica, {"x-darkroom-fallback": "true"}),
    }
    assert origins.keys() == wanted.keys()
    for origin_id, (region, headers) in wanted.items():
        origin = origins[origin_id]
        assert origin["DomainName"] == f"{names.bucket('derivatives', region)}.s3.{region}.amazonaws.com"
        assert (origin["ConnectionTimeout"], origin["ConnectionAttempts"]) == (
            settings.delivery.origin_connect_seconds,
            settings.delivery.origin_attempts,
        )
        assert origin["S3OriginConfig"]["OriginReadTimeout"] == settings.delivery.origin_read_seconds
        assert origin["ResponseCompletionTimeout"] == settings.delivery.origin_whole_seconds
        control = resource(distribution, origin["OriginAccessControlId"])["OriginAccessControlConfig"]
        assert (control["SigningBehavior"], control["SigningProtocol"]) == ("always", "sigv4")
        custom = {each["HeaderName"]: each["HeaderValue"] for each in origin["OriginCustomHeaders"]}
        assert custom == {**headers, "x-darkroom-not-found-seconds": seconds, "Origin": "https://any.invalid"}


def test_viewer_request_code_is_the_repositorys(aws: Assembly, names: Names, settings: Settings) -> None:
    function = aws.one("AWS::CloudFront::Function", Name=names.of("viewer-request"))
    code = function.properties["FunctionCode"]
    assert code == viewer_request_source(settings)
    assert len(code.encode()) <= MAX_SOURCE_BYTES
    assert function.properties["FunctionConfig"]["Runtime"] == "cloudfront-js-2.0"


def test_access_log_is_delivered_as_parquet(aws: Assembly, names: Names) -> None:
    (destination,) = aws.all("AWS::Logs::DeliveryDestination")
    assert destination.properties["OutputFormat"] == "parquet"
    assert names.logs_bucket in str(destination.properties["DestinationResourceArn"])


def test_cache_tag_is_read_from_derivatives_and_removed_from_responses(distribution: Resource) -> None:
    assert distribution.properties["DistributionConfig"]["CacheTagConfig"] == {"HeaderName": "x-amz-meta-cache-tag"}
    for policy in response_headers(distribution):
        assert policy["RemoveHeadersConfig"]["Items"] == [{"Header": "x-amz-meta-cache-tag"}]
