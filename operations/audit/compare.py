"""Lists compared with lists: the audit's judgements, without AWS."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from lambdas.core.keys import ImageId, Variant
from operations.audit.faults import Fault, Finding
from operations.inventory import ImageRecord, OriginalRecord, StoredDerivative


@dataclass(frozen=True, slots=True)
class Patience:
    """Since when things should be as they are to be: what is younger is still on its way."""

    settled: datetime
    replicated: datetime

    @classmethod
    def at(cls, now: datetime, *, settled_minutes: int, replica_minutes: int) -> "Patience":
        """Return the patience of an audit that is made ``now``."""
        return cls(now - timedelta(minutes=settled_minutes), now - timedelta(minutes=replica_minutes))


def without_outcome(
    originals: Iterable[OriginalRecord], records: Mapping[ImageId, ImageRecord], patience: Patience
) -> Iterator[Finding]:
    """Find the originals that should have a record and have none."""
    for original in originals:
        if original.key.image_id not in records and original.stored_at <= patience.settled:
            yield Finding(Fault.NO_OUTCOME, original.key.image_id, original.key.tenant, str(original.key))


def lacking(image_id: ImageId, tenant: str, stored: Collection[str], expected: Collection[Variant]) -> Finding | None:
    """Tell which of the ``expected`` variants of a ready image are not ``stored``; None if all are."""
    missing = [str(variant) for variant in expected if str(variant) not in stored]
    return Finding(Fault.NO_DERIVATIVE, image_id, tenant, ", ".join(missing)) if missing else None


def behind(
    image_id: ImageId,
    tenant: str,
    primary: Mapping[str, StoredDerivative],
    replica: Mapping[str, StoredDerivative],
    patience: Patience,
) -> Finding | None:
    """Tell which derivatives the replica should have had by now; None if it has them all."""
    late = {
        variant: derivative.stored_at
        for variant, derivative in primary.items()
        if derivative.stored_at <= patience.replicated
        and (variant not in replica or replica[variant].etag != derivative.etag)
    }
    if not late:
        return None
    since = f"{', '.join(sorted(late))}, the oldest of {min(late.values()):%Y-%m-%d %H:%M} UTC"
    return Finding(Fault.NOT_REPLICATED, image_id, tenant, since)


def orphaned(
    image_id: ImageId,
    record: ImageRecord | None,
    stored: Mapping[str, StoredDerivative],
    where: str,
    patience: Patience,
) -> Finding | None:
    """Tell that derivatives belong to no ready image; None if one does, or may soon."""
    if record is not None and record.ready:
        return None
    # Derivatives come before their record.
    if not stored or max(each.stored_at for each in stored.values()) > patience.settled:
        return None
    tenant = record.original_key.partition("/")[0] if record else ""
    why = "rejected" if record else "no record"
    return Finding(Fault.NO_IMAGE, image_id, tenant, f"{why}, {len(stored)} in the {where}")
