"""Takedown: remove images permanently from every place that stores them, with a receipt; some, or all of a tenant.

Run it from its deployment, or by hand: ``python -m flows.takedown --images ID --no-dry-run``. It can be repeated: after
an interruption to finish, and later to see that the takedown is final, which it becomes by itself.
"""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError
from prefect import flow, task
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed, Failed
from prefect.task_runners import ThreadPoolTaskRunner
from pydantic import BaseModel, ConfigDict

from flows.runtime.approval import approval_state, approve_in_ui
from flows.runtime.artifacts import show_summary, show_table
from flows.runtime.command_line import run_from_command_line
from flows.runtime.policies import READING, REMOVING
from flows.runtime.role import take_role
from lambdas.core.life import FINAL_SECONDS
from lambdas.core.settings import DEFAULT_STAGE, SettingsError, load_settings
from lambdas.core.takedown import ImageResources, NotErasedError, Removed, Target, VersionedObjects
from operations.approval import NotApprovedError
from operations.discovery import NotDeployedError, UnknownTenantError, chosen_tenants
from operations.inventory import batches
from operations.resources import Resources
from operations.takedown import Search, WrongPicturesError, abort_uploads

_BATCH = 50  # pictures per task and per invalidation
_BATCHES_AT_ONCE = 8


class TakedownReceipt(BaseModel):
    """What was removed.

    ``removed`` has a row per picture with the number of deleted versions, since when it is removed, and when that
    became final; ``failures`` what is left and why, ``uri`` the receipt in the reports bucket.
    """

    model_config = ConfigDict(frozen=True)

    pictures: int
    removed: list[dict[str, Any]] = []
    failures: list[str] = []
    uri: str = ""

    @property
    def final(self) -> int:
        """How many pictures are removed for good: erased once more after everything that might have written them."""
        return sum(row["final_at"] is not None for row in self.removed)

    @property
    def sentence(self) -> str:
        """The receipt in a sentence."""
        sums = {place: sum(row[place] for row in self.removed) for place in ("originals", "derivatives", "replica")}
        return (
            f"{len(self.removed):,} of {_count(self.pictures)} removed: {sums['originals']:,} versions of originals,"
            f" {sums['derivatives']:,} of derivatives and {sums['replica']:,} of their replicas; {self.final:,} final"
        )


def _run_name() -> str:
    parameters = flow_run.parameters
    subject = parameters.get("tenant") or "images"
    return f"{'plan to ' if parameters.get('dry_run') else ''}take down {subject}"


@task(**READING)
def find_pictures(search: Search, images: Sequence[str], tenant: str | None) -> list[Target]:
    """Find the pictures to remove: the ``images``, or all of ``tenant``."""
    return search.named(images, tenant) if images else search.of_tenant(tenant or "")


@task(task_run_name="remove {number}", **REMOVING)
def remove_batch(image_resources: ImageResources, pictures: list[Target], number: int) -> list[Removed]:
    """Remove some pictures from every place; a retry continues where it stopped."""
    return image_resources.remove(pictures)


@task(**REMOVING)
def sweep_tenant(resources: Resources, originals: VersionedObjects, tenant: str) -> None:
    """Abort a tenant's uploads, and erase what is left in its folder."""
    abort_uploads(resources.client("s3"), resources.originals, tenant)
    originals.erase_folder(f"{tenant}/")


