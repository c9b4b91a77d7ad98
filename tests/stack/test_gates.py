"""Every template passes every gate, and each gate finds a broken template."""

import copy
import re
from collections.abc import Callable
from typing import Any, get_args

import gates
import pytest
from gates import ALWAYS, IN_PRODUCTION, Gate
from synthesized import Assembly, Templates

from infra.assets.packages import ROOT
from infra.names import AlarmKind
from lambdas.core.settings import Settings

Change = Callable[[dict[str, Any]], None]


def without(name: str) -> Change:
    """Remove the property ``name``."""
    return lambda body: body["Properties"].pop(name)


def with_property(name: str, value: Any) -> Change:
    """Set the property ``name``."""
    return lambda body: body["Properties"].update({name: value})


def without_statement(effect: str) -> Change:
    """Remove the statements with ``effect`` from a policy."""

    def change(body: dict[str, Any]) -> None:
        document = body["Properties"]["PolicyDocument"]
        document["Statement"] = [each for each in document["Statement"] if each["Effect"] != effect]

    return change


def with_statement(**parts: Any) -> Change:
    """Add a statement to a policy."""
    return lambda body: body["Properties"]["PolicyDocument"]["Statement"].append({"Effect": "Allow", **parts})


def gone(body: dict[str, Any]) -> None:
    """Turn the resource into one of another type."""
    body["Type"] = "AWS::CloudFormation::WaitConditionHandle"


def with_policy(**policies: str) -> Change:
    """Set ``DeletionPolicy`` or ``UpdateReplacePolicy``."""
    return lambda body: body.update(policies)


BREAKS: list[tuple[Gate, str, Change]] = [
    (gates.buckets_are_encrypted, "AWS::S3::Bucket", without("BucketEncryption")),
    (gates.buckets_are_private, "AWS::S3::Bucket", without("PublicAccessBlockConfiguration")),
    (gates.buckets_are_private, "AWS::S3::Bucket", without("OwnershipControls")),
    (gates.buckets_require_tls, "AWS::S3::BucketPolicy", without_statement("Deny")),
    (gates.buckets_require_tls, "AWS::S3::BucketPolicy", gone),
    (gates.buckets_expire_abandoned_uploads_and_old_versions, "AWS::S3::Bucket", without("LifecycleConfiguration")),
    (
        gates.bucket_policies_name_principals_and_conditions,
        "AWS::S3::BucketPolicy",
        with_statement(Action="s3:GetObject", Principal={"AWS": "*"}, Resource="*", Condition={"Bool": {}}),
    ),
    (
        gates.bucket_policies_name_principals_and_conditions,
        "AWS::S3::BucketPolicy",
        with_statement(Action="s3:GetObject", Principal={"Service": "logs.amazonaws.com"}, Resource="*"),
    ),
    (gates.queues_have_dead_letters, "AWS::SQS::Queue", without("RedrivePolicy")),
    (gates.queues_and_topics_are_encrypted, "AWS::SQS::Queue", without("SqsManagedSseEnabled")),
    (gates.queues_and_topics_are_encrypted, "AWS::SNS::Topic", without("KmsMasterKeyId")),
    (gates.queues_and_topics_require_tls, "AWS::SQS::QueuePolicy", without_statement("Deny")),
    (gates.queues_and_topics_require_tls, "AWS::SNS::TopicPolicy", without_statement("Deny")),
    (gates.functions_log_to_our_groups, "AWS::Lambda::Function", without("LoggingConfig")),
    (gates.viewer_functions_log_to_our_groups, "AWS::Logs::LogGroup", gone),
    (gates.log_groups_have_a_retention, "AWS::Logs::LogGroup", without("RetentionInDays")),
    (gates.functions_and_machines_are_traced, "AWS::Lambda::Function", with_property("TracingConfig", {})),
    (gates.functions_and_machines_are_traced, "AWS::StepFunctions::StateMachine", without("TracingConfiguration")),
    (gates.functions_and_machines_are_traced, "AWS::StepFunctions::StateMachine", without("LoggingConfiguration")),
    (gates.tables_can_be_restored, "AWS::DynamoDB::Table", without("PointInTimeRecoverySpecification")),
    (
        gates.signing_keys_are_encrypted_and_in_no_backup,
        "AWS::DynamoDB::Table",
        with_property("SSESpecification", {"SSEEnabled": True, "SSEType": "KMS"}),
    ),
    (
        gates.signing_keys_are_encrypted_and_in_no_backup,
        "AWS::DynamoDB::Table",
        with_property("PointInTimeRecoverySpecification", {"PointInTimeRecoveryEnabled": True}),
    ),
    (
        gates.signing_keys_are_encrypted_and_in_no_backup,
        "AWS::DynamoDB::Table",
        with_property("StreamSpecification", {"StreamViewType": "NEW_IMAGE"}),
    ),
    (gates.policies_name_their_actions, "AWS::IAM::Policy", with_statement(Action="s3:Get*", Resource="*")),
    (gates.policies_name_their_actions, "AWS::IAM::Policy", with_statement(NotAction="s3:GetObject", Resource="*")),
    (gates.policies_name_their_actions, "AWS::IAM::Policy", with_statement(Action="iam:PassRole", Resource="*")),
    (
        gates.policies_name_their_actions,
        "AWS::IAM::Role",
        with_property("ManagedPolicyArns", ["arn:aws:iam::aws:policy/AdministratorAccess"]),
    ),
    (gates.alarms_link_to_a_runbook, "AWS::CloudWatch::Alarm", without("AlarmDescription")),
    (
        gates.alarms_link_to_a_runbook,
        "AWS::CloudWatch::Alarm",
        with_property("AlarmDescription", "An alarm. Runbook: docs/runbooks.md#no-such-paragraph"),
    ),
    (gates.alarms_notify, "AWS::CloudWatch::Alarm", without("AlarmActions")),
    (gates.functions_have_alarms, "AWS::CloudWatch::Alarm", gone),
    (gates.functions_have_alarms, "AWS::Lambda::Function", with_property("FunctionName", "a-new-one")),
    (gates.queues_have_alarms, "AWS::CloudWatch::Alarm", gone),
    (gates.resources_carry_tags, "AWS::SQS::Queue", without("Tags")),
    (gates.rollbacks_leave_nothing_behind, "AWS::SQS::Queue", with_policy(DeletionPolicy="Retain")),
    (
        gates.rollbacks_leave_nothing_behind,
        "AWS::DynamoDB::Table",
        with_property("DeletionProtectionEnabled", True),
    ),
    (gates.edge_functions_outlive_their_stack, "AWS::Lambda::Function", with_policy(DeletionPolicy="Delete")),
    (gates.edge_functions_outlive_their_stack, "AWS::Lambda::Version", with_policy(UpdateReplacePolicy="Delete")),
    (gates.data_is_retained, "AWS::S3::Bucket", with_policy(DeletionPolicy="Delete")),
    (gates.data_is_retained, "AWS::DynamoDB::Table", with_policy(UpdateReplacePolicy="Delete")),
]


