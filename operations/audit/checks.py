"""The checks of an audit: pure comparisons of listings, and the class that reads the listings."""

from collections import Counter
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from lambdas.core.keys import ImageId, Variant
from operations.audit.faults import LOSSES, AuditResult, Fault, Finding
from operations.inventory import DerivativesBucket, ImageRecord, Inventory, StoredDerivative, StoredOriginal, batches

_IDS_AT_ONCE = 1000
_FINAL_WITHIN = timedelta(hours=1)  # three times what a takedown takes to become final


@dataclass(frozen=True, slots=True)
class Deadlines:
    """UTC times before which things must have happened.

    Objects stored before ``settled`` need an outcome, those before ``replicated`` a replica; takedowns before
    ``final`` are final.
    """

    settled: datetime
    replicated: datetime
    final: datetime

    @classmethod
    def at(cls, now: datetime, *, settled_minutes: int, replica_minutes: int) -> "Deadlines":
        """Return the deadlines of an audit made ``now``."""
        settled, replicated = timedelta(minutes=settled_minutes), timedelta(minutes=replica_minutes)
        return cls(now - settled, now - replicated, now - _FINAL_WITHIN)


def unsettled(original: StoredOriginal, record: ImageRecord | None, deadlines: Deadlines) -> Finding | None:
    """Return what keeps a settled original from its outcome, or from being gone; None if nothing does."""
    key = original.key
    if original.stored_at > deadlines.settled:
        return None
    if record is not None and record.state == "removed":
        left = len(original.etags) + original.deleted
        return Finding(Fault.RETURNED, key.image_id, key.tenant, f"{key}, {left} left") if record.final else None
    if original.deleted or (record is not None and record.state != "expected"):
        return None
    return Finding(Fault.NO_OUTCOME, key.image_id, key.tenant, str(key))


def stalled(record: ImageRecord, deadlines: Deadlines) -> Finding | None:
    """Return a finding if an image is in processing but its claim lapsed before the settled time, or None."""
    lapsed = record.claimed_until is None or record.claimed_until <= deadlines.settled
    if record.state != "processing" or not lapsed:
        return None
    return Finding(Fault.NO_PROGRESS, record.image_id, record.tenant, record.original_key or "")


def misplaced(record: ImageRecord, original: StoredOriginal | None, deadlines: Deadlines) -> Finding | None:
    """Return a finding if a record's version of its original is gone, or about to go because it is not current.

    S3's lifecycle deletes versions that are not current. If the bucket has the same bytes as another version, they are
    kept, or found, once the original is announced; otherwise nothing brings them back.
    """
    key = record.original_key or ""
    if original is None or original.deleted or record.etag not in original.etags.values():
        return Finding(Fault.NO_ORIGINAL, record.image_id, record.tenant, key)
    if record.names_current(original) or original.stored_at > deadlines.settled:
        return None
    return Finding(Fault.OTHER_VERSION, record.image_id, record.tenant, key)


def unfinished(record: ImageRecord, deadlines: Deadlines) -> Finding | None:
    """Return a finding if a takedown should be final by now but is not, or None."""
    if record.final or record.removed_at is None or record.removed_at > deadlines.final:
        return None
    since = f"since {record.removed_at:%Y-%m-%d %H:%M} UTC"
    return Finding(Fault.UNFINISHED, record.image_id, record.tenant, since)


def lacking(image_id: ImageId, tenant: str, stored: Collection[str], expected: Collection[Variant]) -> Finding | None:
    """Return which ``expected`` variants of a ready image are not ``stored``, or None."""
    missing = [str(variant) for variant in expected if str(variant) not in stored]
    return Finding(Fault.NO_DERIVATIVE, image_id, tenant, ", ".join(missing)) if missing else None


