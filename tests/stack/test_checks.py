"""Findings of cfn-lint and of cdk-nag's AwsSolutions rules."""

import json
from typing import Any

import pytest
from assemblies import LINTED, LINTED_OF_PRODUCTION, REFUSAL, findings
from synthesized import Assembly

from lambdas.core.settings import Settings


@pytest.fixture(scope="module")
def linted(assemblies: dict[str, Assembly]) -> dict[str, list[str]]:
    """Return what cfn-lint found in each template."""
    found: dict[str, list[str]] = json.loads((assemblies["linted"].folder / LINTED).read_text(encoding="utf-8"))
    return found


def test_cfn_lint_finds_nothing(aws: Assembly, linted: dict[str, list[str]]) -> None:
    for stack in aws.templates:
        assert linted[stack] == [], stack


@pytest.mark.parametrize("kind", LINTED_OF_PRODUCTION)
def test_cfn_lint_finds_nothing_in_optional_parts(kind: str, linted: dict[str, list[str]]) -> None:
    assert linted[f"DarkroomProduction{kind}"] == []


@pytest.mark.parametrize(
    ("resource", "rule"),
    [
        ({"Type": "AWS::S3::Bucket", "Properties": {"BucketNmae": "typo"}}, "E3002"),
        ({"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": 50_000}}, "E3034"),
        (
            {
                "Type": "AWS::StepFunctions::StateMachine",
                "Properties": {"RoleArn": "arn:aws:iam::000000000000:role/x", "Definition": {"StartAt": "A"}},
            },
            "E3601",
        ),
    ],
)
def test_cfn_lint_finds_a_fault(resource: dict[str, Any], rule: str, settings: Settings) -> None:
    found = findings({"Resources": {"Faulty": resource}}, settings.regions.primary)
    assert [each for each in found if rule in each], found


def test_an_unacknowledged_finding_of_cdk_nag_fails_the_synthesis(assemblies: dict[str, Assembly]) -> None:
    folder = assemblies["unacknowledged"].folder
    assert "ValidationFailed" in (folder / REFUSAL).read_text(encoding="utf-8")
    assert "AwsSolutions-S1" in (folder / "validation-report.json").read_text(encoding="utf-8")


def test_every_acknowledgement_has_a_reason(aws: Assembly) -> None:
    reasons = [
        reason
        for path in aws.folder.glob("*.metadata.json")
        for entries in json.loads(path.read_text(encoding="utf-8")).values()
        for entry in entries
        if entry["type"] == "aws:cdk:acknowledged-rules"
        for reason in entry["data"].values()
    ]
    assert reasons
    assert [reason for reason in reasons if len(reason) < 20] == []
