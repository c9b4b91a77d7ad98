"""What a report says about its data: titles that state findings, changes since the previous period, notices."""

import pandas as pd
from IPython.display import HTML

from flows.reporting.periods import Period
from flows.reporting.results import ReportData
from flows.reporting.verdict import Figures
from notebooks.presentation.formatting import (
    format_bytes,
    format_change,
    format_count,
    format_image_type,
    format_ms,
    format_points,
    format_share,
    format_usd,
)
from notebooks.presentation.page import notice


def leading_format(by_format: pd.DataFrame, requests: int) -> str:
    """Return which format leads, and which comes from the cache least often."""
    served = by_format.assign(hit_ratio=hit_ratios(by_format))
    judged = served[(served.format != "none") & served.hit_ratio.notna()]
    if judged.empty:
        return "No picture was served"
    leader, least = judged.iloc[int(judged.requests.argmax())], judged.hit_ratio.min()
    leads = f"{format_image_type(leader.format)} is {leader.requests / requests:.0%} of all responses"
    laggards = [format_image_type(name) for name in judged.format[judged.hit_ratio == least]]
    if len(laggards) == len(judged):
        return f"{leads}; {format_share(least)} of {' and '.join(laggards)} came from the cache"
    return f"{leads}; {' and '.join(laggards)} came from the cache least often ({format_share(least)})"


def hit_ratio_over_time(over_time: pd.DataFrame, expected: float, *, by_hour: bool) -> str:
    """Return when the hit ratio was lowest, and whether it was below the expected one."""
    judged = over_time.assign(hit_ratio=hit_ratios(over_time)).dropna(subset=["hit_ratio"])
    if judged.empty:
        return "No picture was served"
    least = judged.iloc[int(judged.hit_ratio.argmin())]
    when = f"{least.time:%H:%M}" if by_hour else f"{least.time.day} {least.time:%B}"
    steps = "hour" if by_hour else "day"
    poor = int((judged.hit_ratio < expected).sum())
    if not poor:
        return f"In every {steps} the cache served at least {format_share(least.hit_ratio)} of the pictures"
    every = f"all {len(judged)} {steps}s" if poor == len(judged) else f"{poor} of {len(judged)} {steps}s"
    if len(judged) == 1:
        return f"The cache served {format_share(least.hit_ratio)} of the pictures, where {expected:.0%} is expected"
    return (
        f"In {every} the cache served less than the {expected:.0%} that is expected; "
        f"least at {when}: {format_share(least.hit_ratio)}"
    )


def leading_miss(misses: pd.DataFrame, total: int) -> str:
    """Return which kind has most misses; ``misses`` has a ``kind`` and a count, sorted descending."""
    if not total:
        return "Nothing had to be fetched"
    first = misses.iloc[0]
    return f"{first.kind} is {first.misses / total:.0%} of the {format_count(total)} pictures that had to be fetched"


def server_errors(errors: pd.DataFrame | None) -> str:
    """Return the number of server errors and the time of the latest."""
    if errors is None:
        return "No server error"
    total, latest = int(errors.requests.sum()), max(errors.latest_at)
    if total == 1:
        return f"One server error: {errors.status.iloc[0]}, at {latest} UTC"
    first = errors.iloc[0]
    return f"{format_count(total)} server errors, most of them {first.status}; the latest at {latest} UTC"


def latency(by_result: pd.DataFrame) -> str:
    """Return how long viewers waited for hits and for misses."""
    found = by_result.set_index("result_type")
    parts = []
    if "Hit" in found.index:
        parts.append(f"half of the hits began to arrive within {format_ms(found.p50_ms['Hit'])}")
    if "Miss" in found.index:
        parts.append(f"one in a hundred misses took longer than {format_ms(found.p99_ms['Miss'])}")
    if not parts:
        return "No picture was served"
    sentence = "; ".join(parts)
    return sentence[0].upper() + sentence[1:]


def savings(by_tenant: pd.DataFrame) -> str:
    """Return how many bytes were saved compared with the originals."""
    sent, originals = int(by_tenant.bytes.sum()), int(by_tenant.original_bytes.sum())
    if originals <= sent:
        return f"Viewers got {format_bytes(sent)}; the originals would have been no more, {format_bytes(originals)}"
    return (
        f"Viewers got {format_bytes(sent)} where the originals would have been {format_bytes(originals)}: "
        f"{1 - sent / originals:.1%} saved"
    )


