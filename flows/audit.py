"""Audit: do originals, records, derivatives and replica agree? Changes nothing; names the flows that repair faults.

Run it from its deployment, or by hand: ``python -m flows.audit --day 2026-11-23``.
"""

import json
import sys
from datetime import UTC, date, datetime, timedelta
from typing import Any

from prefect import flow, task
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed, Failed
from pydantic import BaseModel, ConfigDict

from flows.reporting.periods import Period, PeriodError
from flows.runtime.artifacts import markdown_table, show_summary, show_table
from flows.runtime.command_line import run_from_command_line
from flows.runtime.policies import READING
from flows.runtime.role import take_role
from lambdas.core.settings import DEFAULT_STAGE, SettingsError, load_settings
from operations.audit.checks import Audit, Deadlines
from operations.audit.faults import MEANINGS, AuditResult, Fault, merge
from operations.discovery import NotDeployedError, UnknownTenantError, chosen_tenants
from operations.resources import Resources

_LISTED_IDS = 20  # per command in the artifact; the report in the bucket has all


class AuditReport(BaseModel):
    """The result of an audit.

    ``counts`` are images by fault, ``losses`` ready images by what their derivatives do not keep of the original.
    ``backfills`` are the parameters of repairing backfills, ``announce`` keys of originals to announce to their lanes,
    ``takedown`` ids of images to take down, again or for want of a record; ``uri`` is the report in the bucket.
    """

    model_config = ConfigDict(frozen=True)

    sentence: str
    counts: dict[str, int]
    losses: dict[str, int]
    findings: list[dict[str, Any]]
    backfills: list[dict[str, Any]]
    announce: list[str]
    takedown: list[str]
    uri: str = ""


def _run_name() -> str:
    parameters = flow_run.parameters
    days = filter(None, (parameters.get("day"), parameters.get("last_day")))
    return f"audit {parameters.get('tenant') or 'all'} {' to '.join(map(str, days)) or 'yesterday'}"


@task(task_run_name="audit {tenant} {day}", **READING)
def audit_day(auditor: Audit, tenant: str, day: date) -> AuditResult:
    """Audit one tenant's pictures of one day."""
    return auditor.day(tenant, day)


@task(**READING)
def audit_strays(auditor: Audit) -> AuditResult:
    """Search both buckets for derivatives that belong to no image, and the table for unfinished takedowns."""
    return auditor.strays()


@flow(name="audit", flow_run_name=_run_name, validate_parameters=True, on_running=[take_role])
def audit(
    tenant: str | None = None,
    day: date | None = None,
    last_day: date | None = None,
    strays: bool = True,
    settled_minutes: int | None = None,
    replica_minutes: int | None = None,
    stage: str = DEFAULT_STAGE,
) -> State[AuditReport]:
    """Compare originals, records, derivatives and replica; change nothing.

    Args:
        tenant: Tenant to audit; all if left out.
        day: Day of upload (UTC); yesterday if left out.
        last_day: Last day of a range that begins with day; day alone if left out.
        strays: Also list both buckets and the table completely, to find derivatives of no image, and takedowns that
            are not final an hour later.
        settled_minutes: An original without an outcome for longer is a fault, as is a claim that lapsed longer ago;
            from the settings if left out.
        replica_minutes: A derivative missing from the replica for longer is a fault; from the settings if left out.
        stage: Stage to audit, such as dev, staging or production.

    Completes as FaultsFound if there are faults. Invalid days, an unknown tenant and a stage that is not deployed end
    as Failed with a message.
    """
    try:
        period = Period.of(day, last_day)
        settings = load_settings(stage=stage)
        tenants = chosen_tenants(settings, tenant)
        resources = Resources.find(settings)
    except (PeriodError, SettingsError, UnknownTenantError, NotDeployedError) as error:
        return Failed(message=str(error))
    chosen = settings.operations
    auditor = Audit(
        inventory=resources.inventory(),
        expected=settings.eager_variants,
        deadlines=Deadlines.at(
            datetime.now(UTC),
            settled_minutes=chosen.settled_minutes if settled_minutes is None else settled_minutes,
            replica_minutes=chosen.replica_minutes if replica_minutes is None else replica_minutes,
        ),
        reads_at_once=chosen.reads_at_once,
    )
    days = [period.first_day + timedelta(days=n) for n in range(period.days)]
    parts = [audit_day(auditor, each, each_day) for each in tenants for each_day in days]
    result = merge([*parts, *([audit_strays(auditor)] if strays else [])])
    report = _report(result, resources, stage)
    _show(report, period, resources, stage)
    message = f"{period.label}, {report.sentence}"
    return Completed(name="FaultsFound" if result.findings else "Completed", message=message, data=report)


