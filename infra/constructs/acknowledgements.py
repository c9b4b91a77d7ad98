"""cdk-nag findings that are accepted, each with its reason beside the construct."""

from aws_cdk import Acknowledgment, Validations
from constructs import IConstruct


def acknowledge(construct: IConstruct, finding: str, reason: str) -> None:
    """Accept one ``finding`` (``AwsSolutions-S1``, ``AwsSolutions-IAM5[Resource::*]``) on ``construct``."""
    # jsii passes the struct by position, as the TypeScript original does.
    Validations.of(construct).acknowledge(Acknowledgment(id=finding, reason=reason))


def acknowledge_wildcards(construct: IConstruct, resources: list[str], reason: str) -> None:
    """Accept those of ``resources`` with a wildcard in the policies of ``construct``."""
    for resource in resources:
        if "*" in resource:
            acknowledge(construct, f"AwsSolutions-IAM5[Resource::{resource}]", reason)
