"""``darkroom reserve``: what a new lane's functions may run at once."""

import boto3
import typer
from botocore.exceptions import BotoCoreError, ClientError

from infra.command.account import Account, AccountError, OnAws
from infra.command.terminal import explained
from infra.local.stack import LocalStack
from operations.tuning.lanes import deployed_lanes, reserve_new
from operations.tuning.reservations import PATIENT, ControlPlane, HalfAppliedError, NotAppliedError


def reserve(*, aws: OnAws = False) -> None:
    """Reserve for each lane that has no reservation yet what darkroom.toml says it begins with.

    No other lane is touched: their reservations are tuned. On AWS it is run after every deployment, by make deploy;
    the local stack does it when it starts.
    """
    with explained():
        account = Account.chosen(on_aws=aws)
        client = (
            boto3.client("lambda", region_name=account.settings.regions.primary, config=PATIENT)
            if aws
            else LocalStack.attach().client("lambda")
        )
        control = ControlPlane(client, account.settings.tuning.changes_per_second)
        try:
            begun = reserve_new(deployed_lanes(account.settings, account.parameter), control)
        except (BotoCoreError, ClientError, NotAppliedError, HalfAppliedError) as error:
            raise AccountError(str(error)) from error
        told = ", ".join(f"{lane} {executions}" for lane, executions in begun.items())
        typer.echo(f"Reserved: {told}" if begun else "Every lane has its reservation.")
