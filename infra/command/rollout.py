"""What make adds to the CDK's command: ``darkroom environments``, ``reserve``, ``protect`` and others."""

from typing import Any

import typer

from infra.command.deployment import Deployment, DeploymentError, OnAws, aws_errors
from infra.command.terminal import reported_errors


def environments(*, aws: OnAws = False) -> None:
    """Print the environments that the CDK must bootstrap.

    `make bootstrap` passes them on. Regions with nothing but log groups need no bootstrap.
    """
    with reported_errors():
        deployment = Deployment.chosen(on_aws=aws)
        for region in deployment.regions:
            typer.echo(f"aws://{deployment.account}/{region}")


def reserve(*, aws: OnAws = False) -> None:
    """Give new lanes their first reserved concurrency.

    Lanes that have a reservation keep it: the flow tenant_concurrency tunes it.
    `make deploy` runs this on AWS; the local stack does it when it starts.
    """
    with reported_errors():
        from operations.tuning.lanes import deployed_lanes, reserve_new
        from operations.tuning.reservations import PATIENT, ControlPlane, HalfAppliedError, NotAppliedError

        deployment = Deployment.chosen(on_aws=aws)
        client = deployment.client("lambda", **({"config": PATIENT} if aws else {}))
        control = ControlPlane(client, deployment.settings.tuning.changes_per_second)
        try:
            with aws_errors("lanes cannot be reserved"):
                reserved = reserve_new(deployed_lanes(deployment.settings, deployment.parameter), control)
        except (NotAppliedError, HalfAppliedError) as error:
            raise DeploymentError(str(error)) from error
        lanes = ", ".join(f"{lane} {executions}" for lane, executions in reserved.items())
        typer.echo(f"Reserved: {lanes}" if reserved else "Every lane has its reservation.")


def protect(*, aws: OnAws = False) -> None:
    """Set or lift deletion protection of stacks and tables.

    As storage.protected of the stage says. A stack whose creation failed is left unprotected: it must be deleted
    before the next deployment. `make deploy` runs this on AWS.
    """
    with reported_errors():
        from operations.stack_protection import set_protection, stage_stacks

        deployment = Deployment.chosen(on_aws=aws)
        settings = deployment.settings
        regions = dict.fromkeys((*deployment.regions, *settings.storage.edge_log_regions))
        protected = settings.storage.protected
        with aws_errors("deletion protection cannot be changed"):
            stacks = list(stage_stacks(settings, deployment.client, regions))
            changed = set_protection(stacks, deployment.client, protected=protected)
        for name in changed:
            typer.echo(f"{'Protected' if protected else 'No longer protected'}: {name}")


def remove_edge_function(*, aws: OnAws = False) -> None:
    """Delete the Lambda@Edge function that a stack left behind.

    CloudFront removes the function's replicas some hours after the distribution; until then Lambda refuses.
    `make destroy` runs this on AWS.
    """
    with reported_errors():
        from botocore.exceptions import ClientError

        from infra.names import Names
        from lambdas.core.settings import EDGE_REGION

        deployment = Deployment.chosen(on_aws=aws)
        names = Names(deployment.settings, deployment.account)
        function, stack = names.function("origin_request"), names.stack("Delivery")
        with aws_errors(f"the stack {stack} cannot be looked up"):
            if is_deployed(deployment.client("cloudformation", EDGE_REGION), stack):
                raise DeploymentError(f"{function} belongs to the stack {stack}: delete that first, with make destroy")
        functions = deployment.client("lambda", EDGE_REGION)
        with aws_errors(f"{function} cannot be deleted"):
            try:
                functions.delete_function(FunctionName=function)
            except functions.exceptions.ResourceNotFoundException:
                return
            except ClientError as error:
                if "replicated function" not in str(error):
                    raise
                raise DeploymentError(
                    f"CloudFront still has replicas of {function} in {EDGE_REGION} and removes them within some hours."
                    " Everything else is deleted. Run make destroy again tomorrow"
                ) from error
        typer.echo(f"Deleted: {function}")


def is_deployed(cloudformation: Any, stack: str) -> bool:
    """Return whether there is a stack of the name ``stack``."""
    from botocore.exceptions import ClientError

    try:
        return bool(cloudformation.describe_stacks(StackName=stack)["Stacks"])
    except ClientError as error:
        if "does not exist" not in str(error):
            raise
        return False
