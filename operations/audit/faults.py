"""What an audit can find, how it is counted, and what mends it."""

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
    Fault.NO_OUTCOME: "an upload that arrived and of which the images table says nothing",
    Fault.NO_ORIGINAL: "a record whose original is not in its bucket any more",
    Fault.NO_DERIVATIVE: "a ready image that lacks a variant that the settings make ahead",
    Fault.NOT_REPLICATED: "a derivative that the replica lacks, or has with other bytes, for longer than is usual",
    Fault.NO_IMAGE: "derivatives of an image that no record calls ready",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault of one image."""

    fault: Fault
    image_id: ImageId
    tenant: str
    """Empty where nothing says whose it is."""
    detail: str

    def as_row(self) -> dict[str, Any]:
        """Return it as a row of a table."""
        return {**asdict(self), "fault": self.fault.value}


@dataclass(frozen=True, slots=True)
class AuditResult:
    """What an audit looked at, and what it found."""

    originals: int
    records: int
    findings: tuple[Finding, ...]

    @property
    def counts(self) -> dict[Fault, int]:
        """How many images have each fault."""
        # A stray is found in each region that has it.
        counted = Counter(fault for fault, _ in {(finding.fault, finding.image_id) for finding in self.findings})
        return {fault: counted[fault] for fault in Fault}

    @property
    def sentence(self) -> str:
        """The audit in a sentence."""
        looked = f"{self.originals:,} originals and {self.records:,} records"
        if not self.findings:
            return f"{looked}: no fault"
        found = "; ".join(f"{count:,} × {fault}" for fault, count in self.counts.items() if count)
        return f"{looked}: {found}"

    @property
    def drawn(self) -> dict[str, list[ImageId]]:
        """The images that a backfill mends, by tenant: it draws from the original what the bucket lacks."""
        return _by_tenant(finding for finding in self.findings if finding.fault is Fault.NO_DERIVATIVE)

    @property
    def announced(self) -> list[str]:
        """The keys of originals that their lane has to be told of again."""
        return sorted(finding.detail for finding in self.findings if finding.fault is Fault.NO_OUTCOME)

    @property
    def replicated_anew(self) -> dict[str, list[ImageId]]:
        """The images that a backfill mends by drawing them anew, by tenant: S3 replicates what is written."""
        return _by_tenant(finding for finding in self.findings if finding.fault is Fault.NOT_REPLICATED)

    @property
    def taken_down(self) -> list[ImageId]:
        """The images of which no record tells: only a takedown leaves nothing of them."""
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
