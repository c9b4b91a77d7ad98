"""What the public checkers say of the templates: cfn-lint, and cdk-nag's AwsSolutions."""

import json
import subprocess
import sys
from typing import Any

import pytest
from cfnlint.api import ManualArgs, lint
from synthesized import Assembly

from infra.assets.packages import ROOT
from lambdas.core.settings import Settings

# The CDK makes a function wait for its role twice over; harmless, and not ours to change.
IGNORED = ["W3005"]

UNACKNOWLEDGED = """
import aws_cdk as cdk
from aws_cdk import aws_s3
from infra.app import check_findings

app = cdk.App()
aws_s3.Bucket(cdk.Stack(app, "Faulty"), "Bucket")
check_findings(app)
app.synth()
"""


def findings(template: dict[str, Any], region: str) -> list[str]:
    config = ManualArgs(ignore_checks=IGNORED, regions=[region])
    return [str(match) for match in lint(json.dumps(template), config=config)]


def test_cfn_lint_finds_nothing(aws: Assembly, settings: Settings) -> None:
    for stack, template in aws.templates.items():
        assert findings(template, settings.regions.primary) == [], stack


@pytest.mark.parametrize("kind", ["Alarms-us-east-1", "Delivery", "Storage", "EdgeLog-eu-central-1"])
def test_cfn_lint_finds_nothing_in_what_is_there_by_setting(
    kind: str, production: Assembly, settings: Settings
) -> None:
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
def test_cfn_lint_would_find_a_fault(resource: dict[str, Any], rule: str, settings: Settings) -> None:
    found = findings({"Resources": {"Faulty": resource}}, settings.regions.primary)
    assert [each for each in found if rule in each], found


def test_a_finding_of_cdk_nag_that_nobody_acknowledged_stops_the_synthesis() -> None:
    run = subprocess.run([sys.executable, "-c", UNACKNOWLEDGED], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode != 0
    assert "AwsSolutions-S1" in run.stdout + run.stderr


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
