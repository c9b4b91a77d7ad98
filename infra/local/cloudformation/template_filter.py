"""Removes from templates, by type, the resources that the emulator's CloudFormation refuses, and reports them."""

import copy
import json
from dataclasses import dataclass
from typing import Any

from infra.local.cloudformation.assembly import Template
from infra.local.errors import LocalStackError

# The emulator refuses a whole template for one resource of an unknown type.
STRIPPED_TYPES: dict[str, str] = {
    "AWS::Logs::DeliverySource": "the local edge writes the access log itself",
    "AWS::Logs::DeliveryDestination": "the local edge writes the access log itself",
    "AWS::Logs::Delivery": "the local edge writes the access log itself",
    "AWS::CloudFront::MonitoringSubscription": "the emulator has no metrics of CloudFront",
    "AWS::WAFv2::LoggingConfiguration": "the emulator's WAF logs nothing",
    "AWS::Budgets::Budget": "nothing costs anything here",
}

# An alarm on metric math fails the whole stack at creation.
_METRIC_MATH = "AWS::CloudWatch::Alarm on metric math"
_METRIC_MATH_REASON = "the emulator has no metric math"


class FilterError(LocalStackError):
    """A resource that stays refers to one that was stripped."""


@dataclass(frozen=True, slots=True)
class Stripped:
    """One resource that the local stack lacks."""

    logical_id: str
    kind: str
    reason: str

    def __str__(self) -> str:
        return f"{self.kind} {self.logical_id}: {self.reason}"


def filter_template(template: Template) -> tuple[Template, list[Stripped]]:
    """Return a copy of ``template`` without what :data:`STRIPPED_TYPES` names, and the stripped resources.

    ``DependsOn`` entries and outputs that refer to a stripped resource are removed too.

    Raises:
        FilterError: a resource that stays refers to one that is stripped; names both.
    """
    filtered = copy.deepcopy(template)
    resources: dict[str, Any] = filtered.get("Resources", {})
    stripped = [found for logical_id, resource in resources.items() if (found := _stripped(logical_id, resource))]
    gone = {found.logical_id for found in stripped}
    for logical_id in gone:
        del resources[logical_id]
    for resource in resources.values():
        _remove_dependencies(resource, gone)
    outputs: dict[str, Any] = filtered.get("Outputs", {})
    for name in [name for name, output in outputs.items() if references(output) & gone]:
        del outputs[name]
    for logical_id, resource in resources.items():
        for missing in sorted(references(resource) & gone):
            raise FilterError(
                f"expected {logical_id} ({resource['Type']}) not to refer to {missing}, which the local stack strips, "
                "but it does"
            )
    return filtered, stripped


def references(value: Any) -> set[str]:
    """Return the logical ids that a piece of a template refers to, by Ref, Fn::GetAtt or Fn::Sub."""
    found: set[str] = set()
    if isinstance(value, list):
        for item in value:
            found |= references(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key == "Ref" and isinstance(item, str):
                found.add(item)
            elif key == "Fn::GetAtt":
                found.add(item[0] if isinstance(item, list) else item.partition(".")[0])
            elif key == "Fn::Sub":
                text = item[0] if isinstance(item, list) else item
                found |= {part.partition("}")[0].partition(".")[0] for part in text.split("${")[1:]}
                found |= references(item[1:]) if isinstance(item, list) else set()
            else:
                found |= references(item)
    return found


def _stripped(logical_id: str, resource: dict[str, Any]) -> Stripped | None:
    kind = resource["Type"]
    if kind in STRIPPED_TYPES:
        return Stripped(logical_id, kind, STRIPPED_TYPES[kind])
    if kind == "AWS::CloudWatch::Alarm" and "Expression" in json.dumps(
        resource.get("Properties", {}).get("Metrics", [])
    ):
        return Stripped(logical_id, _METRIC_MATH, _METRIC_MATH_REASON)
    return None


def _remove_dependencies(resource: dict[str, Any], gone: set[str]) -> None:
    before = resource.get("DependsOn", [])
    kept = [name for name in ([before] if isinstance(before, str) else before) if name not in gone]
    if kept:
        resource["DependsOn"] = kept
    else:
        resource.pop("DependsOn", None)
