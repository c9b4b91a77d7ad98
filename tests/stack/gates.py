"""Rules for every resource of a kind, in every stack; each yields the violations.

A gate is a function of templates, so that a broken template can be put before it.
"""

import itertools
import re
from collections.abc import Callable, Iterator
from typing import Any, get_args

from synthesized import Resource, Templates, as_list, referenced, statements

from infra.assets.packages import ROOT
from infra.names import AlarmKind
from lambdas.core.stores.signing_keys import KEY as OWNER

Gate = Callable[[Templates], Iterator[str]]

RUNBOOKS = ROOT / "docs" / "runbooks.md"
CLOSED = {"BlockPublicAcls": True, "BlockPublicPolicy": True, "IgnorePublicAcls": True, "RestrictPublicBuckets": True}
EDGE_HANDLER = "origin_request.handler"
WITHOUT_TLS = {"Bool": {"aws:SecureTransport": "false"}}
FUNCTION_ALARMS: set[AlarmKind] = {"function-errors", "function-throttles", "function-duration"}
KEPT = ("AWS::S3::Bucket", "AWS::DynamoDB::Table", "AWS::Logs::LogGroup")
TAGGED = (
    "AWS::S3::Bucket", "AWS::DynamoDB::Table", "AWS::Lambda::Function", "AWS::SQS::Queue", "AWS::SNS::Topic",
    "AWS::StepFunctions::StateMachine", "AWS::Logs::LogGroup", "AWS::CloudFront::Distribution",
)  # fmt: skip


def anchors() -> set[str]:
    """Return the anchors of the runbooks' paragraphs."""
    return set(re.findall(r"^## (\S+)$", RUNBOOKS.read_text(encoding="utf-8"), re.MULTILINE))


def anchor(alarm: Resource) -> str:
    """Return the anchor at the end of an alarm's description, or an empty string."""
    found = re.search(r"Runbook: \S+#([a-z-]+)$", alarm.properties.get("AlarmDescription", ""))
    return found[1] if found else ""


def dimensions(alarm: Resource) -> list[Any]:
    """Return the dimensions of an alarm's metric, or of those in its expression."""
    stats = [each["MetricStat"]["Metric"] for each in alarm.properties.get("Metrics", []) if "MetricStat" in each]
    return [dimension for metric in (alarm.properties, *stats) for dimension in metric.get("Dimensions", [])]


def policies_of(resource: Resource, kind: str, named_in: str, templates: Templates) -> list[Any]:
    """Return the statements of policies of ``kind`` that list ``resource`` in their property ``named_in``."""
    return [
        statement
        for policy in templates.any(kind)
        if policy.stack == resource.stack
        and resource.logical_id in map(referenced, as_list(policy.properties[named_in]))
        for statement in statements(policy)
    ]


def is_kept(resource: Resource) -> bool:
    """Return whether ``resource`` stays when it is replaced, or deleted with its stack."""
    policies = (resource.body.get("DeletionPolicy"), resource.body.get("UpdateReplacePolicy"))
    return policies == ("RetainExceptOnCreate", "Retain")


def refuses_without_tls(policy: list[Any]) -> bool:
    return any(each["Effect"] == "Deny" and each.get("Condition") == WITHOUT_TLS for each in policy)


def buckets_are_encrypted(templates: Templates) -> Iterator[str]:
    for bucket in templates.any("AWS::S3::Bucket"):
        rules = bucket.properties.get("BucketEncryption", {}).get("ServerSideEncryptionConfiguration", [])
        if not any("ServerSideEncryptionByDefault" in rule for rule in rules):
            yield f"{bucket} is not encrypted"


def buckets_are_private(templates: Templates) -> Iterator[str]:
    for bucket in templates.any("AWS::S3::Bucket"):
        if bucket.properties.get("PublicAccessBlockConfiguration") != CLOSED:
            yield f"{bucket} does not block public access"
        ownership = bucket.properties.get("OwnershipControls", {}).get("Rules")
        if ownership != [{"ObjectOwnership": "BucketOwnerEnforced"}]:
            yield f"{bucket} accepts access control lists"


def buckets_require_tls(templates: Templates) -> Iterator[str]:
    for bucket in templates.any("AWS::S3::Bucket"):
        policy = policies_of(bucket, "AWS::S3::BucketPolicy", "Bucket", templates)
        if not refuses_without_tls([each for each in policy if each["Action"] == "s3:*"]):
            yield f"{bucket} accepts requests without TLS"


