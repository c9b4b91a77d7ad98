"""Backfill: draw missing or outdated derivatives of existing pictures with S3 Batch Operations, and account for each.

Run it from its deployment, or by hand: ``python -m flows.backfill --tenant demo --no-dry-run``. Run again with the same
parameters after an interruption, it resumes its jobs; cancelled, it cancels them.
"""

import re
import sys
from collections.abc import Sequence
from datetime import date
from typing import Any

from prefect import Flow, flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import FlowRun, State
from prefect.runtime import flow_run
from prefect.states import Completed, Failed
from pydantic import PositiveInt

from flows.runtime.artifacts import markdown_table, show_summary
from flows.runtime.backfill_run import BackfillRun
from flows.runtime.command_line import run_from_command_line
from flows.runtime.role import role_of, take_role
from lambdas.core.settings import DEFAULT_STAGE, Settings, SettingsError, load_settings
from operations.backfill.estimate import Estimate, estimate
from operations.backfill.manifests import write_manifest
from operations.backfill.run_state import Kind, RunJob, RunState, started_now
from operations.backfill.selection import Chosen, Selection, Which, WrongSelectionError, recorded_images
from operations.backfill.summary import BackfillReport
from operations.discovery import NotDeployedError
from operations.resources import Resources

_RETRIES: dict[str, Any] = {"cache_policy": NO_CACHE, "retries": 3, "retry_delay_seconds": [2, 10, 30]}
_TOKEN = re.compile(r"[A-Za-z0-9-]{1,30}")
_SELECTING = ("tenant", "images", "prefix", "first_day", "last_day", "variants", "which")
_LISTED_IDS = 20


def _run_name() -> str:
    parameters = flow_run.parameters
    subject = parameters.get("tenant") or "every tenant"
    return f"{'plan to ' if parameters.get('dry_run') else ''}backfill {subject}"


