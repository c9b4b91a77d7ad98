"""Results of every query of a report, small enough to add up by hand."""

import io
from datetime import date
from pathlib import Path

import pandas as pd
from PIL import Image

from flows.reporting.queries import QueryResult
from flows.reporting.results import PREVIOUS, save_results, save_thumbnails

DAY = date(2026, 11, 22)
POPULAR, PRIVATE, GONE = "a" * 32, "p-" + "b" * 32, "c" * 32

BY_FORMAT = pd.DataFrame(
    {
        "format": ["avif", "jpeg", "none"],
        "requests": [900, 90, 10],
        "hits": [880, 60, 0],
        "misses": [20, 30, 0],
        "client_errors": [0, 0, 8],
        "server_errors": [0, 0, 1],
        "bytes": [9_000_000, 3_000_000, 1_000],
    }
)
_COUNTS = {
    "requests": [600, 400],
    "hits": [570, 370],
    "misses": [22, 28],
    "client_errors": [7, 1],
    "server_errors": [1, 0],
    "bytes": [7_001_000, 5_000_000],
}
_LATEST = {
    "from_cache": [0],
    "paths": [1],
    "addresses": [1],
    "latest_at": ["2026-11-22 09:00:01"],
    "latest_path": [f"/{GONE}/256x0.avif"],
    "latest_referer": ["-"],
    "latest_user_agent": ["curl/8"],
    "latest_request_id": ["1"],
}
COSTS = pd.DataFrame(
    {
        "tenant": ["demo", "studio", "(no picture)"],
        "format": ["avif", "jpeg", "none"],
        "rung": pd.array([256, 1024, None], dtype="Int64"),
        "requests": [900, 90, 10],
        "misses": [20, 30, 0],
        "bytes": [9_000_000, 3_000_000, 1_000],
        "bytes_usd": [0.3, 0.1, 0.0],
        "requests_usd": [0.05, 0.04, 0.01],
    }
)
SAVINGS = pd.DataFrame(
    {
        "tenant": ["demo", "studio"],
        "requests": [900, 90],
        "bytes": [9_000_000, 3_000_000],
        "original_bytes": [90_000_000, 30_000_000],
    }
)
LATENCY = pd.DataFrame(
    {
        "result_type": ["Hit", "Miss", "Error"],
        "requests": [940, 50, 10],
        "p50_ms": [4.0, 180.0, 2.0],
        "p90_ms": [9.0, 420.0, 3.0],
        "p99_ms": [31.0, 1400.0, 5.0],
        "origin_p50_ms": [None, 150.0, None],
        "origin_p99_ms": [None, 1300.0, None],
    }
)
RESULTS = {
    "hit_ratio_by_format": BY_FORMAT,
    "hit_ratio_by_hour": pd.DataFrame({"day": [DAY, DAY], "hour": [9, 21], **_COUNTS}),
    "hit_ratio_by_day": pd.DataFrame({"day": [DAY], **{name: [sum(counts)] for name, counts in _COUNTS.items()}}),
    "hit_ratio_by_tenant": pd.DataFrame({"tenant": ["demo", "studio"], **_COUNTS}),
    "hit_ratio_by_location": pd.DataFrame({"location": ["FRA", "NRT"], **_COUNTS}),
    "cost_by_tenant": COSTS,
    "savings_by_tenant": SAVINGS,
    "latency": LATENCY,
    "top_images": pd.DataFrame(
        {
            "image_id": [POPULAR, PRIVATE, GONE],
            "tenant": ["demo", "studio", None],
            "original_format": ["jpeg", "heic", None],
            "original_width": pd.array([4000, 3000, None], dtype="Int64"),
            "original_height": pd.array([3000, 4000, None], dtype="Int64"),
            "original_bytes": pd.array([4_000_000, 2_000_000, None], dtype="Int64"),
            "requests": [500, 300, 100],
            "hits": [490, 280, 90],
            "misses": [10, 20, 10],
            "bytes": [5_000_000, 3_000_000, 900_000],
        }
    ),
    "top_keys": pd.DataFrame(
        {
            "key": [f"/{POPULAR}/256x0.avif"],
            "image_id": [POPULAR],
            "variant": ["256x0.avif"],
            "requests": [500],
            "hits": [490],
            "misses": [10],
            "bytes": [5_000_000],
        }
    ),
    "server_errors": pd.DataFrame({"status": [503], "result_type": ["Error"], "requests": [1], **_LATEST}),
    "client_errors": pd.DataFrame({"status": [404], "result_type": ["Error"], "requests": [8], **_LATEST}),
    "missing_images": pd.DataFrame(
        {
            "image_id": [GONE],
            "tenant": [None],
            "outcome": ["(unknown)"],
            "rejection": [None],
            "requests": [8],
            "addresses": [1],
            "latest_at": ["2026-11-22 09:00:01"],
            "latest_referer": ["https://<script>.example/"],
        }
    ),
    "fallback_by_day": pd.DataFrame(
        {"day": [DAY], "requests": [990], "from_replica": [3], "fetched": [50], "fetched_from_replica": [2]}
    ),
    "bots": pd.DataFrame(
        {"agent": ["Googlebot"], "requests": [40], "images": [12], "addresses": [3], "bytes": [400_000]}
    ),
    "hotlinkers": pd.DataFrame(
        {
            "host": ["thief.example"],
            "listed": pd.array([None], dtype="boolean"),
            "requests": [20],
            "images": [2],
            "refused": [0],
            "bytes": [200_000],
        }
    ),
    "widths": pd.DataFrame(
        {
            "rung": [256, 1024],
            "requests": [900, 90],
            "stated": [800, 0],
            "narrower": [10, 0],
            "min_pixels": pd.array([100, None], dtype="Int64"),
            "median_pixels": pd.array([200, None], dtype="Int64"),
            "max_pixels": pd.array([300, None], dtype="Int64"),
            "ratio": [1.3, None],
            "bytes": [9_000_000, 3_000_000],
        }
    ),
    "unused_variants": pd.DataFrame(
        {
            "variant": ["1600x0.webp", "256x0.avif"],
            "rung": [1600, 256],
            "format": ["webp", "avif"],
            "images": [40, 40],
            "stored_bytes": [8_000_000_000, 400_000_000],
            "stored_usd_month": [0.184, 0.0092],
            "requested_images": [0, 3],
            "requests": [0, 900],
        }
    ),
}
PREVIOUS_RESULTS = {
    "hit_ratio_by_format": BY_FORMAT.assign(requests=[450, 45, 5], hits=[440, 30, 0]),
    "savings_by_tenant": SAVINGS.assign(original_bytes=[45_000_000, 15_000_000]),
    "latency": LATENCY,
    "cost_by_tenant": COSTS.assign(bytes_usd=[0.15, 0.05, 0.0], requests_usd=[0.025, 0.02, 0.005]),
}


def save_report_results(folder: Path, *without: str) -> dict[str, str]:
    """Write all results to ``folder`` except those ``without``; return these with a reason."""
    missing = dict.fromkeys(without, "throttled")
    save_results(
        folder, [QueryResult(name, rows, 4321, 0.1) for name, rows in RESULTS.items() if name not in without], missing
    )
    save_results(folder / PREVIOUS, [QueryResult(name, rows, 1000, 0.1) for name, rows in PREVIOUS_RESULTS.items()], {})
    picture = io.BytesIO()
    Image.new("RGB", (64, 48), "#0072b2").save(picture, "WEBP")
    save_thumbnails(folder, {POPULAR: picture.getvalue()})
    return missing
