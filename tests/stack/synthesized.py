"""Synthesized templates, with look-ups of resources over all stacks."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Self


@dataclass(frozen=True)
class Resource:
    stack: str
    logical_id: str
    type: str
    body: dict[str, Any]
    template: dict[str, Any]

    @property
    def properties(self) -> Any:
        return self.body.get("Properties", {})

    def __str__(self) -> str:
        return f"{self.stack}/{self.logical_id}"


@dataclass(frozen=True)
class Templates:
    """Templates by their stack's name."""

    templates: dict[str, dict[str, Any]] = field(repr=False)

    def any(self, *types: str) -> list[Resource]:
        """Return every resource of one of ``types``; there may be none."""
        return [resource for resource in self.every() if resource.type in types]

    def all(self, *types: str) -> list[Resource]:
        found = self.any(*types)
        assert found, f"expected at least one of {types}: a test of every one would pass on none"
        return found

    def one(self, resource_type: str, **properties: Any) -> Resource:
        found = [
            resource
            for resource in self.all(resource_type)
            if properties.items() <= {name: resource.properties.get(name) for name in properties}.items()
        ]
        assert len(found) == 1, f"expected one {resource_type} with {properties} but received {list(map(str, found))}"
        return found[0]

    def every(self) -> Iterator[Resource]:
        for stack, template in self.templates.items():
            for logical_id, body in template["Resources"].items():
                yield Resource(stack, logical_id, body["Type"], body, template)


@dataclass(frozen=True)
class Assembly(Templates):
    """The templates of a synthesized ``folder``, and the assets beside them."""

    folder: Path

    @classmethod
    def read(cls, folder: Path) -> Self:
        templates = {
            path.name.removesuffix(".template.json"): json.loads(path.read_text(encoding="utf-8"))
            for path in sorted(folder.glob("*.template.json"))
        }
        return cls(templates, folder)

    @cached_property
    def manifest(self) -> dict[str, Any]:
        text = (self.folder / "manifest.json").read_text(encoding="utf-8")
        found: dict[str, Any] = json.loads(text)
        return found

    @cached_property
    def asset_hashes(self) -> set[str]:
        return {
            identifier
            for path in self.folder.glob("*.assets.json")
            for identifier in json.loads(path.read_text(encoding="utf-8"))["files"]
        }

    def asset(self, function_or_layer: Resource) -> Path:
        content = function_or_layer.properties.get("Code") or function_or_layer.properties["Content"]
        return self.folder / f"asset.{content['S3Key']}"


def referenced(value: Any) -> Any:
    """Return the logical id in a Ref or Fn::GetAtt."""
    if isinstance(value, dict):
        if "Ref" in value:
            return value["Ref"]
        if "Fn::GetAtt" in value:
            return value["Fn::GetAtt"][0]
    return None


def statements(resource: Resource) -> Any:
    document = resource.properties.get("PolicyDocument") or resource.properties["AssumeRolePolicyDocument"]
    return document["Statement"]


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
