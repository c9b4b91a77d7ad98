"""What a lane does with one message, in the Amazon States Language (JSONata).

Receive ▸ Validate ▸ Metadata ▸ Map(Derive) ▸ Record. A rejection is an outcome and goes to Record. Only what a
retry may cure is an error: it is retried here, then written to the failures table, then returned to the queue,
which counts deliveries. A lane that is throttled for longer than its retries last is not the message's fault, nor is
a picture that another execution is processing: the message is sent again as a new one, with its count at zero.

Validate claims the picture for this execution, by the execution's id; Record presents the claim. An execution that
fails gives it up, and counts on the row if a function died, by a time-out or for lack of memory: after
``pipeline.max_deaths`` of these Validate rejects the picture as too costly.

A failure is written down because SQS keeps no reason with a message, and the execution that knew it is over when
the message reaches the dead letters. Its key is the MD5 of the message's body, which SQS sends with every delivery:
a message's id changes when it is sent again, its body does not. Deliveries of one message may overlap (SQS delivers at
least once) and an earlier one may fail last, so a failure is written only if no later delivery has written one.
Deliveries are ordered by the time the message was sent, then by how often it was received.

``definition`` is plain data without the CDK. Resources are placeholders (``${Validate}``, ``${Queue}``).
"""

from typing import Any

from lambdas.core.settings import Settings
from lambdas.core.stores.derivatives import INSPECTED_FOLDER

State = dict[str, Any]
TASKS = ("Validate", "Metadata", "Derive", "Record")
INSPECTOR = "Inspect"
QUEUE = "Queue"
FAILURES_TABLE = "FailuresTable"
IMAGES_TABLE = "ImagesTable"
DERIVATIVES_BUCKET = "DerivativesBucket"

_FAILURE_SECONDS = 30 * 86_400  # a queue and its dead-letter queue each keep a message for 14 days
_MAX_CAUSE = 4000  # characters: the error and its trace, not a whole payload

# Full jitter spreads the retries of a burst. Error names: "Handling errors in Step Functions workflows" and "Handle
# Lambda service exceptions" of its guide; the CDK's default retry omits throttling. All retries of a task together
# stay well below the execution's timeout, which no state can catch.
_RETRY: list[State] = [
    {
        "ErrorEquals": ["Lambda.TooManyRequestsException"],
        "IntervalSeconds": 1,
        "BackoffRate": 2,
        "MaxDelaySeconds": 20,
        "MaxAttempts": 6,
        "JitterStrategy": "FULL",
    },
    {
        # Out of memory or out of time: a third attempt rarely helps.
        "ErrorEquals": ["Lambda.Unknown", "Sandbox.Timedout", "Runtime.ExitError"],
        "IntervalSeconds": 1,
        "MaxAttempts": 1,
        "JitterStrategy": "FULL",
    },
    {
        "ErrorEquals": [
            "Lambda.ServiceException",
            "Lambda.AWSLambdaException",
            "Lambda.SdkClientException",
            "Lambda.ClientExecutionTimeoutException",
            "States.TaskFailed",
        ],
        "IntervalSeconds": 1,
        "BackoffRate": 2,
        "MaxAttempts": 2,
        "JitterStrategy": "FULL",
    },
]
# A malformed event stays malformed: its message goes back to the queue, and from there to the dead letters.
_NO_RETRY_IF_MALFORMED: State = {"ErrorEquals": ["MalformedEventError"], "MaxAttempts": 0}
_FAILURE_RETRY: list[State] = [
    {
        "ErrorEquals": ["States.TaskFailed"],
        "IntervalSeconds": 1,
        "BackoffRate": 2,
        "MaxAttempts": 3,
        "JitterStrategy": "FULL",
    }
]
_CLAIM_LOST: State = {"ErrorEquals": ["DynamoDB.ConditionalCheckFailedException"], "MaxAttempts": 0}
_WRITTEN_BY_A_LATER_DELIVERY: State = {
    "ErrorEquals": ["DynamoDB.ConditionalCheckFailedException"],
    "MaxAttempts": 0,
}
_RETURN_ANYWAY: list[State] = [{"ErrorEquals": ["States.ALL"], "Next": "ReturnToQueue"}]

_CATCH: list[State] = [
    {
        "ErrorEquals": ["States.ALL"],
        "Assign": {"failure": "{% $states.errorOutput %}", "step": "{% $states.context.State.Name %}"},
        "Next": "Failed",
    },
]
_DEATHS = "['Sandbox.Timedout', 'Runtime.ExitError', 'Lambda.Unknown']"


def _invoke(task: str, payload: Any, **rest: Any) -> State:
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {"FunctionName": f"${{{task}}}", "Payload": payload},
        "Output": "{% $states.result.Payload %}",
        "Retry": _RETRY,
        **rest,
    }


