"""Which account a command works with: the local stack's, or that of the AWS credentials in the environment."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import boto3
import typer
from botocore.exceptions import BotoCoreError, ClientError

from infra.local.errors import LocalStackError
from infra.local.stack import LocalStack
from lambdas.core.settings import EDGE_REGION, Settings, load_settings

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_ssm import SSMClient

OnAws = Annotated[
    bool,
    typer.Option("--aws", envvar="DARKROOM_AWS", help="AWS, by the credentials of the environment, in place of local."),
]


class AccountError(LocalStackError):
    """The account cannot be reached, or Darkroom is not deployed in it."""


@dataclass(frozen=True, slots=True)
class Account:
    """An account in which Darkroom is deployed."""

    settings: Settings
    secrets: "SecretsManagerClient"
    parameters: "Callable[[str], SSMClient]"
    """A client of each region."""

    @classmethod
    def chosen(cls, *, on_aws: bool) -> "Account":
        """Return AWS's account, or that of the local stack that runs.

        Raises:
            NotRunningError: no local stack runs.
        """
        if on_aws:
            settings = load_settings()
            session = boto3.Session(region_name=settings.regions.primary)
            return cls(
                settings, session.client("secretsmanager"), lambda region: session.client("ssm", region_name=region)
            )
        stack = LocalStack.attach()
        return cls(stack.settings, stack.client("secretsmanager"), lambda region: stack.client("ssm", region))

    @property
    def regions(self) -> tuple[str, ...]:
        """The regions in which stacks publish, the primary one first."""
        return tuple(dict.fromkeys((self.settings.regions.primary, EDGE_REGION, self.settings.regions.replica)))

    def parameter(self, thing: str) -> str:
        """Return what the stacks published as ``thing``, in whichever region.

        Raises:
            AccountError: nothing, or the account does not answer.
        """
        name = self.settings.parameter_name(thing)
        try:
            for region in self.regions:
                client = self.parameters(region)
                with suppress(client.exceptions.ParameterNotFound):
                    return client.get_parameter(Name=name)["Parameter"]["Value"]
        except (BotoCoreError, ClientError) as error:
            raise AccountError(f"expected the parameter {name} in the account but received: {error}") from error
        raise AccountError(
            f"expected the parameter {name} in {', '.join(self.regions)} but there is none: is the stage"
            f" {self.settings.stage} deployed? list what is there: darkroom find"
        )

    def published(self) -> dict[str, str]:
        """Return all that the stacks published, by its name there.

        Raises:
            AccountError: the account does not answer.
        """
        path = self.settings.parameter_name("")
        found: dict[str, str] = {}
        try:
            for region in self.regions:
                for page in self.parameters(region).get_paginator("get_parameters_by_path").paginate(Path=path):
                    found |= {each["Name"].removeprefix(path): each["Value"] for each in page["Parameters"]}
        except (BotoCoreError, ClientError) as error:
            raise AccountError(f"expected the parameters below {path} but received: {error}") from error
        return dict(sorted(found.items()))
