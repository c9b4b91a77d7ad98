"""Which deployment a command works on, the local stack or AWS; ``darkroom find``."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.command.terminal import reported_errors
from infra.local.errors import LocalStackError

if TYPE_CHECKING:
    from lambdas.core.settings import Settings

OnAws = Annotated[
    bool,
    typer.Option(
        "--aws", envvar="DARKROOM_AWS", help="Work on AWS, with your AWS credentials, instead of the local stack."
    ),
]


class DeploymentError(LocalStackError):
    """The deployment cannot be reached or does not have what was asked for; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployment of Darkroom. ``client`` returns a boto3 client of a service, in the primary region by default."""

    settings: "Settings"
    client: Callable[..., Any]

    @classmethod
    def chosen(cls, *, on_aws: bool) -> "Deployment":
        """Return the deployment on AWS, or that of the running local stack.

        Raises:
            NotRunningError: no local stack runs.
        """
        if not on_aws:
            from infra.local.stack import LocalStack

            stack = LocalStack.attach()
            return cls(stack.settings, stack.client)

        import boto3

        from lambdas.core.settings import default_stage, load_settings

        settings = load_settings(default_stage())
        primary = settings.regions.primary
        session = boto3.Session(region_name=primary)
        return cls(
            settings,
            lambda service, region=None, **options: session.client(service, region_name=region or primary, **options),
        )

    @property
    def account(self) -> str:
        """The account's twelve digits.

        Raises:
            DeploymentError: AWS does not answer, or there are no credentials.
        """
        with aws_errors("the account cannot be determined; set AWS_PROFILE or AWS_ACCESS_KEY_ID"):
            return str(self.client("sts").get_caller_identity()["Account"])

    @property
    def regions(self) -> tuple[str, ...]:
        """The regions that receive code and publish parameters, the primary one first; the CDK must bootstrap them."""
        from lambdas.core.settings import EDGE_REGION

        return tuple(dict.fromkeys((self.settings.regions.primary, EDGE_REGION, self.settings.regions.replica)))

    def parameter(self, thing: str) -> str:
        """Return what the stacks published as ``thing``, in any region.

        Raises:
            DeploymentError: it is not there, or AWS does not answer.
        """
        name = self.settings.parameter_name(thing)
        with aws_errors(f"the parameter {name} cannot be read"):
            for region in self.regions:
                client = self.client("ssm", region)
                with suppress(client.exceptions.ParameterNotFound):
                    return str(client.get_parameter(Name=name)["Parameter"]["Value"])
        raise DeploymentError(
            f"expected the parameter {name} in {', '.join(self.regions)} but there is none: is stage"
            f" {self.settings.stage!r} deployed? To list what it published: darkroom find"
        )

    def published(self) -> dict[str, str]:
        """Return everything that the stacks published, by name.

        Raises:
            DeploymentError: AWS does not answer.
        """
        path = self.settings.parameter_name("")
        found: dict[str, str] = {}
        with aws_errors(f"the parameters below {path} cannot be read"):
            for region in self.regions:
                for page in self.client("ssm", region).get_paginator("get_parameters_by_path").paginate(Path=path):
                    found |= {each["Name"].removeprefix(path): each["Value"] for each in page["Parameters"]}
        return dict(sorted(found.items()))


@contextmanager
def aws_errors(problem: str) -> Iterator[None]:
    """Turn errors of AWS clients into DeploymentError: ``problem``, then the error."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise DeploymentError(f"{problem}: {error}") from error


def find(
    thing: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="A name such as upload-api-url; all names if omitted.")
    ] = None,
    *,
    aws: OnAws = False,
) -> None:
    """Print addresses and names of deployed resources.

    Example:
      darkroom find upload-api-url --aws
    """
    with reported_errors():
        deployment = Deployment.chosen(on_aws=aws)
        if thing is not None:
            typer.echo(deployment.parameter(thing))
            return
        for name, value in deployment.published().items():
            typer.echo(f"{name}\t{value}")
