"""The web ACL's rules as CloudFormation data: AWS's managed rules, a rate limit, a list of allowed sites."""

from typing import Any

from lambdas.core.settings.delivery import WebAcl

Rule = dict[str, Any]
_REFERER = {"SingleHeader": {"Name": "referer"}}


def rules(settings: WebAcl) -> list[Rule]:
    """Return the rules in order: IP reputation and rate before those that inspect more of a request."""
    found = [
        _managed("AWSManagedRulesAmazonIpReputationList", settings),
        _own("rate", _rate(settings), settings),
        _managed("AWSManagedRulesCommonRuleSet", settings),
    ]
    if settings.referers:
        found.append(_own("hotlink", _hotlink(settings), settings))
    return [{**rule, "Priority": priority} for priority, rule in enumerate(found)]


def _visibility(name: str) -> dict[str, Any]:
    return {"CloudWatchMetricsEnabled": True, "MetricName": name, "SampledRequestsEnabled": True}


def _managed(name: str, settings: WebAcl) -> Rule:
    return {
        "Name": name,
        "Statement": {"ManagedRuleGroupStatement": {"VendorName": "AWS", "Name": name}},
        "OverrideAction": {"None": {}} if settings.mode == "block" else {"Count": {}},
        "VisibilityConfig": _visibility(name),
    }


def _own(name: str, statement: dict[str, Any], settings: WebAcl) -> Rule:
    return {
        "Name": name,
        "Statement": statement,
        "Action": {"Block": {}} if settings.mode == "block" else {"Count": {}},
        "VisibilityConfig": _visibility(name),
    }


def _rate(settings: WebAcl) -> dict[str, Any]:
    return {
        "RateBasedStatement": {
            "AggregateKeyType": "IP",
            "Limit": settings.requests_per_5_minutes,
            "EvaluationWindowSec": 300,
        }
    }


def _hotlink(settings: WebAcl) -> dict[str, Any]:
    """Match requests that do not come from a page of an allowed site."""
    allowed = [_referer_of(site) for site in settings.referers]
    foreign = _not({"OrStatement": {"Statements": allowed}} if len(allowed) > 1 else allowed[0])
    if settings.empty_referer != "allow":
        return foreign
    # A missing header matches no statement about its size or its content.
    present = {
        "SizeConstraintStatement": {
            "FieldToMatch": _REFERER,
            "ComparisonOperator": "GT",
            "Size": 0,
            "TextTransformations": [{"Priority": 0, "Type": "NONE"}],
        }
    }
    return {"AndStatement": {"Statements": [present, foreign]}}


def _referer_of(site: str) -> dict[str, Any]:
    hostname = site.replace(".", r"\.")
    return {
        "RegexMatchStatement": {
            "FieldToMatch": _REFERER,
            "RegexString": rf"^https?://([a-z0-9-]+\.)*{hostname}(:[0-9]+)?(/|$)",
            "TextTransformations": [{"Priority": 0, "Type": "LOWERCASE"}],
        }
    }


def _not(statement: dict[str, Any]) -> dict[str, Any]:
    return {"NotStatement": {"Statement": statement}}
