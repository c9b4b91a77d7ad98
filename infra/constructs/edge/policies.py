"""CloudFront policies: the cache key and its lifetimes, and the headers added to every response."""

import aws_cdk as cdk
from aws_cdk import aws_cloudfront as cloudfront
from constructs import Construct

from infra.names import Names
from lambdas.core.settings import Settings
from lambdas.core.stores.derivatives import CACHE_TAG_HEADER
from lambdas.edge.inline import ACCEPTED_HINTS, NEGOTIATED_HEADERS
from lambdas.edge.origin_request import NO_STORE


def any_origin_may_read(settings: Settings) -> bool:
    """Return whether scripts of every web origin may read the pictures."""
    return "*" in settings.delivery.cors_origins


def cache_policy(scope: Construct, names: Names) -> cloudfront.CachePolicy:
    """Make the cache policy with the path as the whole key: the viewer-request function puts everything else into it.

    If the settings list web origins one by one, the key has the Origin header too.

    Lifetimes come from each response's Cache-Control. The minimum is 0, so that ``no-store`` works; the maximum is
    the sum of the freshness and both stale windows, because CloudFront caps them at it.
    """
    delivery = names.settings.delivery
    return cloudfront.CachePolicy(
        scope,
        "CachePolicy",
        cache_policy_name=names.of("path-alone"),
        comment="The path is the whole key",
        header_behavior=(
            cloudfront.CacheHeaderBehavior.none()
            if any_origin_may_read(names.settings)
            else cloudfront.CacheHeaderBehavior.allow_list("Origin")
        ),
        query_string_behavior=cloudfront.CacheQueryStringBehavior.none(),
        cookie_behavior=cloudfront.CacheCookieBehavior.none(),
        # Pictures are compressed already, and either would add Accept-Encoding to the key.
        enable_accept_encoding_gzip=False,
        enable_accept_encoding_brotli=False,
        min_ttl=cdk.Duration.seconds(0),
        default_ttl=cdk.Duration.seconds(delivery.not_found_seconds),
        max_ttl=cdk.Duration.seconds(delivery.max_ttl_seconds),
    )


def response_headers_policy(scope: Construct, names: Names, *, private: bool) -> cloudfront.ResponseHeadersPolicy:
    """Make the policy for all responses, errors included, of ``private`` pictures or of all others.

    It sets no Cache-Control on public pictures: a derivative brings its own, and one set here would be on a 404 or a
    5xx too, which browsers would then keep. For private pictures, ``no-store`` applies where the response has no
    Cache-Control, such as an error of S3 or CloudFront.

    It sets no CORS headers: CloudFront would then manage Vary itself and silently drop the one among the custom
    headers (observed on AWS: ttoss/ttoss pull request 1205). The bucket's CORS rules answer instead.
    """
    origins = list(names.settings.delivery.cors_origins)
    vary = NEGOTIATED_HEADERS if any_origin_may_read(names.settings) else (*NEGOTIATED_HEADERS, "Origin")
    headers = {
        "Vary": ", ".join(vary),
        "Accept-CH": ", ".join(ACCEPTED_HINTS),
        "Timing-Allow-Origin": ", ".join(origins),
        "Content-Disposition": "inline",
    }
    custom = [
        cloudfront.ResponseCustomHeader(header=header, value=value, override=True) for header, value in headers.items()
    ]
    if private:
        custom.append(cloudfront.ResponseCustomHeader(header="Cache-Control", value=NO_STORE, override=False))
    kind = "private-pictures" if private else "pictures"
    return cloudfront.ResponseHeadersPolicy(
        scope,
        "PrivateResponseHeadersPolicy" if private else "ResponseHeadersPolicy",
        response_headers_policy_name=names.of(kind),
        comment=f"Negotiation and safety of {kind.replace('-', ' ')}",
        custom_headers_behavior=cloudfront.ResponseCustomHeadersBehavior(custom_headers=custom),
        remove_headers=[CACHE_TAG_HEADER],
        security_headers_behavior=cloudfront.ResponseSecurityHeadersBehavior(
            content_type_options=cloudfront.ResponseHeadersContentTypeOptions(override=True)
        ),
    )
