"""EventBridge Pipes as the deployed templates describe them: from a queue to an Express state machine.

Its input to the state machine and its reading of the result follow "Amazon SQS queue as a source" and
"batching and concurrency" in the EventBridge User Guide.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infra.local.endpoint import Endpoint
from infra.local.errors import LocalStackError

_KIND = "AWS::Pipes::Pipe"
_DEFAULT_BATCH_SIZE = 10
# The parameters that the runner supports; any other is an error.
_SOURCE_PARAMETERS = {"SqsQueueParameters": {"BatchSize"}}
_TARGET_PARAMETERS = {"StepFunctionStateMachineParameters": {"InvocationType"}}

Message = Mapping[str, Any]


class UnsupportedPipeError(LocalStackError):
    """A pipe has a parameter that the runner does not support."""


@dataclass(frozen=True, slots=True)
class Pipe:
    """A pipe from an SQS queue to an Express state machine that answers."""

    name: str
    role_arn: str
    queue_arn: str
    state_machine_arn: str
    batch_size: int

    @property
    def region(self) -> str:
        """The region of queue and state machine, which is the pipe's own."""
        return self.queue_arn.split(":")[3]

    @property
    def queue_name(self) -> str:
        """The source queue's name."""
        return self.queue_arn.rpartition(":")[2]


class PipeCatalog:
    """The running pipes of the primary region, from the pipes API and their stacks' templates."""

    def __init__(self, endpoint: Endpoint):
        self._endpoint = endpoint
        self._client = endpoint.client("pipes")
        self._seen: list[Message] | None = None
        self._pipes: list[Pipe] = []

    def running(self) -> list[Pipe]:
        """Return the pipes that run now; their templates are read again only when the list has changed.

        Raises:
            UnsupportedPipeError: one of them has a parameter that the runner does not support.
        """
        pages = self._client.get_paginator("list_pipes").paginate()
        seen = [summary for page in pages for summary in page["Pipes"]]
        if seen != self._seen:
            self._seen = seen
            properties = _properties_by_name(self._endpoint)
            self._pipes = [
                parse_pipe(self._client.describe_pipe(Name=name), properties.get(name, {}))
                for name in (summary["Name"] for summary in seen if summary["CurrentState"] == "RUNNING")
            ]
        return self._pipes


def _properties_by_name(endpoint: Endpoint) -> dict[str, Mapping[str, Any]]:
    # The emulator's pipes API drops source and target parameters; the deployed template has them.
    client = endpoint.client("cloudformation")
    found: dict[str, Mapping[str, Any]] = {}
    for page in client.get_paginator("describe_stacks").paginate():
        for stack in page["Stacks"]:
            names = dict(_pipes_of(client, stack["StackName"]))
            template = client.get_template(StackName=stack["StackName"])["TemplateBody"] if names else {}
            found |= {name: template["Resources"][logical_id]["Properties"] for logical_id, name in names.items()}
    return found


def _pipes_of(client: Any, stack: str) -> Iterator[tuple[str, str]]:
    for page in client.get_paginator("list_stack_resources").paginate(StackName=stack):
        for resource in page["StackResourceSummaries"]:
            if resource["ResourceType"] == _KIND:
                yield resource["LogicalResourceId"], resource["PhysicalResourceId"]


def parse_pipe(description: Mapping[str, Any], properties: Mapping[str, Any]) -> Pipe:
    """Read a pipe.

    Args:
        description: what DescribePipe says: name, role, source and target.
        properties: the resource's properties in its template: source and target parameters.

    Raises:
        UnsupportedPipeError: it has a kind of source, target or parameter that the runner does not support.
    """
    name = description["Name"]
    for expected, arn in (("sqs", description["Source"]), ("states", description["Target"])):
        if arn.split(":")[2] != expected:
            raise UnsupportedPipeError(f"pipe {name}: expected an ARN of {expected} but received {arn}")
    source = _known(name, "SourceParameters", properties, _SOURCE_PARAMETERS)
    target = _known(name, "TargetParameters", properties, _TARGET_PARAMETERS)
    if "Enrichment" in properties:
        raise UnsupportedPipeError(f"pipe {name}: expected no enrichment but received {properties['Enrichment']}")
    invocation = target.get("StepFunctionStateMachineParameters", {}).get("InvocationType", "FIRE_AND_FORGET")
    if invocation != "REQUEST_RESPONSE":
        raise UnsupportedPipeError(f"pipe {name}: expected InvocationType REQUEST_RESPONSE but received {invocation}")
    return Pipe(
        name=name,
        role_arn=description["RoleArn"],
        queue_arn=description["Source"],
        state_machine_arn=description["Target"],
        batch_size=int(source.get("SqsQueueParameters", {}).get("BatchSize", _DEFAULT_BATCH_SIZE)),
    )


def _known(
    name: str, group: str, properties: Mapping[str, Any], known: Mapping[str, set[str]]
) -> Mapping[str, Mapping[str, Any]]:
    parameters: Mapping[str, Mapping[str, Any]] = properties.get(group, {})
    for key, value in parameters.items():
        strays = set(value) - known[key] if key in known else {"as a whole"}
        if strays:
            raise UnsupportedPipeError(
                f"pipe {name}: expected {group} among {sorted(known)} but received {key} ({', '.join(sorted(strays))})"
            )
    return parameters


def execution_input(pipe: Pipe, messages: Sequence[Message]) -> str:
    """Return the state machine's input: the JSON array of SQS records that a pipe sends.

    Args:
        pipe: the pipe.
        messages: as ReceiveMessage returns them, with all their system attributes.
    """
    return json.dumps(
        [
            {
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "attributes": message.get("Attributes", {}),
                "messageAttributes": message.get("MessageAttributes", {}),
                "md5OfBody": message["MD5OfBody"],
                "eventSource": "aws:sqs",
                "eventSourceARN": pipe.queue_arn,
                "awsRegion": pipe.region,
            }
            for message in messages
        ]
    )


def failed_messages(messages: Sequence[Message], execution: Mapping[str, Any]) -> set[str]:
    """Return the ids of the messages that stay in the queue, for its redrive policy to count.

    None where the execution succeeded; those named in ``batchItemFailures`` where it named some; all where it
    failed, timed out, or named a message that is not of the batch.

    Args:
        messages: the batch.
        execution: what StartSyncExecution returned.
    """
    every = {str(message["MessageId"]) for message in messages}
    if execution.get("status") != "SUCCEEDED":
        return every
    try:
        output = json.loads(execution.get("output") or "null")
    except ValueError:
        return every
    failures = output.get("batchItemFailures") if isinstance(output, dict) else None
    if not failures:
        return set()
    if not isinstance(failures, list):
        return every
    named = {failure.get("itemIdentifier") if isinstance(failure, dict) else None for failure in failures}
    return {str(name) for name in named} if named <= every else every
