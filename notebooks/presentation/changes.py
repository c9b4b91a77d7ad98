"""What changed against the period before."""

import pandas as pd

from flows.reporting.findings import Findings
from flows.reporting.periods import Period
from flows.reporting.verdict import Figures
from notebooks.presentation import write_bytes, write_change, write_count, write_ms, write_points, write_share


def name_before(period: Period) -> str:
    """Name the days that ``period`` is compared with."""
    return "the day before" if period.days == 1 else f"the {period.days} days before"


def saved_share(savings: pd.DataFrame | None) -> float | None:
    """Return how much less was sent than the originals would have been, 0 to 1; None where it is not known."""
    originals = 0 if savings is None else int(savings.original_bytes.sum())
    return 1 - int(savings.bytes.sum()) / originals if savings is not None and originals else None


def wait_ms(latency: pd.DataFrame | None, result: str, percentile: str) -> float | None:
    """Return a percentile of how long viewers waited for what came as ``result``, in milliseconds."""
    found = None if latency is None else latency[latency.result_type == result]
    return None if found is None or found.empty else float(found[percentile].iloc[0])


def compare(findings: Findings, now: Figures, before: Figures) -> pd.DataFrame:
    """Return a line for each figure, written: ``Figure``, ``Now``, ``Before``, ``Change``."""
    earlier = findings.before
    ratios = (now.hit_ratio, before.hit_ratio)
    saved = (saved_share(findings.now["savings_by_tenant"]), saved_share(earlier["savings_by_tenant"]))
    hits = (wait_ms(findings.now["latency"], "Hit", "p50_ms"), wait_ms(earlier["latency"], "Hit", "p50_ms"))
    misses = (wait_ms(findings.now["latency"], "Miss", "p99_ms"), wait_ms(earlier["latency"], "Miss", "p99_ms"))
    lines = [
        ("Requests", now.requests, before.requests, write_count, write_change),
        ("Pictures from the cache", *ratios, write_share, write_points),
        ("Sent to viewers", now.bytes, before.bytes, write_bytes, write_change),
        ("Saved against originals", *saved, write_share, write_points),
        ("Client errors (4xx)", now.client_errors, before.client_errors, write_count, write_change),
        ("Server errors (5xx)", now.server_errors, before.server_errors, write_count, write_change),
        ("Wait for a hit, half of them", *hits, write_ms, write_change),
        ("Wait for a miss, 99 of 100", *misses, write_ms, write_change),
    ]
    return pd.DataFrame(
        [
            {"Figure": name, "Now": write(first), "Before": write(second), "Change": difference(first, second)}
            for name, first, second, write, difference in lines
        ]
    )
