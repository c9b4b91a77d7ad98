"""The states that a lane's execution ends in when it did not reach an outcome.

A failure is noted in the lane's table of failures before its message goes back to the queue: SQS keeps no reason
with a message, and the execution that knew it is over when the message reaches the dead letters. The note is kept
under the MD5 of the message's body, which SQS gives with every delivery: a message's id changes when it is sent
back to the queue, and what it says does not.

Deliveries of one message may overlap (SQS delivers at least once), and an earlier one may fail last. So a note is
written only if no later delivery has written one: deliveries are ordered by when the message was sent, then by how
often it was received.
"""

from typing import Any

from lambdas.core.settings import Settings

State = dict[str, Any]

QUEUE = "Queue"
FAILURES_TABLE = "FailuresTable"
_NOTE_SECONDS = 30 * 86_400  # two queues keep a message for 14 days each
_LONGEST_CAUSE = 4000  # characters: the error and its trace, not a whole payload

_RETRY: list[State] = [
    {
        "ErrorEquals": ["States.TaskFailed"],
        "IntervalSeconds": 1,
        "BackoffRate": 2,
        "MaxAttempts": 3,
        "JitterStrategy": "FULL",
    }
]
_NOTED_LATER: State = {"ErrorEquals": ["DynamoDB.ConditionalCheckFailedException"], "MaxAttempts": 0}
_ANYHOW: list[State] = [{"ErrorEquals": ["States.ALL"], "Next": "ReturnToQueue"}]

CATCH: list[State] = [
    {"ErrorEquals": ["Lambda.TooManyRequestsException"], "Next": "Postpone"},
    {
        "ErrorEquals": ["States.ALL"],
        "Assign": {"failure": "{% $states.errorOutput %}", "step": "{% $states.context.State.Name %}"},
        "Next": "NoteFailure",
    },
]


def failure_states(settings: Settings) -> dict[str, State]:
    """Return the states that ``CATCH`` leads to, and those that follow."""
    return {
        "Postpone": {
            "Type": "Task",
            "Resource": "arn:aws:states:::sqs:sendMessage",
            "Arguments": {
                "QueueUrl": f"${{{QUEUE}}}",
                "MessageBody": "{% $message.body %}",
                "DelaySeconds": f"{{% $floor($random() * {settings.pipeline.postponed_seconds}) %}}",
            },
            "Retry": _RETRY,
            "Catch": _ANYHOW,
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
                    "cause": {"S": f"{{% $substring($string($failure.Cause), 0, {_LONGEST_CAUSE}) %}}"},
                    "failed_at": {"S": "{% $now() %}"},
                    "sent_at": {"N": "{% $string($message.attributes.SentTimestamp) %}"},
                    "attempt": {"N": "{% $string($message.attributes.ApproximateReceiveCount) %}"},
                    "execution": {"S": "{% $states.context.Execution.Id %}"},
                    "expires_at": {"N": f"{{% $string($floor($millis() / 1000) + {_NOTE_SECONDS}) %}}"},
                },
                "ConditionExpression": (
                    "attribute_not_exists(sent_at) OR sent_at < :sent OR (sent_at = :sent AND attempt <= :attempt)"
                ),
                "ExpressionAttributeValues": {
                    ":sent": {"N": "{% $string($message.attributes.SentTimestamp) %}"},
                    ":attempt": {"N": "{% $string($message.attributes.ApproximateReceiveCount) %}"},
                },
            },
            "Retry": [_NOTED_LATER, *_RETRY],
            "Catch": _ANYHOW,
            "Next": "ReturnToQueue",
        },
        "ReturnToQueue": {
            "Type": "Pass",
            "Output": {"batchItemFailures": [{"itemIdentifier": "{% $message.messageId %}"}]},
            "End": True,
        },
    }