def behind(
    image_id: ImageId,
    tenant: str,
    primary: Mapping[str, StoredDerivative],
    replica: Mapping[str, StoredDerivative],
    deadlines: Deadlines,
) -> Finding | None:
    """Return which derivatives the replica is overdue to have, or None."""
    late = {
        variant: derivative.stored_at
        for variant, derivative in primary.items()
        if derivative.stored_at <= deadlines.replicated
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
    deadlines: Deadlines,
) -> Finding | None:
    """Return a finding if settled derivatives belong to no image that is or may become visible, or None."""
    if record is not None and record.state not in ("rejected", "removed"):
        return None
    # Derivatives are written before their record.
    if not stored or max(each.stored_at for each in stored.values()) > deadlines.settled:
        return None
    if record is not None and record.state == "removed":
        found = Finding(Fault.RETURNED, image_id, record.tenant, f"{len(stored)} in the {where}")
        return found if record.final else None
    tenant, why = (record.tenant, "rejected") if record else ("", "no record")
    return Finding(Fault.NO_IMAGE, image_id, tenant, f"{why}, {len(stored)} in the {where}")


@dataclass(frozen=True, slots=True)
class Audit:
    """Reads and compares; changes nothing.

    ``expected`` are the variants of every ready image; ``reads_at_once`` limits the concurrent requests to S3.
    """

    inventory: Inventory
    expected: tuple[Variant, ...]
    deadlines: Deadlines
    reads_at_once: int

    def day(self, tenant: str, day: date) -> AuditResult:
        """Audit the pictures of ``tenant`` that were uploaded on ``day`` (UTC).

        Raises:
            ClientError: a listing cannot be read; a retry may help.
        """
        originals = {original.key.image_id: original for original in self.inventory.originals(tenant, day)}
        records = self.inventory.find(originals)
        arrived = list(self.inventory.records(tenant, day))
        bound = [record for record in arrived if record.state in ("ready", "held", "rejected")]
        findings: list[Finding | None] = [
            *(unsettled(original, records.get(image_id), self.deadlines) for image_id, original in originals.items()),
            *(stalled(record, self.deadlines) for record in arrived),
        ]
        with ThreadPoolExecutor(self.reads_at_once) as threads:
            findings += threads.map(lambda record: self._original(record, originals), bound)
            ready = [record for record in arrived if record.ready]
            for found in threads.map(lambda record: self._derivatives(record.image_id, tenant), ready):
                findings += found
        stored = sum(not original.deleted for original in originals.values())
        losses = Counter(
            loss for record in ready for (name, value), loss in LOSSES.items() if record.metadata.get(name) == value
        )
        return AuditResult(stored, len(arrived), tuple(filter(None, findings)), losses)

    def strays(self) -> AuditResult:
        """Search both buckets for derivatives of images that have no record, were rejected or removed.

        Also search the whole table for takedowns that are not final.

        Raises:
            ClientError: a listing cannot be read; a retry may help.
        """
        tombstones = self.inventory.unfinished(self.reads_at_once)
        findings = list(filter(None, (unfinished(record, self.deadlines) for record in tombstones)))
        with ThreadPoolExecutor(self.reads_at_once) as threads:
            for where, bucket in (("primary", self.inventory.primary), ("replica", self.inventory.replica)):
                for image_ids in batches(bucket.image_ids(), _IDS_AT_ONCE):
                    records = self.inventory.find(image_ids)
                    suspects = [each for each in image_ids if each not in records or not records[each].ready]
                    findings += filter(
                        None,
                        threads.map(
                            lambda image_id, where=where, bucket=bucket, records=records: self._stray(
                                image_id, records.get(image_id), where, bucket
                            ),
                            suspects,
                        ),
                    )
        return AuditResult(0, 0, tuple(findings))

    def _original(self, record: ImageRecord, listed: Mapping[ImageId, StoredOriginal]) -> Finding | None:
        # The day in a key is that of the upload request, which around midnight differs from that of the arrival.
        original = listed.get(record.image_id)
        if original is None and record.original_key is not None:
            original = self.inventory.original(record.original_key)
        return misplaced(record, original, self.deadlines)

    def _derivatives(self, image_id: ImageId, tenant: str) -> list[Finding]:
        primary = self.inventory.primary.of_image(image_id)
        replica = self.inventory.replica.of_image(image_id)
        found = (
            lacking(image_id, tenant, primary, self.expected),
            behind(image_id, tenant, primary, replica, self.deadlines),
        )
        return [finding for finding in found if finding]

    def _stray(
        self, image_id: ImageId, record: ImageRecord | None, where: str, bucket: DerivativesBucket
    ) -> Finding | None:
        return orphaned(image_id, record, bucket.of_image(image_id), where, self.deadlines)
