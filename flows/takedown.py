"""Images gone for good, from every place that holds them, with a receipt; one, some, or all of a tenant.

Run by Prefect from its deployment, or by hand: ``python -m flows.takedown --images ID --no-dry-run``. May be run
again, and after it was killed has to be: it goes on where it stopped.
"""

import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from botocore.exceptions import ClientError
from prefect import flow, task
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed, Failed
from prefect.task_runners import ThreadPoolTaskRunner
from pydantic import BaseModel, ConfigDict

from flows.runtime.approval import NotApprovedError, ask, question_about
from flows.runtime.artifacts import show_rows, show_story
from flows.runtime.command_line import run_from_command_line
from flows.runtime.retries import READING, REMOVING
from lambdas.core.settings import DEFAULT_STAGE, SettingsError, load_settings
from lambdas.core.stores.uploads import UploadsTable
from lambdas.core.takedown import ImageResources, NotErasedError, Removed, Target, VersionedObjects
from operations.discovery import NotDeployedError
from operations.resources import Places
from operations.takedown import Search, WrongPicturesError, abort_uploads
from operations.tenants import UnknownTenantError, chosen_tenants

_BATCH = 50  # pictures of one task, and of one order to the edge
_AT_ONCE = 8


class TakedownReceipt(BaseModel):
    """What was removed where.

    ``removed`` has a row for each picture with the versions that were deleted in each place, ``failures`` what is
    left and why, ``uri`` the receipt in the reports bucket.
    """

    model_config = ConfigDict(frozen=True)

    pictures: int
    removed: list[dict[str, Any]] = []
    failures: list[str] = []
    uri: str = ""

    @property
    def sentence(self) -> str:
        """The receipt in a sentence."""
        sums = {place: sum(row[place] for row in self.removed) for place in ("originals", "derivatives", "replica")}
        return (
            f"{len(self.removed):,} of {_pictures(self.pictures)} gone: {sums['originals']:,} versions of originals,"
            f" {sums['derivatives']:,} of derivatives and {sums['replica']:,} of their replicas"
        )


def _run_name() -> str:
    parameters = flow_run.parameters
    whose = parameters.get("tenant") or "images"
    return f"{'plan to ' if parameters.get('dry_run') else ''}take down {whose}"


@task(**READING)
def find_pictures(search: Search, images: Sequence[str], tenant: str | None) -> list[Target]:
    """Find what is to go: the ``images``, or all of ``tenant``."""
    return search.named(images, tenant) if images else search.of_tenant(tenant or "")


@task(task_run_name="remove {number}", **REMOVING)
def remove_batch(places: ImageResources, uploads: UploadsTable, pictures: list[Target], number: int) -> list[Removed]:
    """Remove some pictures from every place; tried again, it goes on where it stopped."""
    removed = places.remove(pictures)
    for picture in pictures:
        uploads.remove(picture.image_id)
    return removed


@task(**REMOVING)
def sweep_tenant(places: Places, originals: VersionedObjects, tenant: str) -> None:
    """Drop uploads of a tenant that are under way, and what stands in its folder and is no picture."""
    abort_uploads(places.client("s3"), places.originals, tenant)
    originals.erase_folder(f"{tenant}/")


@flow(name="takedown", flow_run_name=_run_name, validate_parameters=True)
def takedown(
    images: list[str] | None = None,
    tenant: str | None = None,
    reason: str = "",
    dry_run: bool = True,
    ask_above: int | None = None,
    stage: str = DEFAULT_STAGE,
) -> State[TakedownReceipt]:
    """Remove images for good: originals with all their versions, derivatives in both regions, records, caches.

    Args:
        images: the ids of the images; all of the tenant's if left out.
        tenant: whose images; needed where none are named, and refuses those of others where some are.
        reason: kept in the receipt.
        dry_run: only list what would go.
        ask_above: more images than this are removed only after somebody approved; as in the settings if left out.
        stage: of which platform: dev, staging, production …

    Neither images nor a tenant, ids that are none, images of another tenant and a tenant that the settings do not
    name and of which nothing is stored end as Failed; a rejection as Rejected; all before anything is removed.
    """
    try:
        settings = load_settings(stage=stage)
        places = Places.find(settings)
        if not images and tenant is None:
            raise WrongPicturesError("expected images, or a tenant, but received neither")
        search = Search(places.inventory(), places.uploads_table(), places.picture_places())
        pictures = find_pictures(search, images or [], tenant)
        if tenant is not None and not pictures:
            chosen_tenants(settings, tenant)
    except (SettingsError, NotDeployedError, UnknownTenantError, WrongPicturesError) as error:
        return Failed(message=str(error))
    shown, limit = settings.operations.shown_rows, settings.operations.ask_above if ask_above is None else ask_above
    plan = [{"image": each.image_id, "original": each.original_key or "not known"} for each in pictures]
    show_rows("takedown-plan", plan, "What is to go.", shown=shown)
    subject = f"{_pictures(len(pictures))}{f' of the tenant {tenant}' if tenant else ''}"
    if dry_run:
        show_story("takedown", f"A dry run: {subject} would be removed; nothing was.", what="What a takedown would do")
        return Completed(message=f"dry run: {subject} would go", data=TakedownReceipt(pictures=len(pictures)))
    if len(pictures) > limit:
        try:
            ask(question_about(_warning(subject, pictures)), settings.operations.approval_seconds)
        except NotApprovedError as error:
            return error.state
    receipt = _remove(places, search, pictures, tenant if not images else None)
    receipt = _keep(receipt, places, reason, tenant)
    _show(receipt, shown, places, tenant)
    if receipt.failures:
        return Failed(message=f"{receipt.sentence}; run it again: {receipt.failures[0]}", data=receipt)
    return Completed(message=receipt.sentence, data=receipt)