def definition(settings: Settings) -> State:
    """Return the definition of a lane's state machine; its input is the array of SQS records from the pipe.

    Its output is what Record returns, or ``{"batchItemFailures": [{"itemIdentifier": messageId}]}``, which is how
    the pipe leaves a message in the queue.
    """
    return {
        "Comment": "One uploaded original: from its event to its recorded outcome",
        "QueryLanguage": "JSONata",
        "StartAt": "Receive",
        "TimeoutSeconds": settings.pipeline.execution_seconds,
        "States": {
            "Receive": {
                "Type": "Pass",
                "Assign": {
                    "message": "{% $states.input[0] %}",
                    "image": {"image_id": ""},
                    "rejection": "{% null %}",
                    "metadata": "{% null %}",
                    "groups": [],
                    "derivations": [],
                    "inspection": {"verdict": "allow"},
                    "timings": {},
                },
                "Output": "{% $states.input[0] %}",
                "Next": "Validate",
            },
            "Validate": _invoke(
                "Validate",
                {"record": "{% $states.input %}", "claim_id": "{% $states.context.Execution.Id %}"},
                Retry=[_NO_RETRY_IF_MALFORMED, *_RETRY],
                Assign={
                    "image": "{% $states.result.Payload.image %}",
                    "rejection": "{% $states.result.Payload.rejection %}",
                    "timings": {"validate": "{% $states.result.Payload.seconds %}"},
                },
                Catch=_CATCH,
                Next="Validated",
            ),
            "Validated": {
                "Type": "Choice",
                "Choices": [
                    {"Condition": "{% $states.input.outcome = 'accepted' %}", "Next": "Metadata"},
                    {"Condition": "{% $states.input.outcome = 'rejected' %}", "Next": "Record"},
                    {"Condition": "{% $states.input.outcome = 'busy' %}", "Next": "Postpone"},
                ],
                "Default": "Settled",
            },
            "Metadata": _invoke(
                "Metadata",
                {"image": "{% $image %}"},
                Assign={
                    "rejection": "{% $states.result.Payload.rejection %}",
                    "metadata": "{% $states.result.Payload.metadata %}",
                    "groups": "{% $states.result.Payload.groups %}",
                    "timings": "{% $merge([$timings, {'metadata': $states.result.Payload.seconds}]) %}",
                },
                Catch=_CATCH,
                Next="Measured",
            ),
            "Measured": {
                "Type": "Choice",
                "Choices": [
                    {
                        "Condition": "{% $states.input.outcome = 'accepted' %}",
                        "Next": "Preview" if settings.inspection.function else "DeriveGroups",
                    }
                ],
                "Default": "Record",
            },
            **(_inspection_states(settings) if settings.inspection.function else {}),
            "DeriveGroups": {
                "Type": "Map",
                "Items": "{% $groups %}",
                "ItemSelector": {
                    "image": "{% $image %}",
                    "variants": "{% $states.context.Map.Item.Value.variants %}",
                },
                "MaxConcurrency": settings.pipeline.derive_concurrency,
                "ItemProcessor": {
                    "ProcessorConfig": {"Mode": "INLINE"},
                    "StartAt": "Derive",
                    "States": {"Derive": _invoke("Derive", "{% $states.input %}", End=True)},
                },
                "Assign": {"derivations": "{% $states.result %}"},
                "Catch": _CATCH,
                "Next": "Record",
            },
            "Record": _invoke(
                "Record",
                {
                    "image": "{% $image %}",
                    "rejection": "{% $rejection %}",
                    "metadata": "{% $metadata %}",
                    "derivations": "{% $derivations %}",
                    "inspection": "{% $inspection %}",
                    "timings": "{% $timings %}",
                },
                Catch=_CATCH,
                End=True,
            ),
            "Settled": {"Type": "Succeed"},
            **_failure_states(settings),
        },
    }


def _inspection_states(settings: Settings) -> dict[str, State]:
    """Return the states between Metadata and Derive that have a picture inspected before it is published."""
    variant = f"{settings.inspection.preview_width}x0.jpeg"
    return {
        "Preview": _invoke(
            "Derive",
            {"image": "{% $image %}", "variants": [variant], "for_inspection": True},
            Assign={"rejection": "{% $states.result.Payload.rejection %}"},
            Catch=_CATCH,
            Next="Previewed",
        ),
        "Previewed": {
            "Type": "Choice",
            "Choices": [{"Condition": "{% $states.input.outcome = 'made' %}", "Next": "Inspect"}],
            "Default": "Record",
        },
        "Inspect": _invoke(
            INSPECTOR,
            {
                "image_id": "{% $image.image_id %}",
                "tenant": "{% $image.tenant %}",
                "metadata": "{% $metadata %}",
                "preview": {
                    "bucket": f"${{{DERIVATIVES_BUCKET}}}",
                    "key": f"{{% '{INSPECTED_FOLDER}' & $image.image_id & '/{variant}' %}}",
                },
            },
            Assign={"inspection": "{% $states.result.Payload %}"},
            Catch=_CATCH,
            Next="Inspected",
        ),
        "Inspected": {
            "Type": "Choice",
            "Choices": [
                {"Condition": "{% $states.input.verdict = 'allow' %}", "Next": "DeriveGroups"},
                {"Condition": "{% $states.input.verdict in ['hold', 'reject'] %}", "Next": "Record"},
            ],
            "Default": "UnknownVerdict",
        },
        # Nothing is published by a mistake of the function: the message is tried again, then a dead letter.
        "UnknownVerdict": {
            "Type": "Pass",
            "Assign": {
                "failure": {
                    "Error": "UnknownVerdict",
                    "Cause": "{% 'expected a verdict of allow, hold or reject but received ' & $string($inspection) %}",
                },
                "step": "Inspect",
            },
            "Next": "Failed",
        },
    }