def buckets_expire_abandoned_uploads_and_old_versions(templates: Templates) -> Iterator[str]:
    for bucket in templates.any("AWS::S3::Bucket"):
        rules = bucket.properties.get("LifecycleConfiguration", {}).get("Rules", [])
        if not any("AbortIncompleteMultipartUpload" in rule for rule in rules):
            yield f"{bucket} keeps abandoned uploads"
        versioned = bucket.properties.get("VersioningConfiguration", {}).get("Status") == "Enabled"
        if versioned and not any("NoncurrentVersionExpiration" in rule for rule in rules):
            yield f"{bucket} keeps old versions for ever"


def bucket_policies_name_principals_and_conditions(templates: Templates) -> Iterator[str]:
    for policy in templates.any("AWS::S3::BucketPolicy"):
        for statement in statements(policy):
            if statement["Effect"] == "Allow":
                principal = statement["Principal"]
                if principal == "*" or "*" in as_list(principal.get("AWS", [])):
                    yield f"{policy} allows any principal"
                if not statement.get("Condition"):
                    yield f"{policy} allows a service without a condition on the account"


def queues_have_dead_letters(templates: Templates) -> Iterator[str]:
    targets = {
        (queue.stack, referenced(queue.properties["RedrivePolicy"]["deadLetterTargetArn"]))
        for queue in templates.any("AWS::SQS::Queue")
        if "RedrivePolicy" in queue.properties
    }
    for queue in templates.any("AWS::SQS::Queue"):
        if "RedrivePolicy" not in queue.properties and (queue.stack, queue.logical_id) not in targets:
            yield f"{queue} has no dead-letter queue"


def queues_and_topics_are_encrypted(templates: Templates) -> Iterator[str]:
    for queue in templates.any("AWS::SQS::Queue"):
        if not (queue.properties.get("SqsManagedSseEnabled") or queue.properties.get("KmsMasterKeyId")):
            yield f"{queue} is not encrypted"
    for topic in templates.any("AWS::SNS::Topic"):
        if not topic.properties.get("KmsMasterKeyId"):
            yield f"{topic} is not encrypted"


def queues_and_topics_require_tls(templates: Templates) -> Iterator[str]:
    for queue in templates.any("AWS::SQS::Queue"):
        if not refuses_without_tls(policies_of(queue, "AWS::SQS::QueuePolicy", "Queues", templates)):
            yield f"{queue} accepts requests without TLS"
    for topic in templates.any("AWS::SNS::Topic"):
        if not refuses_without_tls(policies_of(topic, "AWS::SNS::TopicPolicy", "Topics", templates)):
            yield f"{topic} accepts requests without TLS"


def functions_log_to_our_groups(templates: Templates) -> Iterator[str]:
    for function in templates.any("AWS::Lambda::Function"):
        group = referenced(function.properties.get("LoggingConfig", {}).get("LogGroup"))
        if group is None or function.template["Resources"].get(group, {}).get("Type") != "AWS::Logs::LogGroup":
            yield f"{function} logs to a group that is not in the template"


def viewer_functions_log_to_our_groups(templates: Templates) -> Iterator[str]:
    groups = {(group.stack, group.properties.get("LogGroupName")) for group in templates.any("AWS::Logs::LogGroup")}
    for function in templates.any("AWS::CloudFront::Function"):
        if (function.stack, f"/aws/cloudfront/function/{function.properties['Name']}") not in groups:
            yield f"{function} logs to a group that CloudFront creates, without retention"


def log_groups_have_a_retention(templates: Templates) -> Iterator[str]:
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


def holds_signing_keys(table: Resource) -> bool:
    return bool(table.properties["KeySchema"] == [{"AttributeName": OWNER, "KeyType": "HASH"}])


def signing_keys_are_encrypted_and_in_no_backup(templates: Templates) -> Iterator[str]:
    for table in filter(holds_signing_keys, templates.any("AWS::DynamoDB::Table")):
        encryption = table.properties.get("SSESpecification", {})
        if encryption.get("SSEType") != "KMS" or not referenced(encryption.get("KMSMasterKeyId")):
            yield f"{table} is not encrypted with a KMS key of this stack"
        recovery = table.properties.get("PointInTimeRecoverySpecification", {})
        if recovery.get("PointInTimeRecoveryEnabled"):
            yield f"{table} can be exported, and restored with keys that were retired"
        if "StreamSpecification" in table.properties:
            yield f"{table} has a stream of its keys"


def tables_can_be_restored(templates: Templates) -> Iterator[str]:
    for table in itertools.filterfalse(holds_signing_keys, templates.any("AWS::DynamoDB::Table")):
        recovery = table.properties.get("PointInTimeRecoverySpecification", {})
        if recovery.get("PointInTimeRecoveryEnabled") is not True:
            yield f"{table} cannot be restored to a point in time"


