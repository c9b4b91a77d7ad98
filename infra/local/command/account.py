"""Which account a command works with: the local stack's, or that of the AWS credentials in the environment."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import boto3
import typer
from botocore.exceptions import BotoCoreError, ClientError

from infra.local.errors import LocalStackError
from infra.local.stack import LocalStack
from lambdas.settings import Settings, load_settings

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_ssm import SSMClient

OnAws = Annotated[
    bool,
    typer.Option("--aws", help="AWS, by the credentials of the environment, in place of local."),
]


class AccountError(LocalStackError):
    """The account cannot be reached, or Darkroom is not deployed in it."""


@dataclass(frozen=True, slots=True)
class Account:
    """An account in which Darkroom is deployed."""

    settings: Settings
    secrets: "SecretsManagerClient"
    parameters: "SSMClient"

    @classmethod
    def chosen(cls, *, on_aws: bool) -> "Account":
        """Return AWS's account, or that of the local stack that runs.

        Raises:
            NotRunningError: no local stack runs.
        """
        if on_aws:
            settings = load_settings()
            session = boto3.Session(region_name=settings.regions.primary)
            return cls(settings, session.client("secretsmanager"), session.client("ssm"))
        stack = LocalStack.attach()
        return cls(stack.settings, stack.client("secretsmanager"), stack.client("ssm"))

    def parameter(self, thing: str) -> str:
        """Return what the stacks published as ``thing``.

        Raises:
            AccountError: nothing, or the account does not answer.
        """
        name = self.settings.parameter_name(thing)
        try:
            return self.parameters.get_parameter(Name=name)["Parameter"]["Value"]
        except (BotoCoreError, ClientError) as error:
            raise AccountError(f"expected the parameter {name} in the account but received: {error}") from error
