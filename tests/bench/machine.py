"""What a benchmark ran on; figures mean nothing without it."""

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

_CPU_INFO = Path("/proc/cpuinfo")
_MEMORY_INFO = Path("/proc/meminfo")


def describe_machine() -> dict[str, str | int | float]:
    """Return processor, cores, memory, system, versions, and how busy the machine was when it was asked."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "processor": _line(_CPU_INFO, "model name") or platform.processor() or platform.machine(),
        "cores": os.cpu_count() or 1,
        "memory_gb": round(int((_line(_MEMORY_INFO, "MemTotal") or "0 kB").split()[0]) / 1e6),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "libvips": version("pyvips-binary"),
        "load_before": round(os.getloadavg()[0], 2),
    }


def _line(file: Path, key: str) -> str | None:
    if not file.exists():
        return None
    for line in file.read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == key:
            return value.strip()
    return None
