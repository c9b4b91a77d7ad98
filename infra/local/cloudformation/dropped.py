"""Properties that the emulator's CloudFormation accepts and then ignores, set by API right after the deployment.

The values come from the same template. CloudFormation itself resolves their references, through outputs that are
added for it, so that no second resolver of intrinsic functions is needed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.local.cloudformation.assembly import Template
from infra.local.endpoint import Endpoint
from infra.local.errors import LocalStackError

# Properties that carry over as they are.
_SAME = ("Status", "AbortIncompleteMultipartUpload", "NoncurrentVersionExpiration")
_EXPIRATION = {
    "ExpirationInDays": "Days",
    "ExpirationDate": "Date",
    "ExpiredObjectDeleteMarker": "ExpiredObjectDeleteMarker",
}
_TRANSITION = {"TransitionInDays": "Days", "TransitionDate": "Date", "StorageClass": "StorageClass"}
_NONCURRENT = {
    "TransitionInDays": "NoncurrentDays",
    "NewerNoncurrentVersions": "NewerNoncurrentVersions",
    "StorageClass": "StorageClass",
}


def to_lifecycle_rules(rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return ``AWS::S3::Bucket`` lifecycle rules as PutBucketLifecycleConfiguration takes them."""
    return [_to_lifecycle_rule(number, rule) for number, rule in enumerate(rules, start=1)]


