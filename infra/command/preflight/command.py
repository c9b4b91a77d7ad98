"""``darkroom preflight``: run every check, show a table, and fail on a blocker."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from infra.command.deployment import Deployment, OnAws
from infra.command.terminal import console, reported_errors

if TYPE_CHECKING:
    from infra.command.preflight.findings import Finding

_COLOURS = {"ok": "green", "warning": "yellow", "not checked": "cyan", "blocker": "bold red"}
_PER_DAY = 1_000_000


def preflight(
    per_day: Annotated[int, typer.Option(min=0, help="Pictures a day that the quotas have to allow.")] = _PER_DAY,
    *,
    aws: OnAws = False,
) -> None:
    """Check an account before a deployment.

    Only reads. The exit status is 1 if something would make the deployment fail. `make deploy` runs this on AWS.
    """
    with reported_errors():
        deployment = Deployment.chosen(on_aws=aws)
        findings = list(examine(deployment, per_day))
    _show(findings)
    counts = {state: sum(finding.state == state for finding in findings) for state in _COLOURS}
    console.print(", ".join(f"{count} {state}" for state, count in counts.items() if count))
    if counts["blocker"]:
        raise typer.Exit(1)


def examine(deployment: Deployment, per_day: int) -> "Iterator[Finding]":
    """Yield the findings of every check; without valid credentials, there is only that one."""
    from functools import partial

    from botocore.exceptions import BotoCoreError, ClientError

    from infra.command.preflight import account, domain, quotas, taken_names
    from infra.command.preflight.findings import Check, Finding, Target, run_check
    from infra.names import Names

    try:
        identity = deployment.client("sts").get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        way_out = "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and the related variables; with SSO: aws sso login"
        yield Finding("Credentials", "blocker", str(error), way_out)
        return
    yield Finding("Credentials", "ok", identity["Arn"])
    target = Target(Names(deployment.settings, identity["Account"]), deployment.regions, deployment.client)
    checks: dict[str, Check] = {
        "Regions": account.regions,
        "CDK bootstrap": account.bootstrap,
        "Lambda: concurrent executions": account.concurrency,
        "Stacks": taken_names.stacks,
        "Buckets": taken_names.buckets,
        "Edge function": taken_names.edge_function,
        "Certificate": domain.certificate,
        "Hosted zone": domain.hosted_zone,
        "Service quotas": partial(quotas.quotas, per_day=per_day),
    }
    for subject, check in checks.items():
        yield from run_check(subject, check, target)


def _show(findings: "list[Finding]") -> None:
    from rich.markup import escape
    from rich.table import Column, Table

    columns = (Column(overflow="fold") for _ in range(3))
    table = Table(*columns, box=None, pad_edge=False, show_header=False)
    for finding in findings:
        state = f"[{_COLOURS[finding.state]}]{finding.state}[/]"
        table.add_row(state, escape(finding.subject), escape(finding.message))
    console.print(table)
    for finding in findings:
        if finding.way_out:  # below the table, where commands stay in one piece
            console.print(f"\n[bold]{escape(finding.subject)}[/]\n{escape(finding.way_out)}", soft_wrap=True)
    console.print()
