"""Derivatives of pictures that were uploaded before: chosen, estimated, drawn by S3 Batch Operations, accounted for.

Run by Prefect from its deployment, or by hand: ``python -m flows.backfill --tenant demo --no-dry-run``. Killed at any
moment and run again with the same parameters, it goes on with the jobs that it made; cancelled, it cancels them.
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

from flows.runtime.backfill_artifacts import show_estimate
from flows.runtime.backfill_running import BackfillRun
from flows.runtime.command_line import run_from_command_line
from lambdas.core.settings import (
    DEFAULT_STAGE,
    Settings,
    SettingsError,
    load_settings,
)
from operations.backfill.estimate import Estimate, estimate
from operations.backfill.manifests import write_manifest
from operations.backfill.pictures import recorded_images
from operations.backfill.resources import BackfillPlaces
from operations.backfill.run_state import (
    Book,
    Entry,
    Kind,
    started_now,
)
from operations.backfill.selection import Chosen, Selection, Which, WrongSelectionError
from operations.backfill.summary import BackfillReport
from operations.discovery import NotDeployedError

_RETRIES: dict[str, Any] = {"cache_policy": NO_CACHE, "retries": 3, "retry_delay_seconds": [2, 10, 30]}
_TOKEN = re.compile(r"[A-Za-z0-9-]{1,30}")
_SELECTING = ("tenant", "images", "prefix", "first_day", "last_day", "variants", "which")


def _run_name() -> str:
    parameters = flow_run.parameters
    what = parameters.get("tenant") or "every tenant"
    return f"{'plan to ' if parameters.get('dry_run') else ''}backfill {what}"


def cancel_jobs(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """Cancel whatever jobs of S3 Batch Operations a cancelled flow run had made."""
    parameters = flow.validate_parameters(flow_run.parameters)
    if parameters.get("dry_run", True):  # whatever jobs there are, are another run's
        return
    settings = load_settings(stage=parameters.get("stage", DEFAULT_STAGE))
    places = BackfillPlaces.find(settings)
    selection = Selection.of(settings, **{name: parameters[name] for name in _SELECTING if name in parameters})
    book = places.shelf().find(_name(selection, parameters.get("token")))
    if book is None:
        return
    jobs = places.jobs()
    for entry in book.entries.values():
        if entry.job_id is not None:
            jobs.cancel(entry.job_id, "The flow run was cancelled")
    places.shelf().close(book)


@task(**_RETRIES, task_run_name="choose pictures")
def choose_pictures(places: BackfillPlaces, selection: Selection) -> Chosen:
    """Find the pictures that are meant, and add up the work that they are."""
    settings = places.settings
    images = recorded_images(places.table(), selection, settings.operations.reads_at_once)
    return Chosen.among(images, selection, settings)


@task(**_RETRIES, task_run_name="begin the run")
def begin_run(places: BackfillPlaces, name: str, selection: Selection, chosen: Chosen, canary: int) -> Book:
    """Write the manifests and the book of a new run, or return the book of one that began first."""
    planned, started = _estimate(chosen, canary, places.settings), started_now()
    book = Book(
        name=name,
        started=started,
        function_arn=places.function_arn,
        variants=tuple(map(str, selection.variants)),
        anew=selection.which == "anew",
        images=planned.images,
        derivatives=planned.derivatives,
        estimated_seconds=planned.seconds,
        estimated_usd=planned.usd,
        entries={},
    )
    kinds: tuple[Kind, Kind] = ("canary", "main")
    for kind, keys in zip(kinds, chosen.split(canary), strict=True):
        if keys:
            written = write_manifest(places.client("s3"), places.papers, book.token(kind), places.originals, keys)
            book = book.with_entry(kind, Entry(manifest=written))
    return places.shelf().begin(book)


@flow(name="backfill", flow_run_name=_run_name, validate_parameters=True, on_cancellation=[cancel_jobs])
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
    """Make derivatives of pictures that were uploaded before: a new rung, new encoder settings, what was lost.

    Args:
        tenant: whose pictures; every tenant's if left out.
        images: ids of pictures, which are looked through whatever their records say; all of the tenant if left out.
        prefix: only originals whose key begins like this, such as demo/2026-11.
        first_day: only pictures uploaded on this day (UTC) or later.
        last_day: only pictures uploaded on this day (UTC) or before.
        variants: what to make, such as 1600x0.avif; all that the pipeline makes ahead if left out.
        which: pictures lacking a variant, having one outdated by newer encoder settings, either, or all; anew is all,
            drawn even where everything is there, such as for a replica that lacks it.
        dry_run: only count and estimate.
        canary: pictures drawn and judged before all others; as in the settings if left out.
        token: names the run, up to 30 letters, digits and hyphens; made of the other parameters if left out. While a
            run of a name is under way, another one of that name follows its jobs.
        page: also render the run's story as a page.
        stage: of which platform: dev, staging, production …

    An empty selection completes as NothingToDo. A tenant that the settings do not name, a variant off the ladder,
    days in the wrong order and the like end as Failed before anything is made; so does a canary of which too many
    failed, before any other picture is touched. Pictures that fail twice complete it as Incomplete.
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
        places = BackfillPlaces.find(settings)
        book = places.shelf().find(name)
    except (SettingsError, NotDeployedError, WrongSelectionError) as error:
        return Failed(message=str(error))
    if book is None:
        chosen = choose_pictures(places, selection)
        size = settings.backfill.canary_images if canary is None else canary
        planned = _estimate(chosen, size, settings)
        show_estimate(planned, chosen.unknown)
        if not chosen.keys:
            message = f"nothing to do: no picture of {', '.join(selection.tenants)} needs {_listed(selection)}"
            if chosen.unknown:
                message += f"; {len(chosen.unknown):,} of the named images are of no ready picture of theirs"
            return Completed(name="NothingToDo", message=message, data=BackfillReport(images=0))
        if dry_run:
            report = BackfillReport(images=planned.images, estimated_seconds=planned.seconds, estimated_usd=planned.usd)
            return Completed(message=f"dry run: {_sentence(planned)}; nothing was made", data=report)
        book = begin_run(places, name, selection, chosen, size)
    elif dry_run:
        message = f"dry run: the run {book.run_id} of {book.images:,} pictures is under way; run without it to follow"
        return Completed(message=message, data=BackfillReport(run_id=book.run_id, images=book.images))
    return BackfillRun(places, book).finish(page)


def _name(selection: Selection, token: str | None) -> str:
    """Return the run's name: the token, or the digest of what selects.

    Raises:
        WrongSelectionError: the token is none.
    """
    if token is None:
        return selection.digest
    if not _TOKEN.fullmatch(token):
        raise WrongSelectionError(f"expected up to 30 letters, digits and hyphens for a token but received {token!r}")
    return token


def _estimate(chosen: Chosen, canary: int, settings: Settings) -> Estimate:
    return estimate(chosen.work, settings, jobs=2 if len(chosen.keys) > canary else 1)


def _sentence(planned: Estimate) -> str:
    return (
        f"{planned.images:,} pictures, {planned.derivatives:,} derivatives, about {max(1, planned.seconds):,.0f} s"
        f" and {planned.usd:,.2f} USD"
    )


def _listed(selection: Selection) -> str:
    return ", ".join(map(str, selection.variants[:6])) + (" …" if len(selection.variants) > 6 else "")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the flow from a command line and return the exit status."""
    return run_from_command_line(backfill, arguments)


if __name__ == "__main__":
    sys.exit(main())
