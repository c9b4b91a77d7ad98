import json
from typing import Any

from synthesized import Assembly


def without_assets(assembly: Assembly) -> Any:
    """Return the templates with every asset's hash struck out, and what only follows from such a hash."""
    text = json.dumps(assembly.templates, sort_keys=True)
    for identifier in assembly.asset_hashes:
        text = text.replace(identifier, "ASSET")
    return json.loads(text)


def test_the_targets_differ_in_their_assets_and_in_nothing_else(aws: Assembly, host: Assembly) -> None:
    assert aws.asset_hashes != host.asset_hashes
    assert without_assets(aws) == without_assets(host)
