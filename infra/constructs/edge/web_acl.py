"""The web ACL in front of the distribution, and its log."""

import aws_cdk as cdk
from aws_cdk import aws_wafv2 as wafv2
from constructs import Construct

from infra.alarms.delivery import web_acl_alarm
from infra.constructs.edge.firewall_rules import rules
from infra.constructs.storage import log_group
from infra.names import Names


def web_acl(scope: Construct, names: Names) -> wafv2.CfnWebACL:
    """Make the web ACL; in us-east-1, where CloudFront's must be."""
    name = names.of("pictures")
    acl = wafv2.CfnWebACL(
        scope,
        "WebAcl",
        name=name,
        scope="CLOUDFRONT",
        default_action=wafv2.CfnWebACL.DefaultActionProperty(allow={}),
        visibility_config=wafv2.CfnWebACL.VisibilityConfigProperty(
            cloud_watch_metrics_enabled=True, metric_name=name, sampled_requests_enabled=True
        ),
    )
    acl.add_property_override("Rules", rules(names.settings.waf))
    web_acl_alarm(scope, name, names)
    _log(scope, acl, name, names)
    return acl


def _log(scope: Construct, acl: wafv2.CfnWebACL, name: str, names: Names) -> None:
    group = log_group(scope, "WebAclLog", f"aws-waf-logs-{name}", names.settings)  # WAF requires this prefix
    wafv2.CfnLoggingConfiguration(
        scope,
        "WebAclLogging",
        resource_arn=acl.attr_arn,
        # WAF refuses the ":*" at the end of the group's own ARN.
        log_destination_configs=[
            cdk.Stack.of(scope).format_arn(
                service="logs",
                resource="log-group",
                arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
                resource_name=group.log_group_name,
            )
        ],
        # Tokens travel in these.
        redacted_fields=[
            wafv2.CfnLoggingConfiguration.FieldToMatchProperty(query_string={}),
            *(
                wafv2.CfnLoggingConfiguration.FieldToMatchProperty(single_header={"Name": header})
                for header in ("authorization", "cookie")
            ),
        ],
    )
