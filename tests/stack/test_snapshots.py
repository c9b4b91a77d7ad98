"""The templates of a fixed configuration, as files: a change of the infrastructure shows in review.

``make snapshots`` writes them anew.
"""

import difflib
import json
import os
import re
from typing import Any

import pytest
from production import CONFIGURATION
from synthesized import Assembly

FOLDER = CONFIGURATION.parent
WRITE_VARIABLE = "DARKROOM_WRITE_SNAPSHOTS"
HOW = "if it is meant: make snapshots"
_SHOWN_LINES = 80


def snapshots(assembly: Assembly) -> dict[str, str]:
    """Return the text of each stack's template, without what follows from the bytes of code alone."""
    return {stack: _text(template, assembly.asset_hashes) for stack, template in assembly.templates.items()}


def _text(template: dict[str, Any], hashes: set[str]) -> str:
    text = json.dumps(_readable(template), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    for identifier in hashes:
        text = text.replace(identifier, "ASSET")
    # A version's logical id ends in the hash of the code that it is a version of.
    return re.sub(r"(CurrentVersion[0-9A-F]{8})[0-9a-f]{32}", r"\1", text)


def _readable(template: dict[str, Any]) -> dict[str, Any]:
    resources = {
        logical_id: {**body, "Properties": _properties(body)} for logical_id, body in template["Resources"].items()
    }
    return {**template, "Resources": resources}


def _properties(body: dict[str, Any]) -> dict[str, Any]:
    properties = dict(body.get("Properties", {}))
    if body["Type"] == "AWS::CloudFront::Function":
        properties["FunctionCode"] = "CODE"
    if body["Type"] == "AWS::CloudWatch::Dashboard":
        parts = properties["DashboardBody"]["Fn::Join"][1]
        whole = "".join(part if isinstance(part, str) else f"${{{part['Ref']}}}" for part in parts)
        properties["DashboardBody"] = json.loads(whole)
    return properties


@pytest.fixture(scope="module")
def current(production: Assembly) -> dict[str, str]:
    found = snapshots(production)
    if os.environ.get(WRITE_VARIABLE):
        for old in FOLDER.glob("*.json"):
            old.unlink()
        for stack, text in found.items():
            (FOLDER / f"{stack}.json").write_text(text, encoding="utf-8")
    return found


def test_every_stack_has_a_snapshot_and_every_snapshot_a_stack(current: dict[str, str]) -> None:
    assert {path.stem for path in FOLDER.glob("*.json")} == set(current), HOW


def test_the_templates_are_as_they_were(current: dict[str, str]) -> None:
    changed = []
    for stack, text in current.items():
        kept = (FOLDER / f"{stack}.json").read_text(encoding="utf-8")
        changed += difflib.unified_diff(kept.splitlines(), text.splitlines(), stack, "now", lineterm="", n=1)
    if changed:
        more = f"\n… and {len(changed) - _SHOWN_LINES} lines more" if len(changed) > _SHOWN_LINES else ""
        pytest.fail(
            "expected the templates of the snapshots but received, "
            + HOW
            + "\n"
            + "\n".join(changed[:_SHOWN_LINES])
            + more
        )


def test_a_change_of_one_property_shows(current: dict[str, str], production: Assembly) -> None:
    stack, template = next(iter(production.templates.items()))
    changed = json.loads(json.dumps(template).replace('"Description"', '"Beschreibung"', 1))
    assert snapshots(Assembly({stack: changed}, production.folder))[stack] != current[stack]
