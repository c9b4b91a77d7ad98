"""What a lane does with one message, as the states language says it (JSONata).

Receive ▸ Validate ▸ Metadata ▸ Map(Derive) ▸ Record. A rejection is an outcome: it goes to Record. Only
what a retry may cure is an error: it is retried here, then noted, and handed back to the queue, which counts.
A lane that is throttled for longer than its retries last is no fault of the message: it is sent anew, uncounted.

``definition`` is plain data. What it names stands in it as ``${Validate}``, ``${Queue}`` …, to be substituted.
"""

from typing import Any

from infra.constructs.state_machine_failures import CATCH, failure_states
from lambdas.core.settings import Settings

State = dict[str, Any]
TASKS = ("Validate", "Metadata", "Derive", "Record")

# Full jitter spreads the retries of a burst. Names of errors: "Handling errors in Step Functions workflows" and
# "Handle Lambda service exceptions" of its guide. The CDK's own default leaves the throttled one out. All retries
# of a task together stay well under the execution's deadline, which nothing can catch.
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
        # Out of memory, or out of time: rarely cured by a third try.
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
# What is no event now will be none in a second: its message goes back to the queue, and from there to the dead ones.
_NO_EVENT: State = {"ErrorEquals": ["MalformedEventError"], "MaxAttempts": 0}


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
    """Return the state machine of a lane; its input is the array of SQS records that a pipe hands over.

    Its output is what Record returns, or ``{"batchItemFailures": [{"itemIdentifier": messageId}]}`` for a
    message that is to be tried again, which is how a pipe learns it.
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
                    "rejection": "{% null %}",
                    "metadata": "{% null %}",
                    "derivations": [],
                    "timings": {},
                },
                "Output": "{% $states.input[0] %}",
                "Next": "Validate",
            },
            "Validate": _invoke(
                "Validate",
                "{% $states.input %}",
                Retry=[_NO_EVENT, *_RETRY],
                Assign={
                    "image": "{% $states.result.Payload.image %}",
                    "rejection": "{% $states.result.Payload.rejection %}",
                    "timings": {"validate": "{% $states.result.Payload.seconds %}"},
                },
                Catch=CATCH,
                Next="Validated",
            ),
            "Validated": {
                "Type": "Choice",
                "Choices": [
                    {"Condition": "{% $states.input.outcome = 'accepted' %}", "Next": "Metadata"},
                    {"Condition": "{% $states.input.outcome = 'rejected' %}", "Next": "Record"},
                ],
                "Default": "Settled",
            },
            "Metadata": _invoke(
                "Metadata",
                {"image": "{% $image %}"},
                Assign={
                    "rejection": "{% $states.result.Payload.rejection %}",
                    "metadata": "{% $states.result.Payload.metadata %}",
                    "timings": "{% $merge([$timings, {'metadata': $states.result.Payload.seconds}]) %}",
                },
                Catch=CATCH,
                Next="Measured",
            ),
            "Measured": {
                "Type": "Choice",
                "Choices": [{"Condition": "{% $states.input.outcome = 'accepted' %}", "Next": "DeriveGroups"}],
                "Default": "Record",
            },
            "DeriveGroups": {
                "Type": "Map",
                "Items": "{% $states.input.groups %}",
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
                "Catch": CATCH,
                "Next": "Record",
            },
            "Record": _invoke(
                "Record",
                {
                    "image": "{% $image %}",
                    "rejection": "{% $rejection %}",
                    "metadata": "{% $metadata %}",
                    "derivations": "{% $derivations %}",
                    "timings": "{% $timings %}",
                },
                Catch=CATCH,
                End=True,
            ),
            "Settled": {"Type": "Succeed"},
            **failure_states(settings),
        },
    }
