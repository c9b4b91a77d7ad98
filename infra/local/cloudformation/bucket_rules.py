"""Rules of a bucket, for lifecycle and replication: from CloudFormation's spelling to that of S3's API."""

from typing import Any

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
