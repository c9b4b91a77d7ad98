"""What an audit can find, how it is counted, and what repairs it."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from lambdas.core.keys import ImageId


class Fault(StrEnum):
    """A way in which originals, records, derivatives and replica disagree."""

    NO_OUTCOME = "original without outcome"
    NO_PROGRESS = "claim without progress"
    NO_ORIGINAL = "record without original"
    OTHER_VERSION = "recorded version not current"
    NO_DERIVATIVE = "ready without derivative"
    NOT_REPLICATED = "replica behind"
    NO_IMAGE = "derivative without image"
    RETURNED = "removed but there again"
    UNFINISHED = "takedown not final"


MEANINGS: dict[Fault, str] = {
    Fault.NO_OUTCOME: "an upload that arrived and whose processing has not begun",
    Fault.NO_PROGRESS: "an image in processing, by an execution whose claim has lapsed",
    Fault.NO_ORIGINAL: "a record whose original is no longer in its bucket",
    Fault.OTHER_VERSION: "an original whose recorded version has expired, or will, because a later one replaced it",
    Fault.NO_DERIVATIVE: "a ready image without one of the variants that the pipeline makes ahead",
    Fault.NOT_REPLICATED: "a derivative that the replica lacks or has with other bytes, for longer than usual",
    Fault.NO_IMAGE: "derivatives of an image that has no record, or was rejected",
    Fault.RETURNED: "objects of an image whose takedown is final",
    Fault.UNFINISHED: "a takedown that should be final by now",
}

# What derivatives do not keep of an original: field of its metadata, value → how the audit calls it. No fault.
LOSSES: dict[tuple[str, str], str] = {
    ("animation", "first_frame"): "motion dropped",
    ("hdr", "dropped"): "HDR dropped",
    ("gamut", "reduced"): "gamut reduced",
}

# Validate claims what is not begun or given up; of two versions it keeps the recorded one, or points the row at the
# one that is left. The detail of these findings is the original's key.
_ANNOUNCED = (Fault.NO_OUTCOME, Fault.NO_PROGRESS, Fault.OTHER_VERSION)


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
    losses: Mapping[str, int] = field(default_factory=dict)
    """Number of ready images by what their derivatives do not keep."""

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
        return sorted({finding.detail for finding in self.findings if finding.fault in _ANNOUNCED})

    @property
    def rewritten(self) -> dict[str, list[ImageId]]:
        """Images by tenant that a backfill repairs by drawing all derivatives again, because S3 replicates writes."""
        return _by_tenant(finding for finding in self.findings if finding.fault is Fault.NOT_REPLICATED)

    @property
    def taken_down(self) -> list[ImageId]:
        """Images without a record, and removed ones with something left, which only a takedown removes completely."""
        return sorted(
            {
                finding.image_id
                for finding in self.findings
                if finding.fault in (Fault.RETURNED, Fault.UNFINISHED)
                or (finding.fault is Fault.NO_IMAGE and not finding.tenant)
            }
        )


def merge(parts: Sequence[AuditResult]) -> AuditResult:
    """Return the audits of several tenants or days as one."""
    return AuditResult(
        sum(part.originals for part in parts),
        sum(part.records for part in parts),
        tuple(finding for part in parts for finding in part.findings),
        {loss: sum(part.losses.get(loss, 0) for part in parts) for loss in LOSSES.values()},
    )


def _by_tenant(findings: Iterable[Finding]) -> dict[str, list[ImageId]]:
    found: dict[str, set[ImageId]] = {}
    for finding in findings:
        found.setdefault(finding.tenant, set()).add(finding.image_id)
    return {tenant: sorted(image_ids) for tenant, image_ids in sorted(found.items())}
