"""An audit of one tenant's day, and of the derivatives that belong to nobody."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from itertools import islice

from lambdas.core.keys import ImageId, Variant
from operations.audit.compare import Patience, behind, lacking, orphaned, without_outcome
from operations.audit.faults import AuditResult, Fault, Finding
from operations.inventory import DerivativesBucket, ImageRecord, Inventory

_IDS_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Audit:
    """Looks at what there is; changes nothing.

    ``expected`` are the variants of every ready image; ``reads_at_once`` bounds the requests to S3 that are open.
    """

    inventory: Inventory
    expected: tuple[Variant, ...]
    patience: Patience
    reads_at_once: int

    def day(self, tenant: str, day: date) -> AuditResult:
        """Audit the pictures of ``tenant`` that were uploaded on ``day`` (UTC).

        Raises:
            ClientError: a place cannot be read; a retry may help.
        """
        originals = list(self.inventory.originals(tenant, day))
        records = self.inventory.find(original.key.image_id for original in originals)
        arrived = list(self.inventory.records(tenant, day))
        keys = {str(original.key) for original in originals}
        findings = list(without_outcome(originals, records, self.patience))
        with ThreadPoolExecutor(self.reads_at_once) as threads:
            findings += filter(None, threads.map(lambda record: self._original(record, tenant, keys), arrived))
            ready = [record for record in arrived if record.ready]
            for found in threads.map(lambda record: self._derivatives(record.image_id, tenant), ready):
                findings += found
        return AuditResult(len(originals), len(arrived), tuple(findings))

    def strays(self) -> AuditResult:
        """Look through both buckets for derivatives of images that are not, or were rejected.

        Raises:
            ClientError: a place cannot be read; a retry may help.
        """
        findings: list[Finding] = []
        with ThreadPoolExecutor(self.reads_at_once) as threads:
            for where, bucket in (("primary", self.inventory.primary), ("replica", self.inventory.replica)):
                for image_ids in _batches(bucket.image_ids()):
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
        # A key's day is that of the request: around midnight it is not the day of the arrival.
        if record.original_key in keys or self.inventory.has_original(record.original_key):
            return None
        return Finding(Fault.NO_ORIGINAL, record.image_id, tenant, record.original_key)

    def _derivatives(self, image_id: ImageId, tenant: str) -> list[Finding]:
        primary = self.inventory.primary.of_image(image_id)
        replica = self.inventory.replica.of_image(image_id)
        found = (
            lacking(image_id, tenant, primary, self.expected),
            behind(image_id, tenant, primary, replica, self.patience),
        )
        return [finding for finding in found if finding]

    def _stray(
        self, image_id: ImageId, record: ImageRecord | None, where: str, bucket: DerivativesBucket
    ) -> Finding | None:
        return orphaned(image_id, record, bucket.of_image(image_id), where, self.patience)


def _batches(image_ids: Iterable[ImageId]) -> Iterator[list[ImageId]]:
    remaining = iter(image_ids)
    while batch := list(islice(remaining, _IDS_AT_ONCE)):
        yield batch
