"""The diagram of the stacks, and its copy in the documentation."""

import json
from pathlib import Path

import pytest
from documents import CHECKOUT
from synthesized import Assembly

from infra.diagram import main, mermaid, read_stacks

ARCHITECTURE = (CHECKOUT / "docs" / "architecture.md").read_text(encoding="utf-8")


def test_document_shows_the_current_diagram(aws: Assembly) -> None:
    drawn = mermaid(read_stacks(aws.folder))
    assert drawn in ARCHITECTURE, f"put this into docs/architecture.md:\n{drawn}"


def test_stacks_are_drawn_by_region_with_their_dependencies(tmp_path: Path) -> None:
    def stack(region: str, *dependencies: str) -> dict[str, object]:
        return {
            "type": "aws:cloudformation:stack",
            "environment": f"aws://0/{region}",
            "properties": {"templateFile": "template.json"},
            "dependencies": ["Lightroom.assets", *dependencies],
        }

    first, second = "LightDevStorage", "LightDevLane-studio"
    artifacts = {first: stack("eu-west-1"), second: stack("us-east-1", first), "Lightroom.assets": {"type": "assets"}}
    (tmp_path / "manifest.json").write_text(json.dumps({"artifacts": artifacts}), encoding="utf-8")
    resources = {"A": {"Type": "AWS::S3::Bucket"}, "B": {"Type": "AWS::S3::Bucket"}, "C": {"Type": "AWS::IAM::Role"}}
    (tmp_path / "template.json").write_text(json.dumps({"Resources": resources}), encoding="utf-8")
    assert mermaid(read_stacks(tmp_path)).splitlines() == [
        "flowchart LR",
        '  subgraph eu_west_1["eu-west-1"]',
        '    Storage["<b>Storage</b><br>buckets"]',
        "  end",
        '  subgraph us_east_1["us-east-1"]',
        '    Lane_studio["<b>Lane-studio</b><br>buckets"]',
        "  end",
        "  Storage --> Lane_studio",
    ]


def test_folder_without_an_assembly_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["diagram", str(tmp_path)])
    with pytest.raises(SystemExit, match="make synth"):
        main()