def _report(result: AuditResult, resources: Resources, stage: str) -> AuditReport:
    backfills = [
        {"tenant": tenant, "images": image_ids, "which": which, "stage": stage}
        for which, by_tenant in (("all", result.redrawn), ("redraw", result.rewritten))
        for tenant, image_ids in by_tenant.items()
    ]
    report = AuditReport(
        sentence=result.sentence,
        counts={fault.value: count for fault, count in result.counts.items()},
        losses=dict(result.losses),
        findings=[finding.as_row() for finding in result.findings],
        backfills=backfills,
        announce=result.announced,
        takedown=list(result.taken_down),
    )
    ledger = resources.ledger("audit")
    uri = ledger.write(ledger.new_name(str(flow_run.id)), report.model_dump(exclude={"uri"}))
    return report.model_copy(update={"uri": uri})


def _show(report: AuditReport, period: Period, resources: Resources, stage: str) -> None:
    counts = markdown_table(
        ("fault", "images", "meaning"),
        [(fault, report.counts[fault.value], meaning) for fault, meaning in MEANINGS.items()],
    )
    repairs = [line for backfill in report.backfills for line in _run("backfill/on-demand", backfill, "images")]
    if report.announce:
        announcing = {"action": "announce", "names": report.announce, "stage": stage}
        repairs += _run("dead-letters/daily", announcing, "names")
    if report.takedown:
        repairs += _run("takedown/on-demand", {"images": report.takedown, "stage": stage}, "images")
    if report.counts[Fault.NO_ORIGINAL.value]:
        days = resources.settings.storage.noncurrent_days
        repairs += [
            "",
            f"For a lost original: delete the delete marker over its last version, kept for {days} days, or take the"
            " image down; nothing else helps where no version with the recorded bytes is left.",
        ]
    heading = ["", "Repair with these flows; each is a dry run until `dry_run` is false:"] if repairs else []
    show_summary(
        "audit",
        f"{period.label}, {report.sentence}",
        [*counts, "", _losses(report), *heading, *repairs, "", f"Report: `{report.uri}`"],
        description="Do originals, records, derivatives and replica agree?",
    )
    shown = resources.settings.operations.shown_rows
    show_table("audit-findings", report.findings, "Every fault.", shown=shown, complete=report.uri)


def _losses(report: AuditReport) -> str:
    counted = ", ".join(f"{count:,} × {loss}" for loss, count in report.losses.items() if count)
    return f"Not kept in derivatives, which is no fault: {counted or 'nothing'}."


def _run(deployment: str, parameters: dict[str, Any], shortened: str) -> list[str]:
    """Return the Markdown of a command that runs a deployment, with a readable number of ids."""
    ids = parameters[shortened]
    more = [] if len(ids) <= _LISTED_IDS else [f"… and {len(ids) - _LISTED_IDS:,} more in the report."]
    text = json.dumps({**parameters, shortened: ids[:_LISTED_IDS]})
    return ["", "```sh", f"prefect deployment run '{deployment}' --params '{text}'", "```", *more]


if __name__ == "__main__":
    sys.exit(run_from_command_line(audit))