def cancel_jobs(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """Cancel the jobs of a cancelled flow run."""
    parameters = flow.validate_parameters(flow_run.parameters)
    if parameters.get("dry_run", True):  # existing jobs belong to another run
        return
    with role_of(flow, flow_run):
        _cancel_jobs(parameters)


def _cancel_jobs(parameters: dict[str, Any]) -> None:
    settings = load_settings(stage=parameters.get("stage", DEFAULT_STAGE))
    resources = Resources.find(settings)
    selection = Selection.of(settings, **{name: parameters[name] for name in _SELECTING if name in parameters})
    run_state = resources.run_states().find(_name(selection, parameters.get("token")))
    if run_state is None:
        return
    jobs = resources.jobs()
    for job in run_state.jobs.values():
        if job.job_id is not None:
            jobs.cancel(job.job_id, "The flow run was cancelled")
    resources.run_states().close(run_state)


@task(**_RETRIES, task_run_name="choose pictures")
def choose_pictures(resources: Resources, selection: Selection) -> Chosen:
    """Find the selected pictures and sum up the work."""
    settings = resources.settings
    images = recorded_images(resources.images_table(), selection, settings.operations.reads_at_once)
    return Chosen.among(images, selection, settings)


@task(**_RETRIES, task_run_name="begin the run")
def begin_run(resources: Resources, name: str, selection: Selection, chosen: Chosen, canary: int) -> RunState:
    """Write the manifests and the state of a new run, or return the state of one that began first."""
    planned, started = _estimate(chosen, canary, resources.settings), started_now()
    state = RunState(
        name=name,
        started=started,
        function_arn=resources.backfill_function_arn,
        variants=tuple(map(str, selection.variants)),
        redraw=selection.which == "redraw",
        images=planned.images,
        derivatives=planned.derivatives,
        estimated_seconds=planned.seconds,
        estimated_usd=planned.usd,
        jobs={},
    )
    kinds: tuple[Kind, Kind] = ("canary", "main")
    for kind, keys in zip(kinds, chosen.split(canary), strict=True):
        if keys:
            s3, bucket = resources.client("s3"), resources.backfill_bucket
            manifest = write_manifest(s3, bucket, state.token(kind), resources.originals, keys)
            state = state.with_job(kind, RunJob(manifest=manifest))
    return resources.run_states().begin(state)


@flow(
    name="backfill",
    flow_run_name=_run_name,
    validate_parameters=True,
    on_running=[take_role],
    on_cancellation=[cancel_jobs],
)
def backfill(
    tenant: str | None = None,
    images: list[str] | None = None,
    prefix: str | None = None,
    first_day: date | None = None,
    last_day: date | None = None,
    variants: list[str] | None = None,
    which: Which = "either",
    dry_run: bool = True,
    canary: PositiveInt | None = None,
    token: str | None = None,
    page: bool = True,
    stage: str = DEFAULT_STAGE,
) -> State[BackfillReport]:
    """Draw derivatives of existing pictures: for a new rung, after new encoder settings, or where some were lost.

    Args:
        tenant: Only this tenant's pictures; all tenants if left out.
        images: Ids of pictures, checked whatever their records say; all of the tenant if left out.
        prefix: Only originals with this key prefix, such as demo/2026-11.
        first_day: Only pictures uploaded on this day (UTC) or later.
        last_day: Only pictures uploaded on this day (UTC) or earlier.
        variants: What to draw, such as 1600x0.avif; everything that the pipeline makes ahead if left out.
        which: Pictures lacking a variant, having one outdated by newer encoder settings, either of them, or all;
            redraw is all, and draws even variants that exist, such as for a replica that lacks them.
        dry_run: Only count and estimate.
        canary: Number of pictures drawn and checked before all others; from the settings if left out.
        token: Name of the run, up to 30 letters, digits and hyphens; derived from the selection if left out. While a
            run is in progress, another one of the same name follows its jobs.
        page: Also render a page about the run.
        stage: Stage to work on, such as dev, staging or production.

    An empty selection completes as NothingToDo. Invalid parameters, such as an unknown tenant or a variant off the
    ladder, end as Failed before anything is created; so does a canary with too many failures, before any other picture
    is touched. If pictures fail twice, the run completes as Incomplete.
    """
    try:
        settings = load_settings(stage=stage)
        selection = Selection.of(
            settings,
            tenant=tenant,
            images=images,
            prefix=prefix,
            first_day=first_day,
            last_day=last_day,
            variants=variants,
            which=which,
        )
        name = _name(selection, token)
        resources = Resources.find(settings)
        state = resources.run_states().find(name)
    except (SettingsError, NotDeployedError, WrongSelectionError) as error:
        return Failed(message=str(error))
    if state is None:
        chosen = choose_pictures(resources, selection)
        size = settings.backfill.canary_images if canary is None else canary
        planned = _estimate(chosen, size, settings)
        _show_estimate(planned, chosen.unknown)
        if not chosen.keys:
            message = f"nothing to do: no picture of {', '.join(selection.tenants)} needs {_listed(selection)}"
            if chosen.unknown:
                message += f"; {len(chosen.unknown):,} of the named images are not ready pictures of these tenants"
            return Completed(name="NothingToDo", message=message, data=BackfillReport(images=0))
        if dry_run:
            report = BackfillReport(images=planned.images, estimated_seconds=planned.seconds, estimated_usd=planned.usd)
            return Completed(message=f"dry run: {_sentence(planned)}; nothing was made", data=report)
        state = begin_run(resources, name, selection, chosen, size)
    elif dry_run:
        message = f"dry run: run {state.run_id} of {state.images:,} pictures is in progress; use --no-dry-run to follow"
        return Completed(message=message, data=BackfillReport(run_id=state.run_id, images=state.images))
    return BackfillRun(resources, state).finish(page)


def _name(selection: Selection, token: str | None) -> str:
    """Return the run's name: the token, or the digest of the selection.

    Raises:
        WrongSelectionError: the token is malformed.
    """
    if token is None:
        return selection.digest
    if not _TOKEN.fullmatch(token):
        raise WrongSelectionError(f"expected up to 30 letters, digits and hyphens for a token but received {token!r}")
    return token


def _estimate(chosen: Chosen, canary: int, settings: Settings) -> Estimate:
    return estimate(chosen.work, settings, jobs=2 if len(chosen.keys) > canary else 1)


def _show_estimate(planned: Estimate, unknown: Sequence[str]) -> None:
    lines = markdown_table(
        ("", "about"),
        [
            ("pictures", f"{planned.images:,}"),
            ("derivatives", f"{planned.derivatives:,}"),
            ("CPU", f"{planned.cpu_seconds:,.1f} s"),
            ("time", f"{planned.seconds:,.1f} s"),
            ("one-time cost", f"{planned.usd:,.4f} USD"),
            (
                "stored in both regions",
                f"{2 * planned.bytes / 1_000_000:,.1f} MB, {planned.usd_a_month:,.4f} USD a month",
            ),
        ],
    )
    if unknown:
        listed = ", ".join(f"`{each}`" for each in unknown[:_LISTED_IDS])
        lines += ["", f"{len(unknown):,} named images are not ready pictures of these tenants: {listed}"]
    sentence = f"{planned.images:,} pictures need {planned.derivatives:,} derivatives"
    show_summary("backfill-estimate", sentence, lines, description="Estimate of a backfill")


def _sentence(planned: Estimate) -> str:
    return (
        f"{planned.images:,} pictures, {planned.derivatives:,} derivatives, about {max(1, planned.seconds):,.0f} s"
        f" and {planned.usd:,.2f} USD"
    )


def _listed(selection: Selection) -> str:
    return ", ".join(map(str, selection.variants[:6])) + (" …" if len(selection.variants) > 6 else "")


if __name__ == "__main__":
    sys.exit(run_from_command_line(backfill))
