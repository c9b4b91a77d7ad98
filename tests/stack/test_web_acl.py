import re
from typing import Any

import pytest
from pydantic import ValidationError
from synthesized import Assembly, referenced

from infra.constructs.web_acl import rules
from infra.names import Names
from lambdas.core.settings import Settings
from lambdas.core.settings.web_acl import WebAcl


def acl_settings(**changes: Any) -> WebAcl:
    given = {"mode": "block", "requests_per_5_minutes": 100, "referers": [], "empty_referer": "allow"}
    return WebAcl.model_validate({**given, **changes})


def test_the_distribution_stands_behind_the_web_acl(aws: Assembly, names: Names, settings: Settings) -> None:
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


def test_its_log_is_named_as_waf_wants_and_tells_no_token(aws: Assembly, names: Names) -> None:
    (logging,) = aws.all("AWS::WAFv2::LoggingConfiguration")
    group = aws.one("AWS::Logs::LogGroup", LogGroupName=f"aws-waf-logs-{names.of('pictures')}")
    (destination,) = logging.properties["LogDestinationConfigs"]
    assert group.logical_id in str(destination)
    redacted = str(logging.properties["RedactedFields"])
    assert all(field in redacted for field in ("QueryString", "authorization", "cookie"))


@pytest.mark.parametrize(
    ("mode", "managed", "own"), [("count", {"count": {}}, {"count": {}}), ("block", {"none": {}}, {"block": {}})]
)
def test_counts_or_blocks_by_setting(mode: str, managed: Any, own: Any) -> None:
    made = rules(acl_settings(mode=mode, referers=["example.com"]))
    assert [rule.priority for rule in made] == [0, 1, 2, 3]
    for rule in made:
        override, action = rule.override_action, rule.action
        if override is not None:
            assert {name: value for name, value in override._values.items() if value is not None} == managed
        else:
            assert {name: value for name, value in action._values.items() if value is not None} == own


def regexes(settings: WebAcl) -> list[str]:
    return re.findall(r"regex_string='([^']+)'", str(rules(settings)[-1]).replace("\\\\", "\\"))


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
def test_pages_of_an_allowed_site_and_no_others(referer: str, fits: bool) -> None:
    (pattern,) = regexes(acl_settings(referers=["example.com"]))
    assert bool(re.search(pattern, referer)) is fits


def test_an_empty_referer_is_refused_only_where_the_settings_say_so() -> None:
    allowed, refused = (
        str(rules(acl_settings(referers=["example.com", "example.org"], empty_referer=choice))[-1].statement)
        for choice in ("allow", "refuse")
    )
    assert "size_constraint_statement" in allowed
    assert "size_constraint_statement" not in refused


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
def test_malformed_settings_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        acl_settings(**changes)
