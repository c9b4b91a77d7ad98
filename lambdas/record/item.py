"""The images table's item, made of what the steps found; no AWS."""

from datetime import datetime
from typing import Any, Literal

from lambdas.core.keys import Variant
from lambdas.core.messages import RecordRequest, Rejection


def rejection_of(request: RecordRequest) -> Rejection | None:
    """Return why the image is rejected, by whichever step; None if it is ready."""
    found = (request.rejection, *(derived.rejection for derived in request.derivations))
    return next((rejection for rejection in found if rejection is not None), None)


def made_variants(request: RecordRequest) -> tuple[Variant, ...]:
    """Return the variants that stand in the derivatives bucket, whatever the outcome."""
    return tuple(made.variant for derived in request.derivations for made in derived.derivatives)


def image_item(request: RecordRequest, recorded_at: datetime) -> dict[str, Any]:
    """Return the item, of JSON types, that says how an upload ended.

    ``timings`` are seconds by step; ``derive`` is the longest group's, ``derive_all_groups`` their sum.
    """
    image, rejection = request.image, rejection_of(request)
    outcome: Literal["ready", "rejected"] = "ready" if rejection is None else "rejected"
    item: dict[str, Any] = {
        "image_id": image.image_id,
        "tenant": image.tenant,
        "uploaded_at": _instant(image.uploaded_at),
        "recorded_at": _instant(recorded_at),
        "outcome": outcome,
        "original": image.model_dump(mode="json", include={"bucket", "key", "version_id", "etag", "bytes", "format"}),
        "timings": _timings(request),
    }
    if rejection is not None:
        return {**item, "rejection": rejection.to_json()}
    derivatives = {
        str(made.variant): made.model_dump(mode="json", exclude={"variant"}, exclude_none=True)
        for derived in request.derivations
        for made in derived.derivatives
    }
    metadata = request.metadata.to_json() if request.metadata else {}
    return {**item, "metadata": metadata, "derivatives": derivatives}


def _timings(request: RecordRequest) -> dict[str, float]:
    groups = [derived.seconds for derived in request.derivations]
    drawn = {"derive": max(groups), "derive_all_groups": round(sum(groups), 4)} if groups else {}
    return {**request.timings, **drawn}


def _instant(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
