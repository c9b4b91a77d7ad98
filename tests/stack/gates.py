"""Rules that every resource of a kind keeps, in whichever stack, today's and tomorrow's: each tells what breaks it.

A gate is a function of templates, so that a broken template can be put before it.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, get_args

from synthesized import Resource, Templates, as_list, referenced, statements

from infra.assets.packages import ROOT
from infra.names import AlarmKind

Gate = Callable[[Templates], Iterator[str]]

RUNBOOKS = ROOT / "docs" / "runbooks.md"
CLOSED = {"BlockPublicAcls": True, "BlockPublicPolicy": True, "IgnorePublicAcls": True, "RestrictPublicBuckets": True}
EDGE_HANDLER = "origin_request.handler"
WITHOUT_TLS = {"Bool": {"aws:SecureTransport": "false"}}
FUNCTION_ALARMS: set[AlarmKind] = {"function-errors", "function-throttles", "function-duration"}
KEPT = ("AWS::S3::Bucket", "AWS::DynamoDB::Table", "AWS::Logs::LogGroup", "AWS::SecretsManager::Secret")
TAGGED = (
    "AWS::S3::Bucket", "AWS::DynamoDB::Table", "AWS::Lambda::Function", "AWS::SQS::Queue", "AWS::SNS::Topic",
    "AWS::StepFunctions::StateMachine", "AWS::Logs::LogGroup", "AWS::CloudFront::Distribution",
)  # fmt: skip


def anchors() -> set[str]:
    """Return the anchors of the runbooks' paragraphs."""
    return set(re.findall(r"^## (\S+)$", RUNBOOKS.read_text(encoding="utf-8"), re.MULTILINE))


def anchor(alarm: Resource) -> str:
    """Return the anchor that an alarm's text ends in; empty where it names none."""
    found = re.search(r"Runbook: \S+#([a-z-]+)$", alarm.properties.get("AlarmDescription", ""))
    return found[1] if found else ""


def policies_of(resource: Resource, kind: str, named_in: str, templates: Templates) -> list[Any]:
    """Return the statements of the policies, resources of ``kind``, that say of what they are in ``named_in``."""
    return [
        statement
        for policy in templates.any(kind)
        if policy.stack == resource.stack
        and resource.logical_id in map(referenced, as_list(policy.properties[named_in]))
        for statement in statements(policy)
    ]


def refuses_without_tls(policy: list[Any]) -> bool:
    return any(each["Effect"] == "Deny" and each.get("Condition") == WITHOUT_TLS for each in policy)


def buckets_are_encrypted(templates: Templates) -> Iterator[str]:
    for bucket in templates.any("AWS::S3::Bucket"):
        rules = bucket.properties.get("BucketEncryption", {}).get("ServerSideEncryptionConfiguration", [])
        if not any("ServerSideEncryptionByDefault" in rule for rule in rules):
            yield f"{bucket} is not encrypted"


def buckets_are_closed(templates: Templates) -> Iterator[str]:
    for bucket in templates.any("AWS::S3::Bucket"):
        if bucket.properties.get("PublicAccessBlockConfiguration") != CLOSED:
            yield f"{bucket} does not block public access"
        ownership = bucket.properties.get("OwnershipControls", {}).get("Rules")
        if ownership != [{"ObjectOwnership": "BucketOwnerEnforced"}]:
            yield f"{bucket} takes access lists"


def buckets_refuse_what_comes_without_tls(templates: Templates) -> Iterator[str]:
    for bucket in templates.any("AWS::S3::Bucket"):
        policy = policies_of(bucket, "AWS::S3::BucketPolicy", "Bucket", templates)
        if not refuses_without_tls([each for each in policy if each["Action"] == "s3:*"]):
            yield f"{bucket} answers without TLS"


def buckets_end_abandoned_uploads(templates: Templates) -> Iterator[str]:
    for bucket in templates.any("AWS::S3::Bucket"):
        rules = bucket.properties.get("LifecycleConfiguration", {}).get("Rules", [])
        if not any("AbortIncompleteMultipartUpload" in rule for rule in rules):
            yield f"{bucket} keeps abandoned uploads"
        versioned = bucket.properties.get("VersioningConfiguration", {}).get("Status") == "Enabled"
        if versioned and not any("NoncurrentVersionExpiration" in rule for rule in rules):
            yield f"{bucket} keeps old versions for ever"


