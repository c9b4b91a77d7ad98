"""Lanes from the settings: event patterns and limits of names."""

from typing import Any

import pytest
from synthesized import Assembly, Resource, referenced, statements

from infra.constructs.lane.routing import PatternTooLongError, event_pattern
from infra.names import Names, NameTooLongError
from infra.synth import NO_ACCOUNT
from lambdas.core.settings import Settings, SettingsError, parse_settings

STAGE = "staging"
TABLES = {"shared": 'lane = "shared"', "dedicated": 'lane = "dedicated"\nreserved_concurrency = 8'}


def with_tenants(**lanes: str) -> Settings:
    tables = "".join(f"\n[tenants.{tenant}]\n{TABLES[lane]}\n" for tenant, lane in lanes.items())
    return parse_settings(f"[tenants.demo]\n{tables}\n[stage.{STAGE}]\nlanes.account_concurrency = 3000", STAGE)


@pytest.mark.parametrize(
    ("lane", "dedicated", "key"),
    [
        ("shared", (), None),
        ("shared", ("acme",), [{"anything-but": {"prefix": "acme/"}}]),
        ("shared", ("zenith", "acme"), [{"anything-but": {"prefix": ["acme/", "zenith/"]}}]),
        ("acme", ("acme", "zenith"), [{"prefix": "acme/"}]),
    ],
)
def test_each_original_matches_one_lane(lane: str, dedicated: tuple[str, ...], key: list[Any] | None) -> None:
    pattern = event_pattern("originals", lane, with_tenants(**dict.fromkeys(dedicated, "dedicated")))
    assert pattern["detail"]["bucket"] == {"name": ["originals"]}
    assert pattern["detail"].get("object") == (None if key is None else {"key": key})


def test_more_dedicated_tenants_than_a_rule_can_exclude_are_an_error() -> None:
    settings = with_tenants(**{f"tenant-number-{number}": "dedicated" for number in range(100)})
    with pytest.raises(PatternTooLongError, match=r"at most 2048 characters .* received \d+: .* 100 dedicated tenants"):
        event_pattern("originals", "shared", settings)


def test_shared_lane_always_exists() -> None:
    assert with_tenants(acme="dedicated", bazaar="shared").lane_names == ("shared", "acme")


def test_dedicated_lane_cannot_be_named_shared() -> None:
    with pytest.raises(SettingsError, match="expected another name for a dedicated tenant but received 'shared'"):
        with_tenants(shared="dedicated")


def test_too_long_function_name_is_an_error() -> None:
    names = Names(with_tenants(), NO_ACCOUNT)
    with pytest.raises(
        NameTooLongError, match=r"at most 64 characters but received 'darkroom-staging-x+-metadata' \(\d+\)"
    ):
        names.function("metadata", "x" * 45)


def test_too_long_bucket_name_is_an_error() -> None:
    names = Names(with_tenants(), NO_ACCOUNT)
    with pytest.raises(NameTooLongError, match="at most 63 characters"):
        names.bucket("derivatives", "ap-southeast-1-and-a-longer-one")


def queue_policy(queue: Resource, assembly: Assembly) -> list[Any]:
    return [
        statement
        for policy in assembly.all("AWS::SQS::QueuePolicy")
        if policy.stack == queue.stack and queue.logical_id in map(referenced, policy.properties["Queues"])
        for statement in statements(policy)
    ]


def test_queues_have_visibility_timeout_and_receive_count(aws: Assembly, settings: Settings) -> None:
    for queue in aws.all("AWS::SQS::Queue"):
        redrive = queue.properties.get("RedrivePolicy")
        if redrive is not None and queue.properties["QueueName"].endswith("-originals"):
            assert redrive["maxReceiveCount"] == settings.pipeline.max_receive_count, str(queue)
            assert queue.properties["VisibilityTimeout"] == settings.pipeline.visibility_seconds, str(queue)


def test_pipes_carry_one_message_and_wait_for_the_execution(aws: Assembly, settings: Settings) -> None:
    for pipe in aws.all("AWS::Pipes::Pipe"):
        assert settings.pipeline.batch_size == 1
        assert pipe.properties["SourceParameters"]["SqsQueueParameters"]["BatchSize"] == 1, str(pipe)
        target = pipe.properties["TargetParameters"]
        assert target == {"StepFunctionStateMachineParameters": {"InvocationType": "REQUEST_RESPONSE"}}, str(pipe)


def rules_of_originals(assembly: Assembly) -> list[Resource]:
    return [rule for rule in assembly.all("AWS::Events::Rule") if "EventPattern" in rule.properties]


def test_only_its_rule_may_send_to_a_queue(aws: Assembly) -> None:
    for rule in rules_of_originals(aws):
        (target,) = rule.properties["Targets"]
        (queue,) = [
            each
            for each in aws.all("AWS::SQS::Queue")
            if (each.stack, each.logical_id) == (rule.stack, referenced(target["Arn"]))
        ]
        (allowed,) = [statement for statement in queue_policy(queue, aws) if statement["Effect"] == "Allow"]
        assert allowed["Principal"] == {"Service": "events.amazonaws.com"}
        assert allowed["Action"] == "sqs:SendMessage"
        assert referenced(allowed["Condition"]["ArnEquals"]["aws:SourceArn"]) == rule.logical_id


def test_every_lane_has_a_rule_on_created_originals(aws: Assembly, names: Names) -> None:
    rules = rules_of_originals(aws)
    assert len(rules) == len(names.settings.lane_names)
    for rule in rules:
        pattern = rule.properties["EventPattern"]
        assert pattern["source"] == ["aws.s3"]
        assert pattern["detail-type"] == ["Object Created"]
        assert pattern["detail"]["bucket"]["name"] == [names.originals_bucket]


def test_every_state_machine_is_express(aws: Assembly) -> None:
    for machine in aws.all("AWS::StepFunctions::StateMachine"):
        assert machine.properties["StateMachineType"] == "EXPRESS", str(machine)