def _pictures(number: int) -> str:
    return f"{number:,} picture{'' if number == 1 else 's'}"


def _warning(subject: str, pictures: Sequence[Target]) -> str:
    first = "\n".join(f"- `{each.image_id}`" for each in pictures[:10])
    more = f"\n- … and {len(pictures) - 10:,} more" if len(pictures) > 10 else ""
    return (
        f"**{subject} to be removed for good**: every version of originals, derivatives in both regions, records,"
        f" and what the edge keeps. No backup has them after that.\n\n{first}{more}"
    )


def _remove(places: Places, search: Search, pictures: list[Target], tenant: str | None) -> TakedownReceipt:
    threads: ThreadPoolTaskRunner[Any] = ThreadPoolTaskRunner(_AT_ONCE)
    with threads as runner:
        given = {"places": search.places, "uploads": search.uploads}
        batches = list(enumerate(_batches(pictures), 1))
        asked = [runner.submit(remove_batch, {**given, "pictures": batch, "number": n}) for n, batch in batches]
        outcomes = [future.result(raise_on_failure=False) for future in asked]
    removed = [_row(each) for outcome in outcomes if isinstance(outcome, list) for each in outcome]
    failures = [f"{type(outcome).__name__}: {outcome}" for outcome in outcomes if not isinstance(outcome, list)]
    if tenant is not None and not failures:
        try:
            sweep_tenant(places, search.places.originals, tenant)
        except (ClientError, NotErasedError) as error:
            failures.append(f"{type(error).__name__}: {error}")
    return TakedownReceipt(pictures=len(pictures), removed=removed, failures=failures)


def _row(removed: Removed) -> dict[str, Any]:
    derivatives, replica = removed.by_bucket
    return {
        "image": removed.image_id,
        "originals": removed.originals,
        "derivatives": derivatives,
        "replica": replica,
        "record": "removed",
        "edge": removed.invalidation,
    }


def _keep(receipt: TakedownReceipt, places: Places, reason: str, tenant: str | None) -> TakedownReceipt:
    ledger, run = places.ledger("takedown"), str(flow_run.id)
    document = {"at": datetime.now(UTC).isoformat(), "run": run, "reason": reason, "tenant": tenant}
    uri = ledger.write(ledger.new_name(run), {**document, **receipt.model_dump(exclude={"uri"})})
    return receipt.model_copy(update={"uri": uri})


def _show(receipt: TakedownReceipt, shown: int, places: Places, tenant: str | None) -> None:
    settings = places.settings
    lines = [
        f"- Receipt: `{receipt.uri}`",
        f"- What browsers keep ends by itself within {settings.delivery.max_age_seconds:,} s.",
        *(f"- Left: {failure}" for failure in receipt.failures),
    ]
    if tenant is not None:
        until = datetime.now(UTC) + timedelta(seconds=settings.uploads.link_seconds)
        lines.append(
            f"- Links that were signed until now take uploads until {until:%Y-%m-%d %H:%M} UTC: run it again then."
        )
    show_story("takedown", receipt.sentence, lines, what="Receipt of a takedown")
    show_rows("takedown-receipt", receipt.removed, "Versions removed.", shown=shown, whole=receipt.uri)


def _batches(pictures: Sequence[Target]) -> Iterator[list[Target]]:
    remaining = iter(pictures)
    while batch := list(islice(remaining, _BATCH)):
        yield batch


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the flow from a command line and return the exit status."""
    return run_from_command_line(takedown, arguments)


if __name__ == "__main__":
    sys.exit(main())
