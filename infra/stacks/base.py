"""The base of every stack: its name, region, tags, and how it publishes what it made."""

import aws_cdk as cdk
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from infra.names import Names


class DarkroomStack(cdk.Stack):
    """A stack named for its ``kind``, in one region of the account in ``names``.

    Without termination protection: the CDK's command sets it before a stack is created, and a stack whose first
    creation failed could not be deleted. ``darkroom protect`` sets it.
    """

    def __init__(
        self,
        scope: Construct,
        kind: str,
        *,
        names: Names,
        region: str,
        description: str,
        synthesizer: cdk.IStackSynthesizer | None = None,
    ) -> None:
        tags = {"Application": names.settings.name, "Stage": names.settings.stage}
        super().__init__(
            scope,
            names.stack(kind),
            env=cdk.Environment(account=names.account, region=region),
            description=description,
            tags=tags,
            synthesizer=synthesizer,
        )
        for key, value in tags.items():
            cdk.Tags.of(self).add(key, value)
        self.names = names
        self.settings = names.settings

    def publish(self, thing: str, value: str, description: str) -> None:
        """Publish ``value`` as the SSM parameter of ``thing``, which flows, notebooks and the CLI read.

        It is an output of the stack too, which ``cdk deploy`` prints.
        """
        ssm.StringParameter(
            self,
            f"Parameter-{thing}",
            parameter_name=self.settings.parameter_name(thing),
            string_value=value,
            description=description,
        )
        key = "".join(part.capitalize() for part in thing.split("-"))
        cdk.CfnOutput(self, f"Output-{thing}", key=key, value=value, description=description)
