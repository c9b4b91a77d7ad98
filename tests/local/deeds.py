"""What a function may try on AWS, each deed harmless where it is allowed: it lacks a condition, or what it is about."""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from infra.names import Names
from lambdas.core.keys import tenant_digits
from lambdas.core.settings import EDGE_REGION

NOBODYS_PICTURE = "0" * 32
NO_DAY = "2026-01-01"


def nobodys_picture(tenant: str) -> str:
    """Return an id that a picture of ``tenant`` might have."""
    return f"{tenant_digits(tenant)}{NOBODYS_PICTURE}"[:32]


@dataclass(frozen=True)
class Actor:
    """A function under trial: what it is called, whose original it would read, and its clients by service."""

    names: Names
    function: str
    tenant: str
    stranger: str
    client: Callable[..., Any]

    def original(self, tenant: str) -> dict[str, str]:
        return {"Bucket": self.names.originals_bucket, "Key": f"{tenant}/{NO_DAY}/{nobodys_picture(tenant)}"}

    def arrived(self, tenant: str) -> dict[str, str]:
        """Return an object that is there; its key is no original's, so that the pipeline ignores it."""
        return {"Bucket": self.names.originals_bucket, "Key": f"{tenant}/there"}

    def derivative(self, tenant: str) -> dict[str, str]:
        return {"Bucket": self.names.derivatives_bucket, "Key": f"{nobodys_picture(tenant)}/256x0.avif"}

    @property
    def copy(self) -> dict[str, str]:
        return {**self.derivative(self.tenant), "Bucket": self.names.replica_bucket}

    def outcome(self, tenant: str) -> dict[str, Any]:
        return {"TableName": self.names.images_table, "Key": {"image_id": {"S": nobodys_picture(tenant)}}}


Deed = Callable[[Actor], Any]
_IF_THERE = {"ConditionExpression": "attribute_exists(image_id)"}


def _put_item(actor: Actor, item: dict[str, Any]) -> Any:
    return actor.client("dynamodb").put_item(TableName=item["TableName"], Item=item["Key"], **_IF_THERE)


def _put_object(actor: Actor, place: dict[str, str]) -> Any:
    # No object there has this tag, or any.
    return actor.client("s3").put_object(**place, Body=b"", IfMatch='"none"')


def _add_object(actor: Actor, place: dict[str, str]) -> Any:
    # These bytes have another checksum.
    other = base64.b64encode(sha256(b"other").digest()).decode()
    return actor.client("s3").put_object(**place, Body=b"", IfNoneMatch="*", ChecksumSHA256=other)


def _list_derivatives(actor: Actor, prefix: str) -> Any:
    return actor.client("s3").list_objects_v2(Bucket=actor.names.derivatives_bucket, Prefix=prefix, MaxKeys=1)


def _update_outcome(actor: Actor, tenant: str) -> Any:
    return actor.client("dynamodb").update_item(
        **actor.outcome(tenant),
        UpdateExpression="SET mended = :now",
        ExpressionAttributeValues={":now": {"S": "now"}},
        **_IF_THERE,
    )


def _invoke(actor: Actor, function: str) -> Any:
    return actor.client("lambda").invoke(FunctionName=function, InvocationType="DryRun")


def _log(actor: Actor, group: str) -> Any:
    line = {"timestamp": 0, "message": "trial"}
    return actor.client("logs").put_log_events(logGroupName=group, logStreamName="no-such-stream", logEvents=[line])


def _measure(actor: Actor) -> Any:
    return actor.client("cloudwatch").put_metric_data(
        Namespace="Trial", MetricData=[{"MetricName": "Deeds", "Value": 1}]
    )


def _invalidate(actor: Actor) -> Any:
    batch = {"Paths": {"Quantity": 1, "Items": ["/trial"]}, "CallerReference": "trial"}
    return actor.client("cloudfront").create_invalidation(DistributionId="ENOBODYS", InvalidationBatch=batch)


def _start(actor: Actor) -> Any:
    names = actor.names
    machine = f"arn:aws:states:{names.settings.regions.primary}:{names.account}:stateMachine:{names.of('shared')}"
    return actor.client("stepfunctions").start_sync_execution(stateMachineArn=machine, input="[]")


def _send(actor: Actor, thing: str) -> Any:
    names = actor.names
    queue = f"https://sqs.{names.settings.regions.primary}.amazonaws.com/{names.account}/{names.of(thing)}"
    return actor.client("sqs").send_message(QueueUrl=queue, MessageBody="{}")


def _keys(actor: Actor, thing: str, owner: str) -> Any:
    return actor.client("dynamodb").get_item(TableName=actor.names.of(thing), Key={"owner": {"S": owner}})


def _add_key(actor: Actor, thing: str) -> Any:
    return actor.client("dynamodb").put_item(TableName=actor.names.of(thing), Item={"owner": {"S": "trial"}})


