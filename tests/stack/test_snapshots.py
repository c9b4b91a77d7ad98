"""Templates of a fixed configuration as files, so that a change of the infrastructure shows in review.

``make snapshots`` updates them.
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
    """Return the text of each stack's template, without what depends on the bytes of code."""
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


def test_stacks_and_snapshots_correspond(current: dict[str, str]) -> None:
    assert {path.stem for path in FOLDER.glob("*.json")} == set(current), HOW


def test_templates_match_their_snapshots(current: dict[str, str]) -> None:
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


def test_snapshot_shows_a_change_of_one_property(current: dict[str, str], production: Assembly) -> None:
    stack, template = next(iter(production.templates.items()))
    changed = json.loads(json.dumps(template).replace('"Description"', '"Beschreibung"', 1))
    assert snapshots(Assembly({stack: changed}, production.folder))[stack] != current[stack]


def without_assets(assembly: Assembly) -> Any:
    """Return the templates with every asset's hash struck out, and what only follows from such a hash."""
    text = json.dumps(assembly.templates, sort_keys=True)
    for identifier in assembly.asset_hashes:
        text = text.replace(identifier, "ASSET")
    # A version's logical id ends in a hash of the function that it is a version of.
    return json.loads(re.sub(r"(CurrentVersion[0-9A-F]{8})[0-9a-f]{32}", r"\1", text))


def test_targets_differ_only_in_their_assets(aws: Assembly, host: Assembly) -> None:
    assert aws.asset_hashes != host.asset_hashes
    assert without_assets(aws) == without_assets(host)
