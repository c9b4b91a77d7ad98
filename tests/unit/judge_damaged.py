"""Judge damaged files in a process of its own: prints what became of each, the slowest, and the peak of memory.

Run as ``python judge_damaged.py COUNT NAME…``.
"""

import json
import sys
import time
from collections import Counter
from pathlib import Path

from damage import damaged_files

from lambdas.core.keys import Variant
from lambdas.core.settings import load_settings
from lambdas.imaging.formats import SNIFF_BYTES, require_original, sniff
from lambdas.imaging.rejection import RejectedError
from lambdas.imaging.render import render
from lambdas.metadata.describe import describe

VARIANTS = [Variant(256, 256, "webp"), Variant(256, 0, "avif")]


def peak_mb() -> int:
    """Return the most memory that this process ever held, in MB (Linux)."""
    (line,) = (row for row in Path("/proc/self/status").read_text().splitlines() if row.startswith("VmHWM"))
    return int(line.split()[1]) // 1024


def outcome(data: bytes, settings) -> str:
    try:
        fmt = require_original(sniff(data[:SNIFF_BYTES]))
        describe(data, fmt, settings)
        return "drawn" if len(list(render(data, VARIANTS, settings))) == len(VARIANTS) else "lost"
    except RejectedError as error:
        return error.code


def main(count: int, names: list[str]) -> None:
    settings = load_settings()
    found: dict[str, Counter[str]] = {}
    slowest = 0.0
    for name in names:
        found[name] = Counter()
        for data in damaged_files(name, count):
            started = time.process_time()
            found[name][outcome(data, settings)] += 1
            slowest = max(slowest, time.process_time() - started)
    print(json.dumps({"outcomes": found, "slowest_cpu_seconds": round(slowest, 2), "peak_mb": peak_mb()}))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