@flow(name="takedown", flow_run_name=_run_name, validate_parameters=True, on_running=[take_role])
def takedown(
    images: list[str] | None = None,
    tenant: str | None = None,
    reason: str = "",
    dry_run: bool = True,
    ask_above: int | None = None,
    stage: str = DEFAULT_STAGE,
) -> State[TakedownReceipt]:
    """Remove images permanently, in any state: originals with all versions, derivatives in both regions, caches.

    What remains is a record of the removal, so that neither a link signed earlier nor a message processed later brings
    an image back. Some 20 minutes later everything is erased once more, and the takedown is final: run it again to see.

    Args:
        images: Ids of the images; all of the tenant if left out.
        tenant: Tenant of the images; required without images, otherwise images of other tenants are refused.
        reason: Kept in the receipt.
        dry_run: Only list what would be removed.
        ask_above: Removing more images than this requires approval; from the settings if left out.
        stage: Stage to work on, such as dev, staging or production.

    Neither images nor a tenant, malformed ids, ids that nothing is known of, images of another tenant and an unknown
    tenant without anything stored end as Failed, a rejected approval as Rejected; all before anything is removed.
    """
    try:
        settings = load_settings(stage=stage)
        resources = Resources.find(settings)
        if not images and tenant is None:
            raise WrongPicturesError("expected images, or a tenant, but received neither")
        search = Search(resources.inventory(), resources.image_resources(), settings.operations.reads_at_once)
        pictures = find_pictures(search, images or [], tenant)
        if tenant is not None and not pictures:
            chosen_tenants(settings, tenant)
    except (SettingsError, NotDeployedError, UnknownTenantError, WrongPicturesError) as error:
        return Failed(message=str(error))
    shown, limit = settings.operations.shown_rows, settings.operations.ask_above if ask_above is None else ask_above
    plan = [{"image": each.image_id, "original": each.original_key or "unknown"} for each in pictures]
    show_table("takedown-plan", plan, "Images to remove.", shown=shown)
    subject = f"{_count(len(pictures))}{f' of tenant {tenant}' if tenant else ''}"
    if dry_run:
        show_summary("takedown", f"Dry run: {subject} would be removed.", description="What a takedown would do")
        return Completed(message=f"dry run: {subject} would be removed", data=TakedownReceipt(pictures=len(pictures)))
    if len(pictures) > limit:
        try:
            approve_in_ui(settings)(_warning(subject, pictures))
        except NotApprovedError as error:
            return approval_state(error)
    receipt = _remove(resources, search, pictures, tenant if not images else None)
    receipt = _keep(receipt, resources, reason, tenant)
    _show(receipt, shown, resources)
    if receipt.failures:
        return Failed(message=f"{receipt.sentence}; run it again: {receipt.failures[0]}", data=receipt)
    return Completed(message=receipt.sentence, data=receipt)


def _count(pictures: int) -> str:
    return f"{pictures:,} picture{'' if pictures == 1 else 's'}"


def _warning(subject: str, pictures: Sequence[Target]) -> str:
    first = "\n".join(f"- `{each.image_id}`" for each in pictures[:10])
    more = f"\n- … and {len(pictures) - 10:,} more" if len(pictures) > 10 else ""
    return (
        f"**{subject} will be removed permanently**: every version of originals, derivatives in both regions, metadata,"
        f" and the edge's copies. There is no backup.\n\n{first}{more}"
    )


def _remove(resources: Resources, search: Search, pictures: list[Target], tenant: str | None) -> TakedownReceipt:
    threads: ThreadPoolTaskRunner[Any] = ThreadPoolTaskRunner(_BATCHES_AT_ONCE)
    with threads as runner:
        given = {"image_resources": search.image_resources}
        numbered = enumerate(batches(pictures, _BATCH), 1)
        submitted = [runner.submit(remove_batch, {**given, "pictures": batch, "number": n}) for n, batch in numbered]
        outcomes = [future.result(raise_on_failure=False) for future in submitted]
    removed = [_row(each) for outcome in outcomes if isinstance(outcome, list) for each in outcome]
    failures = [f"{type(outcome).__name__}: {outcome}" for outcome in outcomes if not isinstance(outcome, list)]
    if tenant is not None and not failures:
        try:
            sweep_tenant(resources, search.image_resources.originals, tenant)
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
        "edge": removed.invalidation,
        "removed_at": removed.removed_at,
        "final_at": removed.final_at,
    }


def _keep(receipt: TakedownReceipt, resources: Resources, reason: str, tenant: str | None) -> TakedownReceipt:
    ledger, run = resources.ledger("takedown"), str(flow_run.id)
    document = {"at": datetime.now(UTC).isoformat(), "run": run, "reason": reason, "tenant": tenant}
    uri = ledger.write(ledger.new_name(run), {**document, **receipt.model_dump(exclude={"uri"})})
    return receipt.model_copy(update={"uri": uri})


def _show(receipt: TakedownReceipt, shown: int, resources: Resources) -> None:
    lines = [
        f"- Receipt: `{receipt.uri}`",
        f"- Copies in browsers expire within {resources.settings.delivery.max_age_seconds:,} s.",
        *(f"- Left: {failure}" for failure in receipt.failures),
    ]
    if waiting := len(receipt.removed) - receipt.final:
        lines.append(
            f"- {_count(waiting)} will be erased once more {FINAL_SECONDS // 60} minutes after the removal, which then"
            " is final. That happens by itself; run it again to see it."
        )
    if uncalled := sum(row["edge"] is None for row in receipt.removed):
        lines.append(
            f"- {_count(uncalled)} without an invalidation: there is no distribution, or CloudFront takes no more"
            " at the moment. Then it follows by itself, before the takedown is final."
        )
    show_summary("takedown", receipt.sentence, lines, description="Receipt of a takedown")
    show_table("takedown-receipt", receipt.removed, "Versions removed.", shown=shown, complete=receipt.uri)


if __name__ == "__main__":
    sys.exit(run_from_command_line(takedown))