def leading_tenant(by_tenant: pd.DataFrame, usd: float) -> str:
    """Return which tenant costs most; ``by_tenant`` is sorted by ``usd``, descending."""
    if by_tenant.empty:
        return "No tenant had requests"
    first = by_tenant.iloc[0]
    if len(by_tenant) == 1 or not usd:
        return f"{first.tenant} cost all of it, about {format_usd(usd)}"
    return f"{first.tenant} cost most: {format_usd(first.usd)} of about {format_usd(usd)}, {first.usd / usd:.0%}"


def unused(variants: pd.DataFrame) -> str:
    """Return how many variants are made ahead but not requested, and the cost of storing them."""
    idle = variants[variants.requests == 0]
    if idle.empty:
        return "Every variant that is made ahead was requested"
    return (
        f"{len(idle)} of {len(variants)} variants that are made ahead were not requested; storing them costs "
        f"about {format_usd(idle.stored_usd_month.sum())} a month"
    )


def hit_ratios(rows: pd.DataFrame) -> "pd.Series[float]":
    """Return the share of hits among hits and misses of each row; missing if there are neither."""
    served = (rows.hits + rows.misses).astype(float)
    return rows.hits.astype(float) / served.where(served > 0)


def previous_name(period: Period) -> str:
    """Return a name of the previous period."""
    return "the day before" if period.days == 1 else f"the {period.days} days before"


def saved_share(savings: pd.DataFrame | None) -> float | None:
    """Return the share of bytes saved compared with the originals, 0 to 1; None if unknown."""
    originals = 0 if savings is None else int(savings.original_bytes.sum())
    return 1 - int(savings.bytes.sum()) / originals if savings is not None and originals else None


def wait_ms(latency: pd.DataFrame | None, result: str, percentile: str) -> float | None:
    """Return a percentile of the time to first byte of a ``result`` type, in milliseconds; None if unknown."""
    found = None if latency is None else latency[latency.result_type == result]
    return None if found is None or found.empty else float(found[percentile].iloc[0])


def compare(data: ReportData, now: Figures, before: Figures) -> pd.DataFrame:
    """Return a formatted row for each figure: ``Figure``, ``Now``, ``Before``, ``Change``."""
    earlier = data.previous
    ratios = (now.hit_ratio, before.hit_ratio)
    saved = (saved_share(data.current["savings_by_tenant"]), saved_share(earlier["savings_by_tenant"]))
    hits = (wait_ms(data.current["latency"], "Hit", "p50_ms"), wait_ms(earlier["latency"], "Hit", "p50_ms"))
    misses = (wait_ms(data.current["latency"], "Miss", "p99_ms"), wait_ms(earlier["latency"], "Miss", "p99_ms"))
    lines = [
        ("Requests", now.requests, before.requests, format_count, format_change),
        ("Pictures from the cache", *ratios, format_share, format_points),
        ("Sent to viewers", now.bytes, before.bytes, format_bytes, format_change),
        ("Saved against originals", *saved, format_share, format_points),
        ("Client errors (4xx)", now.client_errors, before.client_errors, format_count, format_change),
        ("Server errors (5xx)", now.server_errors, before.server_errors, format_count, format_change),
        ("Time to first byte of a hit, median", *hits, format_ms, format_change),
        ("Time to first byte of a miss, 99th percentile", *misses, format_ms, format_change),
    ]
    return pd.DataFrame(
        [
            {"Figure": name, "Now": formatted(first), "Before": formatted(second), "Change": difference(first, second)}
            for name, first, second, formatted, difference in lines
        ]
    )


def notices(data: ReportData, figures: Figures | None) -> list[HTML]:
    """Return a box for each kind of missing data, with the reason and what to do."""
    found = []
    if data.failed:
        found.append(notice("Failed queries", data.failed))
    if figures is not None and not figures.requests:
        found.append(
            notice(
                "If you expected requests",
                {
                    "The day has just ended": "CloudFront delivers most of its log within hours, all within a day",
                    "An older day": "check the log delivery of the distribution, and the logs bucket",
                },
            )
        )
    if not data.images_known:
        found.append(
            notice(
                "The tenants of these pictures are unknown",
                {"They are not in the export of the images table": "run export-images/daily, then this report again"},
            )
        )
    return found
