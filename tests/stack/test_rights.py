"""The tables of rights in the documents are what the templates say; ``make snapshots`` writes them."""

import json
import os
import re
from pathlib import Path

import pytest
from rights import Rights, rights_table, trust_table
from synthesized import Assembly
from test_snapshots import HOW, WRITE_VARIABLE

from infra.assets.packages import ROOT
from infra.names import Names

_DOCUMENT, _OPERATIONS = ROOT / "docs" / "security.md", ROOT / "docs" / "operations.md"
FLOWS = sorted((ROOT / "flows").glob("*.py"))


def between(text: str, mark: str) -> tuple[str, str, str]:
    """Return what is before, between and after the comments that begin and end a generated part."""
    before, begin, rest = text.partition(f"<!-- {mark} -->\n")
    part, end, after = rest.partition(f"<!-- end of {mark} -->")
    assert begin and end, f"expected the comments around {mark!r}"
    return before + begin, part, end + after


def written(document: Path, mark: str, lines: list[str]) -> str:
    """Return the generated part of a document, after writing ``lines`` there if that is asked for."""
    before, part, after = between(document.read_text(encoding="utf-8"), mark)
    text = "\n".join(lines) + "\n"
    if os.environ.get(WRITE_VARIABLE):
        document.write_text(before + text + after, encoding="utf-8")
        return text
    return part


@pytest.fixture(scope="module")
def rights(aws: Assembly, names: Names) -> Rights:
    return Rights(aws, names)


def test_the_document_lists_every_role_and_right(rights: Rights) -> None:
    roles = rights.roles()
    assert len({role.name for role in roles}) == len(roles)
    # The rights of flows are in the other table: each has the policy of its name, and nothing else.
    of_flows = {role.name for role in roles if not role.rights}
    assert rights.managed() == {name: [name.removeprefix("flow ")] for name in of_flows} != {}
    expected = {
        "trusts": trust_table(roles),
        "rights": rights_table("role", {role.name: role.rights for role in roles if role.rights}),
    }
    for mark, lines in expected.items():
        assert written(_DOCUMENT, mark, lines).splitlines() == lines, HOW


def test_the_document_lists_what_flows_and_notebooks_may(rights: Rights) -> None:
    lines = rights_table("policy", rights.policies())
    assert written(_OPERATIONS, "rights", lines).splitlines() == lines, HOW


def test_every_flow_has_a_role_and_no_other_has(rights: Rights) -> None:
    flows = {re.search(r'^@flow\(\s*name="([a-z-]+)"', path.read_text(encoding="utf-8"), re.M) for path in FLOWS}
    named = {match[1] for match in flows if match}
    assert len(named) >= 8
    assert set(rights.policies()) == named | {"notebooks", "worker"}


def test_managed_policies_fit(aws: Assembly) -> None:
    """IAM takes 6,144 characters, spaces not counted; a policy does not grow with the number of lanes."""
    for policy in aws.all("AWS::IAM::ManagedPolicy"):
        assert len(json.dumps(policy.properties["PolicyDocument"], separators=(",", ":"))) < 5000, str(policy)


@pytest.mark.parametrize("service", ["pipes", "states", "s3", "batchoperations.s3"])
def test_services_assume_roles_for_this_account_only(rights: Rights, names: Names, service: str) -> None:
    trusts = [role.trust for role in rights.roles() if role.trust.startswith(f"`{service}.amazonaws.com`")]
    assert trusts
    for trust in trusts:
        assert f"`aws:SourceAccount` StringEquals `{names.account}`" in trust
        if service == "states":
            region = names.settings.regions.primary
            assert f"`aws:SourceArn` ArnLike `arn:aws:states:{region}:{names.account}:*`" in trust
