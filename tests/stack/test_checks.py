"""Findings of cfn-lint and of cdk-nag's AwsSolutions rules."""

import json
from typing import Any

import pytest
from assemblies import REFUSAL
from synthesized import Assembly

from lambdas.core.settings import Settings

# The CDK adds a redundant dependency of functions on their roles.
IGNORED = ["W3005"]


def findings(template: dict[str, Any], region: str) -> list[str]:
    from cfnlint.api import ManualArgs, lint  # takes seconds to import

    config = ManualArgs(ignore_checks=IGNORED, regions=[region])
    return [str(match) for match in lint(json.dumps(template), config=config)]


def test_cfn_lint_finds_nothing(aws: Assembly, settings: Settings) -> None:
    for stack, template in aws.templates.items():
        assert findings(template, settings.regions.primary) == [], stack


@pytest.mark.parametrize("kind", ["Alarms-us-east-1", "Delivery", "Storage", "EdgeLog-eu-central-1"])
def test_cfn_lint_finds_nothing_in_optional_parts(kind: str, production: Assembly, settings: Settings) -> None:
    assert findings(production.templates[f"DarkroomProduction{kind}"], settings.regions.primary) == []


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