@pytest.mark.parametrize("gate", ALWAYS, ids=lambda gate: gate.__name__)
def test_every_resource_passes_the_gate(gate: Gate, aws: Assembly) -> None:
    assert list(gate(aws)) == []


@pytest.mark.parametrize("gate", ALWAYS + IN_PRODUCTION, ids=lambda gate: gate.__name__)
def test_every_resource_of_production_passes_the_gate(gate: Gate, production: Assembly) -> None:
    assert list(gate(production)) == []


@pytest.mark.parametrize(
    ("gate", "kind", "change"), BREAKS, ids=[f"{gate.__name__}-{kind}-{n}" for n, (gate, kind, _) in enumerate(BREAKS)]
)
def test_gate_finds_a_broken_template(gate: Gate, kind: str, change: Change, production: Assembly) -> None:
    """Break one resource of the kind at a time, until the gate finds one."""
    for resource in production.all(kind):
        broken = Templates({**production.templates, resource.stack: copy.deepcopy(resource.template)})
        body = broken.templates[resource.stack]["Resources"][resource.logical_id]
        try:
            change(body)
        except KeyError:  # this one has no such property
            continue
        if list(gate(broken)):
            return
    pytest.fail(f"expected {gate.__name__} to find a broken {kind} but it did not")


def test_every_gate_has_a_broken_template() -> None:
    assert {gate for gate, _, _ in BREAKS} == {*ALWAYS, *IN_PRODUCTION}


@pytest.mark.parametrize("name", ["aws", "production"])
def test_no_stack_is_protected_from_termination_before_it_exists(name: str, assemblies: dict[str, Assembly]) -> None:
    assert protected_stacks(assemblies[name].manifest) == []


def test_stacks_with_termination_protection_are_found(production: Assembly) -> None:
    manifest = copy.deepcopy(production.manifest)
    manifest["artifacts"]["DarkroomProductionStorage"]["properties"]["terminationProtection"] = True
    assert protected_stacks(manifest) == ["DarkroomProductionStorage"]


def protected_stacks(manifest: dict[str, Any]) -> list[str]:
    """Return the stacks that the CDK's command would protect before their creation."""
    stacks = {name: each for name, each in manifest["artifacts"].items() if each["type"] == "aws:cloudformation:stack"}
    assert stacks
    return [name for name, each in stacks.items() if each["properties"].get("terminationProtection")]


def test_runbooks_and_alarms_correspond(aws: Assembly) -> None:
    rings = {gates.anchor(alarm) for alarm in aws.all("AWS::CloudWatch::Alarm")}
    assert gates.anchors() == set(get_args(AlarmKind)) == rings


def test_every_runbook_has_its_three_parts() -> None:
    paragraphs = gates.RUNBOOKS.read_text(encoding="utf-8").split("\n## ")[1:]
    for paragraph in paragraphs:
        for part in ("**Means:**", "**First look:**", "**Fix:**"):
            assert part in paragraph, f"expected {part} in {paragraph.splitlines()[0]}"


def test_every_flow_in_the_runbooks_exists() -> None:
    named = set(re.findall(r"flow `(\w+)`", gates.RUNBOOKS.read_text(encoding="utf-8")))
    assert {name for name in named if not (ROOT / "flows" / f"{name}.py").is_file()} == set()
    assert len(named) >= 6


def test_alarms_link_to_the_runbook_address_of_the_settings(aws: Assembly, settings: Settings) -> None:
    for alarm in aws.all("AWS::CloudWatch::Alarm"):
        description = alarm.properties["AlarmDescription"]
        assert description.endswith(f"Runbook: {settings.alarms.runbook}#{gates.anchor(alarm)}"), str(alarm)