def _failure_states(settings: Settings) -> dict[str, State]:
    """Return the states that ``_CATCH`` leads to, and those that follow."""
    return {
        "Failed": {
            "Type": "Choice",
            "Choices": [{"Condition": "{% $image.image_id = '' %}", "Next": "Throttled"}],
            "Default": "ReleaseClaim",
        },
        "ReleaseClaim": {
            "Type": "Task",
            "Resource": "arn:aws:states:::dynamodb:updateItem",
            "Arguments": {
                "TableName": f"${{{IMAGES_TABLE}}}",
                "Key": {"image_id": {"S": "{% $image.image_id %}"}},
                "UpdateExpression": "SET claimed_until = :past ADD deaths :deaths",
                "ConditionExpression": "#state = :processing AND claim_id = :claim",
                "ExpressionAttributeNames": {"#state": "state"},
                "ExpressionAttributeValues": {
                    ":past": {"N": "0"},
                    ":deaths": {"N": f"{{% $failure.Error in {_DEATHS} ? '1' : '0' %}}"},
                    ":processing": {"S": "processing"},
                    ":claim": {"S": "{% $states.context.Execution.Id %}"},
                },
            },
            "Retry": [_CLAIM_LOST, *_FAILURE_RETRY],
            # Without it the claim lapses by itself, and before the message is received again.
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Throttled"}],
            "Next": "Throttled",
        },
        "Throttled": {
            "Type": "Choice",
            "Choices": [{"Condition": "{% $failure.Error = 'Lambda.TooManyRequestsException' %}", "Next": "Postpone"}],
            "Default": "NoteFailure",
        },
        "Postpone": {
            "Type": "Task",
            "Resource": "arn:aws:states:::sqs:sendMessage",
            "Arguments": {
                "QueueUrl": f"${{{QUEUE}}}",
                "MessageBody": "{% $message.body %}",
                "DelaySeconds": f"{{% $floor($random() * {settings.pipeline.postponed_seconds}) %}}",
            },
            "Retry": _FAILURE_RETRY,
            "Catch": _RETURN_ANYWAY,
            "End": True,
        },
        "NoteFailure": {
            "Type": "Task",
            "Resource": "arn:aws:states:::dynamodb:putItem",
            "Arguments": {
                "TableName": f"${{{FAILURES_TABLE}}}",
                "Item": {
                    "body_md5": {"S": "{% $message.md5OfBody %}"},
                    "step": {"S": "{% $step %}"},
                    "error": {"S": "{% $string($failure.Error) %}"},
                    "cause": {"S": f"{{% $substring($string($failure.Cause), 0, {_MAX_CAUSE}) %}}"},
                    "failed_at": {"S": "{% $now() %}"},
                    "sent_at": {"N": "{% $string($message.attributes.SentTimestamp) %}"},
                    "attempt": {"N": "{% $string($message.attributes.ApproximateReceiveCount) %}"},
                    "execution": {"S": "{% $states.context.Execution.Id %}"},
                    "expires_at": {"N": f"{{% $string($floor($millis() / 1000) + {_FAILURE_SECONDS}) %}}"},
                },
                "ConditionExpression": (
                    "attribute_not_exists(sent_at) OR sent_at < :sent OR (sent_at = :sent AND attempt <= :attempt)"
                ),
                "ExpressionAttributeValues": {
                    ":sent": {"N": "{% $string($message.attributes.SentTimestamp) %}"},
                    ":attempt": {"N": "{% $string($message.attributes.ApproximateReceiveCount) %}"},
                },
            },
            "Retry": [_WRITTEN_BY_A_LATER_DELIVERY, *_FAILURE_RETRY],
            "Catch": _RETURN_ANYWAY,
            "Next": "ReturnToQueue",
        },
        "ReturnToQueue": {
            "Type": "Pass",
            "Output": {"batchItemFailures": [{"itemIdentifier": "{% $message.messageId %}"}]},
            "End": True,
        },
    }
