"""Do originals, records, derivatives and replica agree? Counted, listed, with the backfill that mends it.

Run by Prefect from its deployment, or by hand: ``python -m flows.audit --day 2026-11-23``. It changes nothing.
"""

import json
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from prefect import flow, task
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed, Failed
from pydantic import BaseModel, ConfigDict

from flows.reporting.periods import Period, PeriodError
from flows.runtime.artifacts import markdown_table, show_rows, show_story
from flows.runtime.command_line import run_from_command_line
from flows.runtime.retries import READING
from lambdas.core.settings import DEFAULT_STAGE, SettingsError, load_settings
from operations.audit.audit import Audit
from operations.audit.compare import Patience
from operations.audit.faults import MEANINGS, AuditResult, Fault, merge
from operations.discovery import NotDeployedError
from operations.resources import Places
from operations.tenants import UnknownTenantError, chosen_tenants

_LISTED_IDS = 20  # in a command that somebody is to read; the file has all


class AuditReport(BaseModel):
    """An audit as it was made.

    ``counts`` are images by fault; ``backfills`` the parameters of the backfills that mend, ``announce`` the originals
    that their lane is to be told of, ``takedown`` the images that no record tells of; ``uri`` is the
    whole of it in the reports bucket.
    """

    model_config = ConfigDict(frozen=True)

    sentence: str
    counts: dict[str, int]
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
    """Compare what there is of one tenant's pictures of one day."""
    return auditor.day(tenant, day)


@task(**READING)
def audit_strays(auditor: Audit) -> AuditResult:
    """Look through both buckets of derivatives for what belongs to no ready image."""
    return auditor.strays()


@flow(name="audit", flow_run_name=_run_name, validate_parameters=True)
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
        tenant: whose pictures; every tenant's if left out.
        day: the day of upload (UTC); yesterday if left out.
        last_day: the last day of a range that begins with ``day``; ``day`` alone if left out.
        strays: also list both buckets of derivatives as a whole, for what belongs to no image.
        settled_minutes: an original without an outcome for longer is a fault; as in the settings if left out.
        replica_minutes: a derivative that the replica lacks for longer is a fault; as in the settings if left out.
        stage: whose pictures: dev, staging, production …

    Completes as FaultsFound where there are faults. Days that cannot be audited, a tenant that the settings do not
    name and a stage that is not deployed end as Failed, in a sentence.
    """
    try:
        period = Period.of(day, last_day)
        settings = load_settings(stage=stage)
        tenants = chosen_tenants(settings, tenant)
        places = Places.find(settings)
    except (PeriodError, SettingsError, UnknownTenantError, NotDeployedError) as error:
        return Failed(message=str(error))
    chosen = settings.operations
    auditor = Audit(
        inventory=places.inventory(),
        expected=settings.eager_variants,
        patience=Patience.at(
            datetime.now(UTC),
            settled_minutes=chosen.settled_minutes if settled_minutes is None else settled_minutes,
            replica_minutes=chosen.replica_minutes if replica_minutes is None else replica_minutes,
        ),
        reads_at_once=chosen.reads_at_once,
    )
    days = [period.first_day + timedelta(days=n) for n in range((period.last_day - period.first_day).days + 1)]
    parts = [audit_day(auditor, each, each_day) for each in tenants for each_day in days]
    result = merge([*parts, *([audit_strays(auditor)] if strays else [])])
    report = _report(result, places, stage)
    _show(report, period, places, stage)
    message = f"{period.label}, {report.sentence}"
    return Completed(name="FaultsFound" if result.findings else "Completed", message=message, data=report)


def _report(result: AuditResult, places: Places, stage: str) -> AuditReport:
    rows = [finding.as_row() for finding in result.findings]
    mended = (("all", result.drawn), ("anew", result.replicated_anew))
    backfills = [
        {"tenant": tenant, "images": image_ids, "which": which, "stage": stage}
        for which, by_tenant in mended
        for tenant, image_ids in by_tenant.items()
    ]
    report = AuditReport(
        sentence=result.sentence,
        counts={fault.value: count for fault, count in result.counts.items()},
        findings=rows,
        backfills=backfills,
        announce=result.announced,
        takedown=list(result.taken_down),
    )
    ledger = places.ledger("audit")
    uri = ledger.write(ledger.new_name(str(flow_run.id)), report.model_dump(exclude={"uri"}))
    return report.model_copy(update={"uri": uri})


def _show(report: AuditReport, period: Period, places: Places, stage: str) -> None:
    counted = markdown_table(
        ("fault", "images", "meaning"),
        [(fault, report.counts[fault.value], meaning) for fault, meaning in MEANINGS.items()],
    )
    mending = [line for backfill in report.backfills for line in _run("backfill/on-demand", backfill, "images")]
    if report.announce:
        announcing = {"action": "announce", "names": report.announce, "stage": stage}
        mending += _run("dead-letters/daily", announcing, "names")
    if report.takedown:
        mending += _run("takedown/on-demand", {"images": report.takedown, "stage": stage}, "images")
    if report.counts[Fault.NO_ORIGINAL.value]:
        days = places.settings.storage.noncurrent_days
        mending += [
            "",
            f"A lost original: back as its last version, for {days} days, or a takedown of the rest.",
        ]
    heading = (
        ["", "Mended by these; each flow only shows what it would do, until `dry_run` is false:"] if mending else []
    )
    show_story(
        "audit",
        f"{period.label}, {report.sentence}",
        [*counted, *heading, *mending, "", f"All of it: `{report.uri}`"],
        what="Do originals, records, derivatives and replica agree?",
    )
    show_rows(
        "audit-findings", report.findings, "Every fault.", shown=places.settings.operations.shown_rows, whole=report.uri
    )


def _run(deployment: str, parameters: dict[str, Any], shortened: str) -> list[str]:
    """Return the command that runs a deployment, in Markdown, with no more ids than somebody can read."""
    ids = parameters[shortened]
    more = [] if len(ids) <= _LISTED_IDS else [f"… and {len(ids) - _LISTED_IDS:,} more, which the file has."]
    written = json.dumps({**parameters, shortened: ids[:_LISTED_IDS]})
    return ["", "```sh", f"prefect deployment run '{deployment}' --params '{written}'", "```", *more]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the flow from a command line and return the exit status."""
    return run_from_command_line(audit, arguments)


if __name__ == "__main__":
    sys.exit(main())
