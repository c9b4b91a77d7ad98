"""The web ACL before the distribution: AWS's managed rules, a rate, a list of sites, and its log."""

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_logs as logs
from aws_cdk import aws_wafv2 as wafv2
from constructs import Construct

from infra.alarms.delivery import web_acl_alarm
from infra.constructs.log_groups import log_group
from infra.names import Names
from lambdas.core.settings.web_acl import WebAcl

_MANAGED = ("AWSManagedRulesAmazonIpReputationList", "AWSManagedRulesCommonRuleSet")
_REFERER = {"SingleHeader": {"Name": "referer"}}


def web_acl(scope: Construct, names: Names) -> wafv2.CfnWebACL:
    """Make the web ACL; in us-east-1, from where CloudFront takes it."""
    settings = names.settings.waf
    name = names.of("pictures")
    acl = wafv2.CfnWebACL(
        scope,
        "WebAcl",
        name=name,
        scope="CLOUDFRONT",
        default_action=wafv2.CfnWebACL.DefaultActionProperty(allow={}),
        visibility_config=_visibility(name),
        rules=rules(settings),
    )
    web_acl_alarm(scope, name, names)
    _log(scope, acl, names)
    return acl


def rules(settings: WebAcl) -> list[Any]:
    """Return the rules in their order: reputation and rate before what looks deeper."""
    block = settings.mode == "block"
    made = [_managed(name, block=block) for name in _MANAGED]
    made.insert(1, _own("rate", _rate(settings), block=block))
    if settings.referers:
        made.append(_own("hotlink", _hotlink(settings), block=block))
    return [rule(priority) for priority, rule in enumerate(made)]


def _managed(name: str, *, block: bool) -> Any:
    override = wafv2.CfnWebACL.OverrideActionProperty(**({"none": {}} if block else {"count": {}}))
    statement = wafv2.CfnWebACL.StatementProperty(
        managed_rule_group_statement=wafv2.CfnWebACL.ManagedRuleGroupStatementProperty(vendor_name="AWS", name=name)
    )
    return lambda priority: wafv2.CfnWebACL.RuleProperty(
        name=name,
        priority=priority,
        statement=statement,
        override_action=override,
        visibility_config=_visibility(name),
    )


def _own(name: str, statement: Any, *, block: bool) -> Any:
    action = wafv2.CfnWebACL.RuleActionProperty(**({"block": {}} if block else {"count": {}}))
    return lambda priority: wafv2.CfnWebACL.RuleProperty(
        name=name, priority=priority, statement=statement, action=action, visibility_config=_visibility(name)
    )


def _rate(settings: WebAcl) -> Any:
    return wafv2.CfnWebACL.StatementProperty(
        rate_based_statement=wafv2.CfnWebACL.RateBasedStatementProperty(
            aggregate_key_type="IP", limit=settings.requests_per_5_minutes, evaluation_window_sec=300
        )
    )


def _hotlink(settings: WebAcl) -> Any:
    """Fit a request that no allowed site's page made."""
    allowed = [
        _matches(rf"^https?://([a-z0-9-]+\.)*{site}(:[0-9]+)?(/|$)") for site in map(_escaped, settings.referers)
    ]
    if settings.empty_referer == "allow":
        # A header that is absent has size 0 for no statement: it fits neither "at least one byte" nor a pattern.
        named = wafv2.CfnWebACL.StatementProperty(
            size_constraint_statement=wafv2.CfnWebACL.SizeConstraintStatementProperty(
                field_to_match=wafv2.CfnWebACL.FieldToMatchProperty(single_header=_REFERER["SingleHeader"]),
                comparison_operator="GT",
                size=0,
                text_transformations=[_transformation("NONE")],
            )
        )
        return _all_of([named, _negated(_any_of(allowed))])
    return _negated(_any_of(allowed))


def _matches(pattern: str) -> Any:
    return wafv2.CfnWebACL.StatementProperty(
        regex_match_statement=wafv2.CfnWebACL.RegexMatchStatementProperty(
            field_to_match=wafv2.CfnWebACL.FieldToMatchProperty(single_header=_REFERER["SingleHeader"]),
            regex_string=pattern,
            text_transformations=[_transformation("LOWERCASE")],
        )
    )


def _escaped(hostname: str) -> str:
    return hostname.replace(".", r"\.")


def _transformation(kind: str) -> Any:
    return wafv2.CfnWebACL.TextTransformationProperty(priority=0, type=kind)


def _negated(statement: Any) -> Any:
    return wafv2.CfnWebACL.StatementProperty(not_statement=wafv2.CfnWebACL.NotStatementProperty(statement=statement))


def _any_of(statements: list[Any]) -> Any:
    if len(statements) == 1:
        return statements[0]
    return wafv2.CfnWebACL.StatementProperty(or_statement=wafv2.CfnWebACL.OrStatementProperty(statements=statements))


def _all_of(statements: list[Any]) -> Any:
    return wafv2.CfnWebACL.StatementProperty(and_statement=wafv2.CfnWebACL.AndStatementProperty(statements=statements))


def _visibility(name: str) -> Any:
    return wafv2.CfnWebACL.VisibilityConfigProperty(
        cloud_watch_metrics_enabled=True, metric_name=name, sampled_requests_enabled=True
    )


def _log(scope: Construct, acl: wafv2.CfnWebACL, names: Names) -> None:
    # WAF takes no log group of another name.
    group: logs.LogGroup = log_group(scope, "WebAclLog", f"aws-waf-logs-{names.of('pictures')}", names.settings)
    stack = cdk.Stack.of(scope)
    wafv2.CfnLoggingConfiguration(
        scope,
        "WebAclLogging",
        resource_arn=acl.attr_arn,
        # Without the ":*" that a group's own ARN ends in, which WAF refuses.
        log_destination_configs=[
            stack.format_arn(
                service="logs",
                resource="log-group",
                arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
                resource_name=group.log_group_name,
            )
        ],
        # A token shall stand in no log.
        redacted_fields=[
            wafv2.CfnLoggingConfiguration.FieldToMatchProperty(query_string={}),
            *(
                wafv2.CfnLoggingConfiguration.FieldToMatchProperty(single_header={"Name": name})
                for name in ("authorization", "cookie")
            ),
        ],
    )