def _parameter(actor: Actor, thing: str) -> Any:
    name = actor.names.settings.parameter_name(thing)
    return actor.client("ssm", EDGE_REGION).get_parameter(Name=name)


DEEDS: dict[str, Deed] = {
    "log to its own group": lambda actor: _log(actor, f"/aws/lambda/{actor.function}"),
    "log to another's group": lambda actor: _log(actor, f"/aws/vendedlogs/states/{actor.names.of('shared')}"),
    "read an original": lambda actor: actor.client("s3").get_object(**actor.arrived(actor.tenant)),
    "read a stranger's original": lambda actor: actor.client("s3").get_object(**actor.arrived(actor.stranger)),
    "list originals": lambda actor: actor.client("s3").list_objects_v2(Bucket=actor.names.originals_bucket, MaxKeys=1),
    "add an original": lambda actor: _add_object(actor, actor.original(actor.tenant)),
    "overwrite an original": lambda actor: _put_object(actor, actor.original(actor.tenant)),
    "delete an original": lambda actor: actor.client("s3").delete_object(**actor.original(actor.tenant)),
    "delete a version of an original": lambda actor: actor.client("s3").delete_object(
        **actor.original(actor.tenant), VersionId="no-such-version"
    ),
    "open originals to everyone": lambda actor: actor.client("s3").delete_public_access_block(
        Bucket=actor.names.originals_bucket
    ),
    "read a derivative": lambda actor: actor.client("s3").get_object(**actor.derivative(actor.tenant)),
    "write a derivative": lambda actor: _put_object(actor, actor.derivative(actor.tenant)),
    "write a stranger's derivative": lambda actor: _put_object(actor, actor.derivative(actor.stranger)),
    "delete a derivative": lambda actor: actor.client("s3").delete_object(**actor.derivative(actor.tenant)),
    "delete a stranger's derivative": lambda actor: actor.client("s3").delete_object(
        **actor.derivative(actor.stranger)
    ),
    "list derivatives": lambda actor: _list_derivatives(actor, nobodys_picture(actor.tenant)),
    "list a stranger's derivatives": lambda actor: _list_derivatives(actor, nobodys_picture(actor.stranger)),
    "list all derivatives": lambda actor: _list_derivatives(actor, ""),
    "read the replica": lambda actor: actor.client("s3", actor.names.settings.regions.replica).get_object(**actor.copy),
    "delete from the replica": lambda actor: actor.client("s3", actor.names.settings.regions.replica).delete_object(
        **actor.copy
    ),
    "read an outcome": lambda actor: actor.client("dynamodb").get_item(**actor.outcome(actor.tenant)),
    "read a stranger's outcome": lambda actor: actor.client("dynamodb").get_item(**actor.outcome(actor.stranger)),
    "write an outcome": lambda actor: _put_item(actor, actor.outcome(actor.tenant)),
    "mend an outcome": lambda actor: _update_outcome(actor, actor.tenant),
    "mend a stranger's outcome": lambda actor: _update_outcome(actor, actor.stranger),
    "delete an outcome": lambda actor: actor.client("dynamodb").delete_item(**actor.outcome(actor.tenant)),
    "scan outcomes": lambda actor: actor.client("dynamodb").scan(TableName=actor.names.images_table, Limit=1),
    "read tenants' keys": lambda actor: _keys(actor, "tenant-keys", actor.tenant),
    "read image tokens' keys": lambda actor: _keys(actor, "image-token-keys", "image-tokens"),
    "list tenants' keys": lambda actor: actor.client("dynamodb").scan(TableName=actor.names.of("tenant-keys"), Limit=1),
    "add a tenant's key": lambda actor: _add_key(actor, "tenant-keys"),
    "add an image tokens' key": lambda actor: _add_key(actor, "image-token-keys"),
    "look up the distribution": lambda actor: _parameter(actor, "distribution-id"),
    "look up the edge's address": lambda actor: _parameter(actor, "delivery-url"),
    "invalidate": _invalidate,
    "invoke the generator": lambda actor: _invoke(actor, actor.names.function("generate")),
    "have an image erased": lambda actor: _invoke(actor, actor.names.function("sweep")),
    "invoke the upload API": lambda actor: _invoke(actor, actor.names.function("upload_api")),
    "change a function": lambda actor: actor.client("lambda").update_function_configuration(
        FunctionName=actor.names.function("generate"), Description="trial"
    ),
    "start an execution": _start,
    "send to a queue": lambda actor: _send(actor, "shared-originals"),
    "ask for a sweep": lambda actor: _send(actor, "sweep"),
    "publish a metric": _measure,
    "make a user": lambda actor: actor.client("iam").create_user(UserName="trial"),
}
