"""Reader of a synthesized cloud assembly: its stacks in order of deployment, and their assets."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from infra.local.errors import LocalStackError

Template = dict[str, Any]


class AssemblyError(LocalStackError):
    """The folder is no cloud assembly that can be deployed."""


@dataclass(frozen=True, slots=True)
class Asset:
    """A file, or a folder to be zipped, and where a deployment expects it."""

    source: Path
    packaging: Literal["file", "zip"]
    bucket: str
    key: str


@dataclass(frozen=True, slots=True)
class Stack:
    """One CloudFormation stack of an assembly."""

    name: str
    region: str
    template: Template
    assets: tuple[Asset, ...]
    tags: dict[str, str] = field(default_factory=dict)


def read_assembly(folder: Path, account: str, default_region: str) -> list[Stack]:
    """Read the stacks of the assembly in ``folder``, each after those that it depends on.

    Args:
        folder: the output of a synthesis (``cdk.out``).
        account: AWS account for pseudo parameters in asset destinations.
        default_region: region of a stack that names none.

    Raises:
        AssemblyError: the folder holds no assembly, or stacks depend on each other in a cycle.
    """
    manifest = _read_json(folder / "manifest.json")
    artifacts = {
        identifier: artifact
        for identifier, artifact in manifest.get("artifacts", {}).items()
        if artifact.get("type") == "aws:cloudformation:stack"
    }
    if not artifacts:
        raise AssemblyError(f"expected at least one stack in {folder} but its manifest names none")
    return [_read_stack(folder, identifier, artifacts, account, default_region) for identifier in _in_order(artifacts)]


def _read_json(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise AssemblyError(f"expected JSON at {file} but received {error}") from error
    if not isinstance(content, dict):
        raise AssemblyError(f"expected a JSON object at {file} but received {type(content).__name__}")
    return content


def _in_order(artifacts: dict[str, Any]) -> list[str]:
    ordered: list[str] = []

    def visit(identifier: str, path: tuple[str, ...]) -> None:
        if identifier in path:
            raise AssemblyError(f"expected no cycle of stacks but received {' > '.join((*path, identifier))}")
        if identifier in ordered:
            return
        for dependency in artifacts[identifier].get("dependencies", []):
            if dependency in artifacts:
                visit(dependency, (*path, identifier))
        ordered.append(identifier)

    for identifier in artifacts:
        visit(identifier, ())
    return ordered


def _read_stack(folder: Path, identifier: str, artifacts: dict[str, Any], account: str, default_region: str) -> Stack:
    artifact = artifacts[identifier]
    properties = artifact["properties"]
    region = artifact.get("environment", "").rpartition("/")[2]
    region = default_region if not region or region.startswith("unknown") else region
    pseudo = {"${AWS::AccountId}": account, "${AWS::Region}": region, "${AWS::Partition}": "aws"}
    manifest = folder / f"{identifier}.assets.json"
    files = _read_json(manifest).get("files", {}) if manifest.exists() else {}
    assets = tuple(
        Asset(
            source=folder / file["source"]["path"],
            packaging=file["source"]["packaging"],
            bucket=_substitute(destination["bucketName"], pseudo),
            key=_substitute(destination["objectKey"], pseudo),
        )
        for file in files.values()
        for destination in file["destinations"].values()
    )
    name = properties.get("stackName", identifier)
    return Stack(name, region, _read_json(folder / properties["templateFile"]), assets, properties.get("tags", {}))


def _substitute(text: str, pseudo: dict[str, str]) -> str:
    for name, value in pseudo.items():
        text = text.replace(name, value)
    return text
