"""What an audit can find, how it is counted, and what repairs it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from lambdas.core.keys import ImageId


class Fault(StrEnum):
    """A way in which originals, records, derivatives and replica disagree."""

    NO_OUTCOME = "original without outcome"
    NO_ORIGINAL = "record without original"
    NO_DERIVATIVE = "ready without derivative"
    NOT_REPLICATED = "replica behind"
    NO_IMAGE = "derivative without image"


MEANINGS: dict[Fault, str] = {
    Fault.NO_OUTCOME: "an upload that arrived and has no record in the images table",
    Fault.NO_ORIGINAL: "a record whose original is no longer in its bucket",
    Fault.NO_DERIVATIVE: "a ready image without one of the variants that the pipeline makes ahead",
    Fault.NOT_REPLICATED: "a derivative that the replica lacks or has with other bytes, for longer than usual",
    Fault.NO_IMAGE: "derivatives of an image that is not recorded as ready",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault of one image."""

    fault: Fault
    image_id: ImageId
    tenant: str
    """Empty if unknown."""
    detail: str

    def as_row(self) -> dict[str, Any]:
        """Return it as a row of a table."""
        return {**asdict(self), "fault": self.fault.value}


@dataclass(frozen=True, slots=True)
class AuditResult:
    """How much an audit checked, and what it found."""

    originals: int
    records: int
    findings: tuple[Finding, ...]

    @property
    def counts(self) -> dict[Fault, int]:
        """Number of images with each fault."""
        # A stray derivative is found once in each region that has it.
        counted = Counter(fault for fault, _ in {(finding.fault, finding.image_id) for finding in self.findings})
        return {fault: counted[fault] for fault in Fault}

    @property
    def sentence(self) -> str:
        """The audit in a sentence."""
        checked = f"{self.originals:,} originals and {self.records:,} records"
        if not self.findings:
            return f"{checked}: no fault"
        found = "; ".join(f"{count:,} × {fault}" for fault, count in self.counts.items() if count)
        return f"{checked}: {found}"

    @property
    def redrawn(self) -> dict[str, list[ImageId]]:
        """Images by tenant that a backfill repairs by drawing the missing derivatives."""
        return _by_tenant(finding for finding in self.findings if finding.fault is Fault.NO_DERIVATIVE)

    @property
    def announced(self) -> list[str]:
        """Keys of originals that have to be announced to their lane again."""
        return sorted(finding.detail for finding in self.findings if finding.fault is Fault.NO_OUTCOME)

    @property
    def rewritten(self) -> dict[str, list[ImageId]]:
        """Images by tenant that a backfill repairs by drawing all derivatives again, because S3 replicates writes."""
        return _by_tenant(finding for finding in self.findings if finding.fault is Fault.NOT_REPLICATED)

    @property
    def taken_down(self) -> list[ImageId]:
        """Images without a record, which only a takedown removes completely."""
        return sorted(
            {finding.image_id for finding in self.findings if finding.fault is Fault.NO_IMAGE and not finding.tenant}
        )


def merge(parts: Sequence[AuditResult]) -> AuditResult:
    """Return the audits of several tenants or days as one."""
    return AuditResult(
        sum(part.originals for part in parts),
        sum(part.records for part in parts),
        tuple(finding for part in parts for finding in part.findings),
    )


def _by_tenant(findings: Iterable[Finding]) -> dict[str, list[ImageId]]:
    found: dict[str, set[ImageId]] = {}
    for finding in findings:
        found.setdefault(finding.tenant, set()).add(finding.image_id)
    return {tenant: sorted(image_ids) for tenant, image_ids in sorted(found.items())}