def buckets_let_nobody_in_unnamed(templates: Templates) -> Iterator[str]:
    for policy in templates.any("AWS::S3::BucketPolicy"):
        for statement in statements(policy):
            if statement["Effect"] == "Allow":
                principal = statement["Principal"]
                if principal == "*" or "*" in as_list(principal.get("AWS", [])):
                    yield f"{policy} lets anyone in"
                if not statement.get("Condition"):
                    yield f"{policy} lets a service in for whichever account"


def queues_have_dead_letters(templates: Templates) -> Iterator[str]:
    targets = {
        (queue.stack, referenced(queue.properties["RedrivePolicy"]["deadLetterTargetArn"]))
        for queue in templates.any("AWS::SQS::Queue")
        if "RedrivePolicy" in queue.properties
    }
    for queue in templates.any("AWS::SQS::Queue"):
        if "RedrivePolicy" not in queue.properties and (queue.stack, queue.logical_id) not in targets:
            yield f"{queue} has no dead letters"


def queues_and_topics_are_encrypted(templates: Templates) -> Iterator[str]:
    for queue in templates.any("AWS::SQS::Queue"):
        if not (queue.properties.get("SqsManagedSseEnabled") or queue.properties.get("KmsMasterKeyId")):
            yield f"{queue} is not encrypted"
    for topic in templates.any("AWS::SNS::Topic"):
        if not topic.properties.get("KmsMasterKeyId"):
            yield f"{topic} is not encrypted"


def queues_and_topics_refuse_what_comes_without_tls(templates: Templates) -> Iterator[str]:
    for queue in templates.any("AWS::SQS::Queue"):
        if not refuses_without_tls(policies_of(queue, "AWS::SQS::QueuePolicy", "Queues", templates)):
            yield f"{queue} answers without TLS"
    for topic in templates.any("AWS::SNS::Topic"):
        if not refuses_without_tls(policies_of(topic, "AWS::SNS::TopicPolicy", "Topics", templates)):
            yield f"{topic} answers without TLS"


def functions_log_where_it_ends(templates: Templates) -> Iterator[str]:
    for function in templates.any("AWS::Lambda::Function"):
        group = referenced(function.properties.get("LoggingConfig", {}).get("LogGroup"))
        if group is None or function.template["Resources"].get(group, {}).get("Type") != "AWS::Logs::LogGroup":
            yield f"{function} logs to a group that nobody made"


def viewer_functions_log_where_it_ends(templates: Templates) -> Iterator[str]:
    groups = {(group.stack, group.properties.get("LogGroupName")) for group in templates.any("AWS::Logs::LogGroup")}
    for function in templates.any("AWS::CloudFront::Function"):
        if (function.stack, f"/aws/cloudfront/function/{function.properties['Name']}") not in groups:
            yield f"{function} logs to a group that CloudFront makes, for ever"


def log_groups_end_their_retention(templates: Templates) -> Iterator[str]:
    for group in templates.any("AWS::Logs::LogGroup"):
        if not group.properties.get("RetentionInDays"):
            yield f"{group} keeps its lines for ever"


def functions_and_machines_are_traced(templates: Templates) -> Iterator[str]:
    for function in templates.any("AWS::Lambda::Function"):
        # Lambda@Edge has no tracing.
        traced = function.properties.get("TracingConfig") == {"Mode": "Active"}
        if not traced and function.properties["Handler"] != EDGE_HANDLER:
            yield f"{function} is not traced"
    for machine in templates.any("AWS::StepFunctions::StateMachine"):
        if machine.properties.get("TracingConfiguration") != {"Enabled": True}:
            yield f"{machine} is not traced"
        if machine.properties.get("LoggingConfiguration", {}).get("Level") not in {"ERROR", "ALL"}:
            yield f"{machine} does not log its errors"


def tables_can_be_restored(templates: Templates) -> Iterator[str]:
    for table in templates.any("AWS::DynamoDB::Table"):
        recovery = table.properties.get("PointInTimeRecoverySpecification", {})
        if recovery.get("PointInTimeRecoveryEnabled") is not True:
            yield f"{table} cannot be restored to a point in time"


