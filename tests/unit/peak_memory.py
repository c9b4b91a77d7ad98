"""Draw one original in a process of its own, and print how much memory that took at most, in bytes.

Run as ``python peak_memory.py FILE``. The file's own bytes count: a handler holds them too.
"""

import sys
from pathlib import Path

from lambdas.core.keys import Variant
from lambdas.core.settings import load_settings
from lambdas.imaging.formats import sniff
from lambdas.imaging.render import render
from lambdas.metadata.describe import describe


def peak() -> int:
    """Return the most memory that this process ever held (Linux)."""
    (line,) = (row for row in Path("/proc/self/status").read_text().splitlines() if row.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def main(file: Path) -> None:
    settings, data = load_settings(), file.read_bytes()
    describe(data, sniff(data), settings)
    list(render(data, [Variant(256, 0, "jpeg")], settings))
    print(peak())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
