"""A small assembly of its own, with what the emulator's CloudFormation drops and a lane that fails on request."""

import json
from pathlib import Path
from typing import Any

NAME = "LocalSmall"
FUNCTION = "local-small-handler"
QUEUE = "local-small-queue"
DEAD_LETTERS = "local-small-dead-letters"
STATE_MACHINE = "local-small-lane"
SOURCE_BUCKET = "local-small-source"
REPLICA_BUCKET = "local-small-replica"
RESERVED = 3
VISIBILITY_SECONDS = 3
MAX_RECEIVE_COUNT = 2
LIFECYCLE = [{"Id": "parts", "Status": "Enabled", "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 2}}]
CORS = {
    "AllowOrigins": ["https://example.com"],
    "AllowMethods": ["POST"],
    "AllowHeaders": ["content-type"],
    "MaxAge": 60,
}

_STAGING = "local-small-assets"
# Fails, dawdles or raises as the message says, and leaves a trace of every message that it has done.
_HANDLER = f'''
import importlib.util, os, time
import boto3

class OddError(Exception):
    pass

def handler(event, context):
    body = event.get("body", "")
    if body == "modules":
        return {{name: bool(importlib.util.find_spec(name)) for name in ("boto3", "pydantic", "pyvips", "infra")}}
    if body == "overstep":
        boto3.client("s3").list_objects_v2(Bucket="{SOURCE_BUCKET}")
    if body == "raise":
        raise OddError("as asked")
    if body.startswith("hold "):
        while os.path.exists(body.removeprefix("hold ")):
            time.sleep(0.02)
        return {{}}
    if body.startswith("slow"):
        boto3.client("s3").put_object(Bucket="{SOURCE_BUCKET}", Key="begun/" + body, Body=b"")
        time.sleep(2)
    if body == "fail":
        return {{"batchItemFailures": [{{"itemIdentifier": event["messageId"]}}]}}
    boto3.client("s3").put_object(Bucket="{SOURCE_BUCKET}", Key="done/" + body, Body=b"")
    return {{"pid": os.getpid()}}
'''


def write_small_assembly(folder: Path) -> Path:
    """Write the assembly into ``folder``."""
    code = folder / "asset.handler"
    code.mkdir(parents=True)
    (code / "index.py").write_text(_HANDLER)
    (folder / "template.json").write_text(json.dumps({"Resources": _resources()}))
    artifact = {
        "type": "aws:cloudformation:stack",
        "environment": "aws://000000000000/us-east-1",
        "properties": {"templateFile": "template.json"},
    }
    (folder / "manifest.json").write_text(json.dumps({"artifacts": {NAME: artifact}}))
    files = {"handler": _asset("asset.handler", "zip", "handler.zip")}
    (folder / f"{NAME}.assets.json").write_text(json.dumps({"files": files}))
    return folder


def _asset(path: str, packaging: str, key: str) -> dict[str, Any]:
    destination = {"bucketName": _STAGING, "objectKey": key}
    return {"source": {"path": path, "packaging": packaging}, "destinations": {"current": destination}}


def _arn(resource: str) -> dict[str, Any]:
    return {"Fn::GetAtt": [resource, "Arn"]}


def _role(service: str, *statements: tuple[list[str], Any]) -> dict[str, Any]:
    allowed = [{"Effect": "Allow", "Action": actions, "Resource": resource} for actions, resource in statements]
    trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
            "Policies": [{"PolicyName": "p", "PolicyDocument": {"Version": "2012-10-17", "Statement": allowed}}],
        },
    }


def _bucket(name: str, **properties: Any) -> dict[str, Any]:
    versions = {"Status": "Enabled"}
    return {
        "Type": "AWS::S3::Bucket",
        "Properties": {"BucketName": name, "VersioningConfiguration": versions, **properties},
    }


def _resources() -> dict[str, Any]:
    objects = {"Fn::Join": ["", [f"arn:aws:s3:::{SOURCE_BUCKET}", "/*"]]}
    return {
        "HandlerRole": _role("lambda.amazonaws.com", (["s3:PutObject"], objects)),
        "Handler": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "FunctionName": FUNCTION,
                "Runtime": "python3.13",
                "Handler": "index.handler",
                "Role": _arn("HandlerRole"),
                "Code": {"S3Bucket": _STAGING, "S3Key": "handler.zip"},
                "Timeout": 300,
                "ReservedConcurrentExecutions": RESERVED,
            },
        },
        "ReplicationRole": _role("s3.amazonaws.com", (["s3:*"], "*")),
        "Source": _bucket(
            SOURCE_BUCKET,
            ObjectLockEnabled=True,
            ObjectLockConfiguration={
                "ObjectLockEnabled": "Enabled",
                "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}},
            },
            LifecycleConfiguration={"Rules": LIFECYCLE},
            ReplicationConfiguration={
                "Role": _arn("ReplicationRole"),
                "Rules": [{"Id": "all", "Status": "Enabled", "Destination": {"Bucket": _arn("Replica")}}],
            },
        ),
        "Replica": _bucket(REPLICA_BUCKET),
        "Api": {
            "Type": "AWS::ApiGatewayV2::Api",
            "Properties": {"Name": "local-small", "ProtocolType": "HTTP", "CorsConfiguration": CORS},
        },
        "LogSource": {"Type": "AWS::Logs::DeliverySource", "Properties": {"Name": "stripped"}},
        **_lane(),
    }


def _lane() -> dict[str, Any]:
    invoke = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {"FunctionName": "${Handler.Arn}", "Payload": "{% $states.input[0] %}"},
        "Output": "{% $states.result.Payload %}",
        "Catch": [{"ErrorEquals": ["OddError"], "Output": {"caught": "OddError"}, "Next": "Caught"}],
        "End": True,
    }
    caught = {"Type": "Pass", "End": True}
    states = {"QueryLanguage": "JSONata", "StartAt": "Invoke", "States": {"Invoke": invoke, "Caught": caught}}
    receive = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
    redrive = {"deadLetterTargetArn": _arn("DeadLetters"), "maxReceiveCount": MAX_RECEIVE_COUNT}
    return {
        "DeadLetters": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": DEAD_LETTERS}},
        "Queue": {
            "Type": "AWS::SQS::Queue",
            "Properties": {"QueueName": QUEUE, "VisibilityTimeout": VISIBILITY_SECONDS, "RedrivePolicy": redrive},
        },
        "MachineRole": _role("states.amazonaws.com", (["lambda:InvokeFunction"], _arn("Handler"))),
        "Machine": {
            "Type": "AWS::StepFunctions::StateMachine",
            "Properties": {
                "StateMachineName": STATE_MACHINE,
                "StateMachineType": "EXPRESS",
                "RoleArn": _arn("MachineRole"),
                "DefinitionString": {"Fn::Sub": json.dumps(states)},
            },
        },
        "PipeRole": _role(
            "pipes.amazonaws.com",
            (receive, _arn("Queue")),
            (["states:StartSyncExecution"], {"Ref": "Machine"}),
        ),
        "Pipe": {
            "Type": "AWS::Pipes::Pipe",
            "Properties": {
                "Name": "local-small",
                "RoleArn": _arn("PipeRole"),
                "Source": _arn("Queue"),
                "SourceParameters": {"SqsQueueParameters": {"BatchSize": 1}},
                "Target": {"Ref": "Machine"},
                "TargetParameters": {"StepFunctionStateMachineParameters": {"InvocationType": "REQUEST_RESPONSE"}},
            },
        },
    }
