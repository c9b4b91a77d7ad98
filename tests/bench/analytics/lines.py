"""A million lines of log over ten days, and the images in them, written where the edge and the export write theirs."""

import io
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from infra.command.traffic.trace import CLIENTS
from infra.command.traffic.visits import HOURS
from infra.constructs.edge.access_log import COLUMNS, partition_path
from lambdas.core.settings import Settings

IMAGES, TENANTS = 5_000, ("demo", "studio")
_REFERERS = ("https://www.example.com/", "https://shop.example.com/p/7", "https://copycat.example/", "-")
_LOCATIONS = ("FRA60-P1", "IAD12-C3", "NRT20-P4", "GRU3-C1")
# Result type, status and content type, with their shares.
_ANSWERS = (
    (0.900, "Hit", "200", "image/avif"), (0.040, "Miss", "200", "image/avif"), (0.040, "Hit", "200", "image/webp"),
    (0.010, "Miss", "200", "image/jpeg"), (0.009, "Error", "404", "application/xml"), (0.001, "Error", "503", "-"),
)  # fmt: skip


def image_ids(seed: int) -> list[str]:
    """Return the ids of the images, the same for the same ``seed``."""
    digits = np.random.default_rng(seed).integers(0, 256, (IMAGES, 16), dtype=np.uint8)
    return [row.tobytes().hex() for row in digits]


def image_rows(seed: int, settings: Settings) -> Iterator[dict[str, Any]]:
    """Yield the images as the export has them, each with every eager variant."""
    chance = np.random.default_rng(seed + 1)
    for number, image_id in enumerate(image_ids(seed)):
        moment = datetime(2026, 1, 1) + timedelta(minutes=number)
        yield {
            "image_id": image_id, "tenant": TENANTS[number % 2], "outcome": "ready", "rejection": None,
            "format": "jpeg", "bytes": int(chance.integers(1e6, 9e6)), "width": 4032, "height": 3024, "alpha": False,
            "pages": 1, "animation": "none", "color_space": "srgb", "hdr": "none", "gamut": "kept",
            "type_mismatch": False, "uploaded_at": moment, "recorded_at": moment,
            "derivative_bytes": {str(each): int(chance.integers(5e3, 2e5)) for each in settings.eager_variants},
        }  # fmt: skip


def log_files(
    seed: int, lines: int, first_day: date, days: int, distribution: str, settings: Settings
) -> Iterator[tuple[str, bytes]]:
    """Yield keys and contents of a file an hour, ``lines`` in all, more of them in the evening."""
    chance = np.random.default_rng(seed)
    ids = image_ids(seed)
    shares = np.tile(np.array(HOURS), days)
    counts = np.floor(lines * shares / shares.sum()).astype(int)
    counts[-1] += lines - counts.sum()
    for number, count in enumerate(counts):
        hour = datetime(first_day.year, first_day.month, first_day.day, tzinfo=UTC) + timedelta(hours=number)
        table = _hour(chance, hour, int(count), ids, settings.ladder.widths)
        buffer = io.BytesIO()
        pq.write_table(table, buffer, compression="gzip")
        yield f"{partition_path(distribution, hour)}{hour:%H}.parquet", buffer.getvalue()


def _hour(chance: np.random.Generator, hour: datetime, count: int, ids: list[str], widths: tuple[int, ...]) -> pa.Table:
    ranks = 1 / np.arange(1, IMAGES + 1)
    images = chance.choice(IMAGES, count, p=ranks / ranks.sum())
    rungs, answers = chance.integers(0, len(widths), count), _drawn(chance, count, [each[0] for each in _ANSWERS])
    clients = _drawn(chance, count, [client.share for client in CLIENTS])
    pixels, seconds = chance.integers(90, 2500, count), np.sort(chance.integers(0, 3600, count))
    forms = [kind.partition("/")[2] if kind.startswith("image/") else "jpeg" for *_, kind in _ANSWERS]
    variants = [f"{widths[rung]}x0.{forms[answer]}" for rung, answer in zip(rungs, answers, strict=True)]
    waits = chance.exponential(0.02, count)
    known = {
        "date": [f"{hour:%Y-%m-%d}"] * count,
        "time": [f"{hour:%H}:{second // 60:02}:{second % 60:02}" for second in seconds],
        "x_edge_location": _taken(chance, count, _LOCATIONS),
        "sc_bytes": [str(each) for each in chance.integers(4_000, 200_000, count)],
        "c_ip": [f"198.51.{each >> 8}.{each & 255}" for each in chance.integers(0, 1 << 16, count)],
        "cs_method": ["GET"] * count,
        "cs_uri_stem": [f"/{ids[image]}/{variant}" for image, variant in zip(images, variants, strict=True)],
        "sc_status": [_ANSWERS[each][2] for each in answers],
        "cs_referer": _taken(chance, count, _REFERERS),
        "cs_user_agent": [CLIENTS[each].agent.replace(" ", "%20") for each in clients],
        "x_edge_result_type": [_ANSWERS[each][1] for each in answers],
        "x_edge_request_id": [row.tobytes().hex() for row in chance.integers(0, 256, (count, 12), dtype=np.uint8)],
        "time_to_first_byte": [f"{wait:.3f}" for wait in waits],
        "time_taken": [f"{wait:.3f}" for wait in waits],
        "sc_content_type": [_ANSWERS[each][3] for each in answers],
        "origin_fbl": ["-" if _ANSWERS[each][1] == "Hit" else "0.040" for each in answers],
        "viewer_request_log_data": [f"{variant}_{each}" for variant, each in zip(variants, pixels, strict=True)],
    }
    absent = ["-"] * count
    return pa.table({column: pa.array(known.get(column, absent), pa.string()) for column in COLUMNS})


def _drawn(chance: np.random.Generator, count: int, shares: list[float]) -> "np.ndarray[Any, Any]":
    return chance.choice(len(shares), count, p=np.array(shares) / sum(shares))


def _taken(chance: np.random.Generator, count: int, values: tuple[str, ...]) -> list[str]:
    return [values[each] for each in chance.integers(0, len(values), count)]
