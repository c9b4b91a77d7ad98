import re
from typing import Any

import pytest
from pydantic import ValidationError
from synthesized import Assembly, referenced

from infra.constructs.edge.firewall_rules import rules
from infra.names import Names
from lambdas.core.settings import Settings
from lambdas.core.settings.delivery import WebAcl


def acl_settings(**changes: Any) -> WebAcl:
    given = {"mode": "block", "requests_per_5_minutes": 100, "referers": [], "empty_referer": "allow"}
    return WebAcl.model_validate({**given, **changes})


def test_distribution_has_the_web_acl(aws: Assembly, names: Names, settings: Settings) -> None:
    acl = aws.one("AWS::WAFv2::WebACL", Name=names.of("pictures"), Scope="CLOUDFRONT")
    (distribution,) = aws.all("AWS::CloudFront::Distribution")
    assert referenced(distribution.properties["DistributionConfig"]["WebACLId"]) == acl.logical_id
    ordered = sorted(acl.properties["Rules"], key=lambda rule: rule["Priority"])
    assert [rule["Name"] for rule in ordered] == [
        "AWSManagedRulesAmazonIpReputationList",
        "rate",
        "AWSManagedRulesCommonRuleSet",
    ]
    rate = ordered[1]["Statement"]["RateBasedStatement"]
    assert rate["Limit"] == settings.waf.requests_per_5_minutes
    for rule in ordered:
        action = rule.get("Action") or rule["OverrideAction"]
        assert action == {"Count": {}}, f"{rule['Name']}: the settings of this stage count"


def test_log_is_named_for_waf_and_redacts_tokens(aws: Assembly, names: Names) -> None:
    (logging,) = aws.all("AWS::WAFv2::LoggingConfiguration")
    group = aws.one("AWS::Logs::LogGroup", LogGroupName=f"aws-waf-logs-{names.of('pictures')}")
    (destination,) = logging.properties["LogDestinationConfigs"]
    assert group.logical_id in str(destination)
    redacted = str(logging.properties["RedactedFields"])
    assert all(field in redacted for field in ("QueryString", "authorization", "cookie"))


@pytest.mark.parametrize(
    ("mode", "managed", "own"), [("count", {"Count": {}}, {"Count": {}}), ("block", {"None": {}}, {"Block": {}})]
)
def test_rules_count_or_block_by_setting(mode: str, managed: Any, own: Any) -> None:
    made = rules(acl_settings(mode=mode, referers=["example.com"]))
    assert [rule["Priority"] for rule in made] == [0, 1, 2, 3]
    assert [rule.get("OverrideAction") for rule in made] == [managed, None, managed, None]
    assert [rule.get("Action") for rule in made] == [None, own, None, own]


def values(node: Any, key: str) -> list[Any]:
    """Return every value under ``key``, however deep in ``node``."""
    if isinstance(node, list):
        return [value for each in node for value in values(each, key)]
    if isinstance(node, dict):
        return [value for name, each in node.items() for value in ([each] if name == key else values(each, key))]
    return []


@pytest.mark.parametrize(
    ("referer", "fits"),
    [
        ("https://example.com/page", True),
        ("https://example.com", True),
        ("http://shop.example.com:8080/", True),
        ("https://a.b.example.com/x", True),
        ("https://example.com.evil.net/", False),
        ("https://notexample.com/", False),
        ("https://evil.net/?https://example.com/", False),
        ("https://examplexcom/", False),
        ("ftp://example.com/", False),
        ("", False),
    ],
)
def test_only_pages_of_allowed_sites_match(referer: str, fits: bool) -> None:
    (pattern,) = values(rules(acl_settings(referers=["example.com"]))[-1], "RegexString")
    assert bool(re.search(pattern, referer)) is fits


def test_an_empty_referer_is_refused_only_by_setting() -> None:
    sites = ["example.com", "example.org"]
    allowed, refused = (
        rules(acl_settings(referers=sites, empty_referer=choice))[-1]["Statement"] for choice in ("allow", "refuse")
    )
    assert values(allowed, "SizeConstraintStatement")
    assert not values(refused, "SizeConstraintStatement")


@pytest.mark.parametrize(
    "changes",
    [
        {"mode": "off"},
        {"requests_per_5_minutes": 1},
        {"referers": ["https://example.com"]},
        {"referers": ["*.example.com"]},
        {"referers": ["example.com|evil"]},
        {"empty_referer": "refuse"},
        {"empty_referer": "refuse", "referers": []},
    ],
)
def test_invalid_settings_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        acl_settings(**changes)
