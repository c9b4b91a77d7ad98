"""Draw the stacks of a synthesized assembly, their regions and their order: ``python -m infra.diagram [ASSEMBLY]``."""

import argparse
import json
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.assets.packages import ROOT

_STACK = "aws:cloudformation:stack"
# The types that are shown, in this order.
_SHOWN = {
    "AWS::S3::Bucket": "bucket",
    "AWS::DynamoDB::Table": "table",
    "AWS::SQS::Queue": "queue",
    "AWS::Pipes::Pipe": "pipe",
    "AWS::StepFunctions::StateMachine": "state machine",
    "AWS::Lambda::Function": "function",
    "AWS::ApiGatewayV2::Api": "HTTP API",
    "AWS::CloudFront::Distribution": "distribution",
    "AWS::CloudFront::Function": "edge function",
    "AWS::CloudFront::KeyValueStore": "key-value store",
    "AWS::WAFv2::WebACL": "web ACL",
    "AWS::Athena::WorkGroup": "Athena workgroup",
    "AWS::SNS::Topic": "topic",
    "AWS::CloudWatch::Dashboard": "dashboard",
    "AWS::IAM::ManagedPolicy": "managed policy",
}


@dataclass(frozen=True, slots=True)
class StackShown:
    """A stack in the diagram; ``after`` has the stacks that are deployed before it."""

    name: str
    region: str
    contents: str
    after: tuple[str, ...]


def read_stacks(assembly: Path) -> list[StackShown]:
    """Return the stacks of ``assembly`` by region and name.

    Raises:
        OSError, ValueError: the folder has no assembly.
    """
    artifacts = json.loads((assembly / "manifest.json").read_text(encoding="utf-8"))["artifacts"]
    stacks = {name: artifact for name, artifact in artifacts.items() if artifact["type"] == _STACK}
    common = _common_beginning(list(stacks))
    shown = [
        StackShown(
            name.removeprefix(common),
            artifact["environment"].rpartition("/")[2],
            _contents(json.loads((assembly / artifact["properties"]["templateFile"]).read_text(encoding="utf-8"))),
            tuple(sorted(each.removeprefix(common) for each in artifact.get("dependencies", []) if each in stacks)),
        )
        for name, artifact in stacks.items()
    ]
    return sorted(shown, key=lambda stack: (stack.region, stack.name))


def mermaid(stacks: list[StackShown]) -> str:
    """Return a Mermaid flowchart of ``stacks`` by region, dependencies on the left."""
    lines = ["flowchart LR"]
    for region in dict.fromkeys(stack.region for stack in stacks):
        lines.append(f'  subgraph {_identifier(region)}["{region}"]')
        lines += [
            f'    {_identifier(stack.name)}["<b>{stack.name}</b><br>{stack.contents}"]'
            for stack in stacks
            if stack.region == region
        ]
        lines.append("  end")
    lines += [f"  {_identifier(before)} --> {_identifier(stack.name)}" for stack in stacks for before in stack.after]
    return "\n".join(lines)


def _contents(template: dict[str, Any]) -> str:
    counted = Counter(resource["Type"] for resource in template["Resources"].values())
    named = [_numbered(counted[kind], word) for kind, word in _SHOWN.items() if counted[kind]]
    return ", ".join(named) or "alarms and logs"


def _numbered(count: int, word: str) -> str:
    """Return ``word`` or its plural; without the number, which changes often."""
    plural = f"{word[:-1]}ies" if word.endswith(("ry", "cy")) else f"{word}s"
    return word if count == 1 else plural


def _common_beginning(names: list[str]) -> str:
    """Return the common prefix of ``names`` up to the last capital: the names of platform and stage."""
    shortest = min(names)
    length = next(
        (index for index, letter in enumerate(shortest) if any(name[index : index + 1] != letter for name in names)),
        len(shortest),
    )
    while length and not all(name[length : length + 1].isupper() for name in names):
        length -= 1
    return shortest[:length]


def _identifier(name: str) -> str:
    return name.replace("-", "_")


def main() -> None:
    """Parse the arguments and print the diagram."""
    parser = argparse.ArgumentParser(prog="python -m infra.diagram", description="Draw the stacks of an assembly.")
    parser.add_argument("assembly", nargs="?", type=Path, default=ROOT / "cdk.out")
    assembly = parser.parse_args().assembly
    try:
        print(mermaid(read_stacks(assembly)))
    except (OSError, KeyError, ValueError) as error:
        sys.exit(f"No assembly in {assembly} ({error}); run: make synth")


if __name__ == "__main__":
    main()
