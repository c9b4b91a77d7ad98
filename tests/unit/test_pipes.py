import json

import pytest

from infra.local.pipes.pipes import Pipe, UnsupportedPipeError, execution_input, failed_messages, parse_pipe

QUEUE = "arn:aws:sqs:eu-west-1:000000000000:originals"
MACHINE = "arn:aws:states:eu-west-1:000000000000:stateMachine:lane"
DESCRIPTION = {"Name": "lane", "RoleArn": "arn:aws:iam::000000000000:role/pipe", "Source": QUEUE, "Target": MACHINE}
PROPERTIES = {
    "SourceParameters": {"SqsQueueParameters": {"BatchSize": 1}},
    "TargetParameters": {"StepFunctionStateMachineParameters": {"InvocationType": "REQUEST_RESPONSE"}},
}
PIPE = Pipe("lane", DESCRIPTION["RoleArn"], QUEUE, MACHINE, 1)
MESSAGES = [
    {"MessageId": name, "ReceiptHandle": f"handle-{name}", "Body": "{}", "MD5OfBody": "x", "Attributes": {"A": "1"}}
    for name in ("one", "two")
]


def test_a_pipe_is_read_from_its_template() -> None:
    pipe = parse_pipe(DESCRIPTION, PROPERTIES)

    assert pipe == PIPE
    assert (pipe.region, pipe.queue_name) == ("eu-west-1", "originals")


@pytest.mark.parametrize(
    ("description", "properties", "said"),
    [
        ({"Source": "arn:aws:kinesis:eu-west-1:000000000000:stream/x"}, {}, "expected an ARN of sqs"),
        ({"Target": "arn:aws:lambda:eu-west-1:000000000000:function:x"}, {}, "expected an ARN of states"),
        ({}, {"Enrichment": "arn:aws:lambda:eu-west-1:000000000000:function:x"}, "expected no enrichment"),
        ({}, {"SourceParameters": {"FilterCriteria": {"Filters": []}}}, r"FilterCriteria \(as a whole\)"),
        (
            {},
            {"SourceParameters": {"SqsQueueParameters": {"BatchSize": 1, "MaximumBatchingWindowInSeconds": 5}}},
            r"SqsQueueParameters \(MaximumBatchingWindowInSeconds\)",
        ),
        ({}, {"TargetParameters": {"InputTemplate": {}}}, "InputTemplate"),
        (
            {},
            {"TargetParameters": {"StepFunctionStateMachineParameters": {"InvocationType": "FIRE_AND_FORGET"}}},
            "expected InvocationType REQUEST_RESPONSE but received FIRE_AND_FORGET",
        ),
        ({}, {"TargetParameters": {}}, "but received FIRE_AND_FORGET"),
    ],
)
def test_unsupported_pipes_are_refused(description: dict[str, str], properties: dict[str, object], said: str) -> None:
    with pytest.raises(UnsupportedPipeError, match=f"pipe lane: .*{said}"):
        parse_pipe(DESCRIPTION | description, PROPERTIES | properties)


def test_the_input_is_an_array_of_sqs_records() -> None:
    assert json.loads(execution_input(PIPE, MESSAGES[:1])) == [
        {
            "messageId": "one",
            "receiptHandle": "handle-one",
            "body": "{}",
            "attributes": {"A": "1"},
            "messageAttributes": {},
            "md5OfBody": "x",
            "eventSource": "aws:sqs",
            "eventSourceARN": QUEUE,
            "awsRegion": "eu-west-1",
        }
    ]


def _failures(*names: object) -> str:
    return json.dumps({"batchItemFailures": [{"itemIdentifier": name} for name in names]})


@pytest.mark.parametrize(
    ("status", "output", "expected"),
    [
        ("SUCCEEDED", '{"outcome": "ready"}', set()),
        ("SUCCEEDED", "null", set()),
        ("SUCCEEDED", None, set()),
        ("SUCCEEDED", '"text"', set()),
        ("SUCCEEDED", _failures(), set()),
        ("SUCCEEDED", '{"batchItemFailures": null}', set()),
        ("SUCCEEDED", _failures("two"), {"two"}),
        ("SUCCEEDED", _failures("one", "two"), {"one", "two"}),
        ("SUCCEEDED", _failures("stranger"), {"one", "two"}),
        ("SUCCEEDED", _failures(None), {"one", "two"}),
        ("SUCCEEDED", _failures(""), {"one", "two"}),
        ("SUCCEEDED", '{"batchItemFailures": ["one"]}', {"one", "two"}),
        ("SUCCEEDED", '{"batchItemFailures": "one"}', {"one", "two"}),
        ("SUCCEEDED", "{", {"one", "two"}),
        ("FAILED", '{"outcome": "ready"}', {"one", "two"}),
        ("TIMED_OUT", None, {"one", "two"}),
    ],
)
def test_which_messages_stay_in_the_queue(status: str, output: str | None, expected: set[str]) -> None:
    assert failed_messages(MESSAGES, {"status": status, "output": output}) == expected