def policies_name_their_actions(templates: Templates) -> Iterator[str]:
    for policy in templates.any("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::Role"):
        documents = [inline["PolicyDocument"] for inline in policy.properties.get("Policies", [])]
        documents += [policy.properties["PolicyDocument"]] if "PolicyDocument" in policy.properties else []
        for statement in (each for document in documents for each in document["Statement"]):
            if "NotAction" in statement or any("*" in action for action in as_list(statement["Action"])):
                yield f"{policy} allows actions that it does not name"
            if any(action.startswith("iam:") for action in as_list(statement.get("Action", []))):
                yield f"{policy} reaches into IAM"
        if policy.properties.get("ManagedPolicyArns"):
            yield f"{policy} takes a policy of AWS's, which names more than it needs"


def alarms_lead_to_a_runbook(templates: Templates) -> Iterator[str]:
    known = anchors() & set(get_args(AlarmKind))
    for alarm in templates.any("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"):
        if anchor(alarm) not in known:
            yield f"{alarm} leads to no paragraph of the runbooks: {alarm.properties.get('AlarmDescription')}"


def alarms_tell_somebody(templates: Templates) -> Iterator[str]:
    for alarm in templates.any("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"):
        if not alarm.properties.get("AlarmActions") or not alarm.properties.get("OKActions"):
            yield f"{alarm} tells nobody"


def functions_are_watched(templates: Templates) -> Iterator[str]:
    alarms = templates.any("AWS::CloudWatch::Alarm")
    for function in templates.any("AWS::Lambda::Function"):
        if function.properties["Handler"] == EDGE_HANDLER:  # whose metrics are CloudFront's
            continue
        named = {"Name": "FunctionName", "Value": function.properties["FunctionName"]}
        found = {anchor(alarm) for alarm in alarms if named in alarm.properties.get("Dimensions", [])}
        if not found >= FUNCTION_ALARMS:
            yield f"{function} has no alarm {sorted(FUNCTION_ALARMS - found)}"


def queues_are_watched(templates: Templates) -> Iterator[str]:
    watched = {
        (alarm.stack, referenced(dimension["Value"]), anchor(alarm))
        for alarm in templates.any("AWS::CloudWatch::Alarm")
        for dimension in alarm.properties.get("Dimensions", [])
        if dimension["Name"] == "QueueName"
    }
    for queue in templates.any("AWS::SQS::Queue"):
        kinds = {"queue-age"} if "RedrivePolicy" in queue.properties else {"dead-letters", "dead-letter-age"}
        for kind in sorted(kinds):
            if (queue.stack, queue.logical_id, kind) not in watched:
                yield f"{queue} has no alarm {kind}"


def resources_carry_tags(templates: Templates) -> Iterator[str]:
    for resource in templates.any(*TAGGED):
        tags = {tag["Key"] for tag in resource.properties.get("Tags", [])}
        wanted = {"Application", "Stage"} | ({"Lane", "Tenant"} if "Lane-" in resource.stack else set())
        if not tags >= wanted:
            yield f"{resource} cannot be told in the bill: it has no tag {sorted(wanted - tags)}"


def what_holds_data_outlives_its_stack(templates: Templates) -> Iterator[str]:
    for resource in templates.any(*KEPT):
        if resource.body.get("DeletionPolicy") != "Retain" or resource.body.get("UpdateReplacePolicy") != "Retain":
            yield f"{resource} goes with its stack"
        if resource.type == "AWS::DynamoDB::Table" and resource.properties.get("DeletionProtectionEnabled") is not True:
            yield f"{resource} can be deleted by anyone who may"


ALWAYS: tuple[Gate, ...] = (
    buckets_are_encrypted,
    buckets_are_closed,
    buckets_refuse_what_comes_without_tls,
    buckets_end_abandoned_uploads,
    buckets_let_nobody_in_unnamed,
    queues_have_dead_letters,
    queues_and_topics_are_encrypted,
    queues_and_topics_refuse_what_comes_without_tls,
    functions_log_where_it_ends,
    viewer_functions_log_where_it_ends,
    log_groups_end_their_retention,
    functions_and_machines_are_traced,
    tables_can_be_restored,
    policies_name_their_actions,
    alarms_lead_to_a_runbook,
    alarms_tell_somebody,
    functions_are_watched,
    queues_are_watched,
    resources_carry_tags,
)
IN_PRODUCTION: tuple[Gate, ...] = (what_holds_data_outlives_its_stack,)
