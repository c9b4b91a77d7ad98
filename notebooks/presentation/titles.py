"""What a chart or table shows, in a sentence: the finding, for whoever reads only that."""

import pandas as pd

from notebooks.presentation import write_bytes, write_count, write_format, write_ms, write_share, write_usd


def leading_format(by_format: pd.DataFrame, requests: int) -> str:
    """Say which format leads, and which comes from the cache least often."""
    served = by_format.assign(hit_ratio=hit_ratios(by_format))
    judged = served[(served.format != "none") & served.hit_ratio.notna()]
    if judged.empty:
        return "No picture was served"
    leader, least = judged.loc[judged.requests.idxmax()], judged.hit_ratio.min()
    leads = f"{write_format(leader.format)} is {leader.requests / requests:.0%} of all answers"
    laggards = [write_format(name) for name in judged.format[judged.hit_ratio == least]]
    if len(laggards) == len(judged):
        return f"{leads}; {write_share(least)} of {' and '.join(laggards)} came from the cache"
    return f"{leads}; {' and '.join(laggards)} came from the cache least often ({write_share(least)})"


def hit_ratio_over_time(over_time: pd.DataFrame, expected: float, *, by_hour: bool) -> str:
    """Say when the cache served least, and whether that was too little."""
    judged = over_time.assign(hit_ratio=hit_ratios(over_time)).dropna(subset=["hit_ratio"])
    if judged.empty:
        return "No picture was served"
    least = judged.loc[judged.hit_ratio.idxmin()]
    when = f"{least.time:%H:%M}" if by_hour else f"{least.time.day} {least.time:%B}"
    steps = "hour" if by_hour else "day"
    poor = int((judged.hit_ratio < expected).sum())
    if not poor:
        return f"In every {steps} the cache served at least {write_share(least.hit_ratio)} of the pictures"
    every = f"all {len(judged)} {steps}s" if poor == len(judged) else f"{poor} of {len(judged)} {steps}s"
    if len(judged) == 1:
        return f"The cache served {write_share(least.hit_ratio)} of the pictures, where {expected:.0%} is expected"
    return (
        f"In {every} the cache served less than the {expected:.0%} that is expected; "
        f"least at {when}: {write_share(least.hit_ratio)}"
    )


def leading_miss(misses: pd.DataFrame, total: int) -> str:
    """Say of which kind most misses are; ``misses`` has a ``kind`` and a count, the most first."""
    if not total:
        return "Nothing had to be fetched"
    first = misses.iloc[0]
    return f"{first.kind} is {first.misses / total:.0%} of the {write_count(total)} pictures that had to be fetched"


def server_errors(errors: pd.DataFrame | None) -> str:
    """Say how many server errors there were, and when the latest was."""
    if errors is None:
        return "No server error"
    total, latest = int(errors.requests.sum()), max(errors.latest_at)
    if total == 1:
        return f"One server error: {errors.status.iloc[0]}, at {latest} UTC"
    first = errors.iloc[0]
    return f"{write_count(total)} server errors, most of them {first.status}; the latest at {latest} UTC"


def latency(by_result: pd.DataFrame) -> str:
    """Say how long viewers waited for what was in the cache, and for what was not."""
    found = by_result.set_index("result_type")
    told = []
    if "Hit" in found.index:
        told.append(f"half of what the cache had began to arrive within {write_ms(found.p50_ms['Hit'])}")
    if "Miss" in found.index:
        told.append(f"one in a hundred misses took longer than {write_ms(found.p99_ms['Miss'])}")
    if not told:
        return "No picture was served"
    sentence = "; ".join(told)
    return sentence[0].upper() + sentence[1:]


def savings(by_tenant: pd.DataFrame) -> str:
    """Say how much less was sent than the originals would have been."""
    sent, originals = int(by_tenant.bytes.sum()), int(by_tenant.original_bytes.sum())
    if originals <= sent:
        return f"Viewers got {write_bytes(sent)}; the originals would have been no more, {write_bytes(originals)}"
    return (
        f"Viewers got {write_bytes(sent)} where the originals would have been {write_bytes(originals)}: "
        f"{1 - sent / originals:.1%} saved"
    )


def leading_tenant(by_tenant: pd.DataFrame, usd: float) -> str:
    """Say who costs most; ``by_tenant`` has a ``usd`` each, the most first."""
    if by_tenant.empty:
        return "Nobody used anything"
    first = by_tenant.iloc[0]
    if len(by_tenant) == 1 or not usd:
        return f"{first.tenant} cost all of it, about {write_usd(usd)}"
    return f"{first.tenant} cost most: {write_usd(first.usd)} of about {write_usd(usd)}, {first.usd / usd:.0%}"


def unasked(variants: pd.DataFrame) -> str:
    """Say what is made ahead and asked for by nobody, and what keeping it costs."""
    idle = variants[variants.requests == 0]
    if idle.empty:
        return "Every variant that is made ahead was asked for"
    return (
        f"{len(idle)} of {len(variants)} variants that are made ahead were asked for by nobody; keeping them costs "
        f"about {write_usd(idle.stored_usd_month.sum())} a month"
    )


def hit_ratios(rows: pd.DataFrame) -> "pd.Series[float]":
    """Return the share of hits among hits and misses of each row; missing where there is neither."""
    served = (rows.hits + rows.misses).astype(float)
    return rows.hits.astype(float) / served.where(served > 0)
