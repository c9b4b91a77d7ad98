import json
import re
from typing import Any

from synthesized import Assembly


def without_assets(assembly: Assembly) -> Any:
    """Return the templates with every asset's hash struck out, and what only follows from such a hash."""
    text = json.dumps(assembly.templates, sort_keys=True)
    for identifier in assembly.asset_hashes:
        text = text.replace(identifier, "ASSET")
    # A version's logical id ends in a hash of the function that it is a version of.
    return json.loads(re.sub(r"(CurrentVersion[0-9A-F]{8})[0-9a-f]{32}", r"\1", text))


def test_the_targets_differ_in_their_assets_and_in_nothing_else(aws: Assembly, host: Assembly) -> None:
    assert aws.asset_hashes != host.asset_hashes
    assert without_assets(aws) == without_assets(host)