def policies_name_their_actions(templates: Templates) -> Iterator[str]:
    for policy in templates.any("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::Role"):
        documents = [inline["PolicyDocument"] for inline in policy.properties.get("Policies", [])]
        documents += [policy.properties["PolicyDocument"]] if "PolicyDocument" in policy.properties else []
        for statement in (each for document in documents for each in document["Statement"]):
            if "NotAction" in statement or any("*" in action for action in as_list(statement["Action"])):
                yield f"{policy} allows actions by a wildcard"
            to_one_role = all(isinstance(arn, str) and "*" not in arn for arn in as_list(statement.get("Resource", [])))
            passing = {"iam:PassRole"} if to_one_role else set()
            if any(action.startswith("iam:") for action in {*as_list(statement.get("Action", []))} - passing):
                yield f"{policy} allows IAM actions"
        if any(referenced(arn) is None for arn in policy.properties.get("ManagedPolicyArns", [])):
            yield f"{policy} has a managed policy of AWS, which allows more than it needs"


def alarms_link_to_a_runbook(templates: Templates) -> Iterator[str]:
    known = anchors() & set(get_args(AlarmKind))
    for alarm in templates.any("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"):
        if anchor(alarm) not in known:
            yield f"{alarm} links to no runbook: {alarm.properties.get('AlarmDescription')}"


def alarms_notify(templates: Templates) -> Iterator[str]:
    for alarm in templates.any("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"):
        if not alarm.properties.get("AlarmActions") or not alarm.properties.get("OKActions"):
            yield f"{alarm} notifies no topic"


def functions_have_alarms(templates: Templates) -> Iterator[str]:
    alarms = templates.any("AWS::CloudWatch::Alarm")
    for function in templates.any("AWS::Lambda::Function"):
        if function.properties["Handler"] == EDGE_HANDLER:  # CloudFront publishes its metrics
            continue
        named = {"Name": "FunctionName", "Value": function.properties["FunctionName"]}
        found = {anchor(alarm) for alarm in alarms if named in dimensions(alarm)}
        if not found >= FUNCTION_ALARMS:
            yield f"{function} has no alarm {sorted(FUNCTION_ALARMS - found)}"


def queues_have_alarms(templates: Templates) -> Iterator[str]:
    watched = {
        (alarm.stack, referenced(dimension["Value"]), anchor(alarm))
        for alarm in templates.any("AWS::CloudWatch::Alarm")
        for dimension in dimensions(alarm)
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
            yield f"{resource} cannot be found in the bill: it lacks the tags {sorted(wanted - tags)}"


def rollbacks_leave_nothing_behind(templates: Templates) -> Iterator[str]:
    for resource in templates.every():
        if resource.body.get("DeletionPolicy") == "Retain":
            yield f"{resource} is left behind when its creation is rolled back: use RETAIN_ON_UPDATE_OR_DELETE"
        for name, value in resource.properties.items():
            if "DeletionProtection" in name and value not in (False, "false", "INACTIVE"):
                yield f"{resource} cannot be deleted when its creation is rolled back: leave it to `darkroom protect`"


def edge_functions_outlive_their_stack(templates: Templates) -> Iterator[str]:
    for function in templates.any("AWS::Lambda::Function"):
        if function.properties["Handler"] != EDGE_HANDLER:
            continue
        versions = [
            version
            for version in templates.any("AWS::Lambda::Version")
            if version.stack == function.stack and referenced(version.properties["FunctionName"]) == function.logical_id
        ]
        for resource in (function, *versions):
            if not is_kept(resource):
                yield f"{resource} is deleted with its stack, which CloudFront's replicas prevent for hours"


def data_is_retained(templates: Templates) -> Iterator[str]:
    for resource in templates.any(*KEPT):
        if not is_kept(resource):
            yield f"{resource} is deleted with its stack"


ALWAYS: tuple[Gate, ...] = (
    buckets_are_encrypted,
    buckets_are_private,
    buckets_require_tls,
    buckets_expire_abandoned_uploads_and_old_versions,
    bucket_policies_name_principals_and_conditions,
    queues_have_dead_letters,
    queues_and_topics_are_encrypted,
    queues_and_topics_require_tls,
    functions_log_to_our_groups,
    viewer_functions_log_to_our_groups,
    log_groups_have_a_retention,
    functions_and_machines_are_traced,
    tables_can_be_restored,
    signing_keys_are_encrypted_and_in_no_backup,
    policies_name_their_actions,
    alarms_link_to_a_runbook,
    alarms_notify,
    functions_have_alarms,
    queues_have_alarms,
    resources_carry_tags,
    rollbacks_leave_nothing_behind,
    edge_functions_outlive_their_stack,
)
IN_PRODUCTION: tuple[Gate, ...] = (data_is_retained,)
