"""Was the period fine? Its key figures, judged by the thresholds of the settings."""

from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from flows.reporting.periods import Period
from lambdas.core.settings import Analytics

COUNTS = ("requests", "hits", "misses", "client_errors", "server_errors", "bytes")


@dataclass(frozen=True, slots=True)
class Figures:
    """What the edge served in a period: numbers of responses, and bytes sent to viewers."""

    requests: int
    hits: int
    misses: int
    client_errors: int
    server_errors: int
    bytes: int

    @classmethod
    def total(cls, by_format: pd.DataFrame) -> "Figures":
        """Add up the rows of the query ``hit_ratio_by_format``."""
        return cls(**{count: int(by_format[count].sum()) for count in COUNTS})

    @property
    def hit_ratio(self) -> float | None:
        """Share of hits among the pictures served, 0 to 1; None if none was served."""
        pictures = self.hits + self.misses
        return self.hits / pictures if pictures else None

    def as_dict(self) -> dict[str, Any]:
        """Return the counts and the hit ratio by name."""
        return asdict(self) | {"hit_ratio": self.hit_ratio}


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the period was fine, None if the logs do not say, and a sentence with the reason."""

    fine: bool | None
    sentence: str


def judge(figures: Figures | None, period: Period, expected: Analytics, tenant: str | None = None) -> Verdict:
    """Judge a period.

    Args:
        figures: of the period, or None if the query for them failed.
        period: the days.
        expected: the thresholds.
        tenant: the figures are about its pictures; None for all.
    """
    days, was = period.label, _was(period)
    of_tenant = f" for {tenant}" if tenant else ""
    if figures is None:
        return Verdict(None, f"Whether {days} {was} fine{of_tenant} is not known: its query failed.")
    if figures.requests == 0:
        return Verdict(
            None, f"Nothing {f'of {tenant} ' if tenant else ''}was requested on {days}: the log has no request."
        )
    served = f"{figures.requests:,} request{'' if figures.requests == 1 else 's'}"
    errors = figures.server_errors / figures.requests
    judged = figures.hits + figures.misses >= expected.judged_requests
    poor_hits = judged and figures.hit_ratio is not None and figures.hit_ratio < expected.expected_hit_ratio
    poor_errors = errors > expected.tolerated_server_errors
    findings = [_error_finding(figures, errors), _hit_finding(figures, expected, judged=judged, poor=poor_hits)]
    if not poor_errors:
        findings.reverse()
    fine = not (poor_errors or poor_hits)
    judgement = f"{was}{'' if fine else ' not'} fine{of_tenant}{' so far' if period.ongoing else ''}"
    return Verdict(fine, f"{days} {judgement}: {served}; {'; '.join(findings)}.")


def _was(period: Period) -> str:
    one = period.first_day == period.last_day
    if period.ongoing:
        return "has been" if one else "have been"
    return "was" if one else "were"


def _error_finding(figures: Figures, share: float) -> str:
    if not figures.server_errors:
        return "no server errors"
    plural = "" if figures.server_errors == 1 else "s"
    return f"{figures.server_errors:,} server error{plural} ({share:.2%} of all)"


def _hit_finding(figures: Figures, expected: Analytics, *, judged: bool, poor: bool) -> str:
    if figures.hit_ratio is None:
        return "no picture among them"
    ratio = f"{figures.hit_ratio:.1%} of pictures from the cache"
    if poor:
        return f"{ratio}, where {expected.expected_hit_ratio:.0%} is expected"
    return ratio if judged else f"{ratio} (too few to judge)"