def to_replication_rules(rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return ``AWS::S3::Bucket`` replication rules as PutBucketReplication takes them."""
    return [_to_replication_rule(number, rule) for number, rule in enumerate(rules, start=1)]


def _to_replication_rule(number: int, rule: dict[str, Any]) -> dict[str, Any]:
    same = {name: value for name, value in rule.items() if name not in ("Id", "Filter", "Prefix")}
    wanted = rule.get("Filter", {"Prefix": rule.get("Prefix", "")})
    return {
        "ID": rule.get("Id", f"rule-{number}"),
        "Priority": number,
        "DeleteMarkerReplication": {"Status": "Disabled"},
        "Filter": _spell_tags(wanted),
        **same,
    }


def _spell_tags(wanted: dict[str, Any]) -> dict[str, Any]:
    spelling = {"TagFilter": "Tag", "TagFilters": "Tags"}
    return {spelling.get(name, name): _spell_tags(value) if name == "And" else value for name, value in wanted.items()}


def _to_lifecycle_rule(number: int, rule: dict[str, Any]) -> dict[str, Any]:
    converted: dict[str, Any] = {"ID": rule.get("Id", f"rule-{number}"), "Filter": _filter(rule)}
    converted |= {name: rule[name] for name in _SAME if name in rule}
    expiration = {api: rule[name] for name, api in _EXPIRATION.items() if name in rule}
    if expiration:
        converted["Expiration"] = expiration
    if "NoncurrentVersionExpirationInDays" in rule:
        converted["NoncurrentVersionExpiration"] = {"NoncurrentDays": rule["NoncurrentVersionExpirationInDays"]}
    for name, spelling in (("Transitions", _TRANSITION), ("NoncurrentVersionTransitions", _NONCURRENT)):
        if name in rule:
            converted[name] = [
                {api: entry[cfn] for cfn, api in spelling.items() if cfn in entry} for entry in rule[name]
            ]
    return converted


def _filter(rule: dict[str, Any]) -> dict[str, Any]:
    parts: dict[str, Any] = {"Prefix": rule["Prefix"]} if "Prefix" in rule else {}
    sizes = ("ObjectSizeGreaterThan", "ObjectSizeLessThan")
    parts |= {name: int(rule[name]) for name in sizes if name in rule}
    tags = [{"Key": tag["Key"], "Value": tag["Value"]} for tag in rule.get("TagFilters", [])]
    if len(parts) + len(tags) > 1:
        return {"And": {**parts, **({"Tags": tags} if tags else {})}}
    if tags:
        return {"Tag": tags[0]}
    return parts or {"Prefix": ""}


_OUTPUT = "LocalValue"


class DroppedPropertyError(LocalStackError):
    """A property that the emulator's CloudFormation ignores could not be set by API either."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """A property of a resource, its references replaced by the names of outputs."""

    logical_id: str
    kind: str
    name: str
    value: Any

    def __str__(self) -> str:
        return f"{self.kind} {self.logical_id}: {self.name}"


@dataclass(frozen=True, slots=True)
class _Reference:
    output: str


def collect_dropped(template: Template) -> tuple[Template, list[Dropped]]:
    """Find the properties that will be ignored.

    Returns:
        The template with an output for each reference inside those properties, and the properties.
    """
    outputs: dict[str, Any] = dict(template.get("Outputs", {}))

    def name_references(value: Any) -> Any:
        if isinstance(value, list):
            return [name_references(item) for item in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1 and (next(iter(value)) == "Ref" or next(iter(value)).startswith("Fn::")):
            name = f"{_OUTPUT}{len(outputs)}"
            outputs[name] = {"Value": value}
            return _Reference(name)
        return {key: name_references(item) for key, item in value.items()}

    dropped = [
        Dropped(logical_id, kind, name, name_references(resource.get("Properties", {})[name]))
        for logical_id, resource in template.get("Resources", {}).items()
        for (kind, name) in _APPLIERS
        if resource["Type"] == kind and name in resource.get("Properties", {})
    ]
    return ({**template, "Outputs": outputs} if outputs else template), dropped


def apply_dropped(
    dropped: list[Dropped], outputs: dict[str, str], physical_ids: dict[str, str], endpoint: Endpoint, region: str
) -> None:
    """Set ``dropped`` on the deployed resources.

    Args:
        dropped: what :func:`collect_dropped` found.
        outputs: the deployed stack's outputs.
        physical_ids: the deployed stack's physical ids by logical id.
        endpoint: the emulator.
        region: the stack's region.

    Raises:
        DroppedPropertyError: the emulator refused one.
    """
    for item in dropped:
        apply = _APPLIERS[item.kind, item.name]
        try:
            apply(endpoint, region, physical_ids[item.logical_id], _resolve(item.value, outputs))
        except (BotoCoreError, ClientError) as error:
            raise DroppedPropertyError(f"expected the emulator to take {item} but received: {error}") from error


def _resolve(value: Any, outputs: dict[str, str]) -> Any:
    if isinstance(value, _Reference):
        return outputs[value.output]
    if isinstance(value, list):
        return [_resolve(item, outputs) for item in value]
    if isinstance(value, dict):
        return {key: _resolve(item, outputs) for key, item in value.items()}
    return value


def _replicate(endpoint: Endpoint, region: str, bucket: str, value: Any) -> None:
    endpoint.client("s3", region).put_bucket_replication(
        Bucket=bucket, ReplicationConfiguration={"Role": value["Role"], "Rules": to_replication_rules(value["Rules"])}
    )


def _lock_objects(endpoint: Endpoint, region: str, bucket: str, value: Any) -> None:
    endpoint.client("s3", region).put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration=value)


def _set_lifecycle(endpoint: Endpoint, region: str, bucket: str, value: Any) -> None:
    endpoint.client("s3", region).put_bucket_lifecycle_configuration(
        Bucket=bucket, LifecycleConfiguration={"Rules": to_lifecycle_rules(value["Rules"])}
    )


def _allow_origins(endpoint: Endpoint, region: str, api: str, value: Any) -> None:
    endpoint.client("apigatewayv2", region).update_api(ApiId=api, CorsConfiguration=value)


_Applier = Callable[[Endpoint, str, str, Any], None]
_APPLIERS: dict[tuple[str, str], _Applier] = {
    ("AWS::S3::Bucket", "ReplicationConfiguration"): _replicate,
    ("AWS::S3::Bucket", "ObjectLockConfiguration"): _lock_objects,
    ("AWS::S3::Bucket", "LifecycleConfiguration"): _set_lifecycle,
    ("AWS::ApiGatewayV2::Api", "CorsConfiguration"): _allow_origins,
}
