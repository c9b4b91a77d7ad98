"""The checks of an audit: pure comparisons of listings, and the class that reads the listings."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from lambdas.core.keys import ImageId, Variant
from operations.audit.faults import AuditResult, Fault, Finding
from operations.inventory import DerivativesBucket, ImageRecord, Inventory, StoredDerivative, StoredOriginal, batches

_IDS_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Objects stored before ``settled`` need an outcome, those before ``replicated`` a replica; UTC."""

    settled: datetime
    replicated: datetime

    @classmethod
    def at(cls, now: datetime, *, settled_minutes: int, replica_minutes: int) -> "Deadlines":
        """Return the deadlines of an audit made ``now``."""
        return cls(now - timedelta(minutes=settled_minutes), now - timedelta(minutes=replica_minutes))


def without_outcome(
    originals: Iterable[StoredOriginal], records: Mapping[ImageId, ImageRecord], deadlines: Deadlines
) -> Iterator[Finding]:
    """Yield the settled originals that have no record."""
    for original in originals:
        if original.key.image_id not in records and original.stored_at <= deadlines.settled:
            yield Finding(Fault.NO_OUTCOME, original.key.image_id, original.key.tenant, str(original.key))


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
    """Return a finding if settled derivatives belong to no ready image, or None."""
    if record is not None and record.ready:
        return None
    # Derivatives are written before their record.
    if not stored or max(each.stored_at for each in stored.values()) > deadlines.settled:
        return None
    tenant = record.original_key.partition("/")[0] if record else ""
    why = "rejected" if record else "no record"
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
        originals = list(self.inventory.originals(tenant, day))
        records = self.inventory.find(original.key.image_id for original in originals)
        arrived = list(self.inventory.records(tenant, day))
        keys = {str(original.key) for original in originals}
        findings = list(without_outcome(originals, records, self.deadlines))
        with ThreadPoolExecutor(self.reads_at_once) as threads:
            findings += filter(None, threads.map(lambda record: self._original(record, tenant, keys), arrived))
            ready = [record for record in arrived if record.ready]
            for found in threads.map(lambda record: self._derivatives(record.image_id, tenant), ready):
                findings += found
        return AuditResult(len(originals), len(arrived), tuple(findings))

    def strays(self) -> AuditResult:
        """Search both buckets for derivatives of images that have no record or were rejected.

        Raises:
            ClientError: a listing cannot be read; a retry may help.
        """
        findings: list[Finding] = []
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

    def _original(self, record: ImageRecord, tenant: str, keys: set[str]) -> Finding | None:
        # The day in a key is that of the upload request, which around midnight differs from that of the arrival.
        if record.original_key in keys or self.inventory.has_original(record.original_key):
            return None
        return Finding(Fault.NO_ORIGINAL, record.image_id, tenant, record.original_key)

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
