"""Secrets whose values no template knows."""

import aws_cdk as cdk
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from infra.constructs.acknowledgements import acknowledge
from infra.names import Names


def empty_secret(scope: Construct, construct_id: str, names: Names, thing: str, description: str) -> str:
    """Make a secret without a value, and return its ARN: ``darkroom keys`` puts the value in, and rotates it.

    Neither a deployment nor a rollback can then replace what is in use, and no key stands in a template.
    """
    secret = secretsmanager.CfnSecret(scope, construct_id, name=names.of(thing), description=description)
    protected = names.settings.storage.protected
    secret.apply_removal_policy(cdk.RemovalPolicy.RETAIN if protected else cdk.RemovalPolicy.DESTROY)
    acknowledge(
        secret,
        "AwsSolutions-SMG4",
        "Rotated by a flow and not by a schedule of its own: tenants and the edge have to know a new key first.",
    )
    return secret.attr_id
