import json
from pathlib import Path

import pytest

from infra.local.cloudformation.assembly import AssemblyError, read_assembly

STACK = {"type": "aws:cloudformation:stack", "environment": "aws://000000000000/eu-west-1"}


def _write(folder: Path, artifacts: dict[str, object]) -> Path:
    (folder / "manifest.json").write_text(json.dumps({"artifacts": artifacts}))
    for name in artifacts:
        (folder / f"{name}.template.json").write_text('{"Resources": {}}')
    return folder


def _stack(name: str, *dependencies: str) -> dict[str, object]:
    return {**STACK, "properties": {"templateFile": f"{name}.template.json"}, "dependencies": list(dependencies)}


def test_stacks_come_after_those_that_they_depend_on(tmp_path: Path) -> None:
    artifacts = {"C": _stack("C", "B", "B.assets"), "A": _stack("A"), "B": _stack("B", "A"), "T": {"type": "cdk:tree"}}

    stacks = read_assembly(_write(tmp_path, artifacts), "000000000000", "us-east-1")

    assert [stack.name for stack in stacks] == ["A", "B", "C"]
    assert {stack.region for stack in stacks} == {"eu-west-1"}


def test_assets_with_their_destinations(tmp_path: Path) -> None:
    _write(tmp_path, {"A": _stack("A")})
    destination = {"bucketName": "assets-${AWS::AccountId}-${AWS::Region}", "objectKey": "code.zip"}
    files = {"x": {"source": {"path": "asset.x", "packaging": "zip"}, "destinations": {"current": destination}}}
    (tmp_path / "A.assets.json").write_text(json.dumps({"files": files}))

    [stack] = read_assembly(tmp_path, "000000000000", "us-east-1")

    [asset] = stack.assets
    assert (asset.source, asset.bucket, asset.key) == (
        tmp_path / "asset.x",
        "assets-000000000000-eu-west-1",
        "code.zip",
    )


def test_the_default_region_is_for_stacks_that_name_none(tmp_path: Path) -> None:
    artifact = _stack("A") | {"environment": "aws://unknown-account/unknown-region"}

    [stack] = read_assembly(_write(tmp_path, {"A": artifact}), "000000000000", "us-east-1")

    assert stack.region == "us-east-1"


@pytest.mark.parametrize(
    ("artifacts", "said"),
    [
        ({"A": _stack("A", "B"), "B": _stack("B", "A")}, "expected no cycle of stacks but received A > B > A"),
        ({}, "expected at least one stack"),
    ],
)
def test_malformed_assemblies_are_refused(tmp_path: Path, artifacts: dict[str, object], said: str) -> None:
    with pytest.raises(AssemblyError, match=said):
        read_assembly(_write(tmp_path, artifacts), "000000000000", "us-east-1")


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AssemblyError, match=r"expected JSON at .*manifest\.json"):
        read_assembly(tmp_path, "000000000000", "us-east-1")
