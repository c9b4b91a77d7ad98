from typing import Any

from synthesized import Assembly, Resource, referenced, statements

from infra.names import Names
from lambdas.core.settings import Settings


def queue_policy(queue: Resource, assembly: Assembly) -> list[Any]:
    return [
        statement
        for policy in assembly.all("AWS::SQS::QueuePolicy")
        if policy.stack == queue.stack and queue.logical_id in map(referenced, policy.properties["Queues"])
        for statement in statements(policy)
    ]


def test_every_queue_gives_an_execution_its_time_and_a_message_its_tries(aws: Assembly, settings: Settings) -> None:
    for queue in aws.all("AWS::SQS::Queue"):
        redrive = queue.properties.get("RedrivePolicy")
        if redrive is not None:
            assert redrive["maxReceiveCount"] == settings.pipeline.max_receive_count, str(queue)
            assert queue.properties["VisibilityTimeout"] >= 6 * settings.pipeline.execution_seconds, str(queue)


def test_every_pipe_carries_one_message_and_waits_for_its_execution(aws: Assembly, settings: Settings) -> None:
    for pipe in aws.all("AWS::Pipes::Pipe"):
        assert settings.pipeline.batch_size == 1
        assert pipe.properties["SourceParameters"]["SqsQueueParameters"]["BatchSize"] == 1, str(pipe)
        target = pipe.properties["TargetParameters"]
        assert target == {"StepFunctionStateMachineParameters": {"InvocationType": "REQUEST_RESPONSE"}}, str(pipe)


def rules_of_originals(assembly: Assembly) -> list[Resource]:
    return [rule for rule in assembly.all("AWS::Events::Rule") if "EventPattern" in rule.properties]


def test_every_rule_may_send_to_its_queue_and_it_alone(aws: Assembly) -> None:
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


def test_originals_reach_a_lane(aws: Assembly, names: Names) -> None:
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
