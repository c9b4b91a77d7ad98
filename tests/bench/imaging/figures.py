"""From runs to ratios: pure arithmetic."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lambdas.core.keys import FORMATS, Format
from tests.bench.imaging.contenders import Run


@dataclass(frozen=True)
class Result:
    """A contender's figures: CPU, wall and bytes of one photograph's full set of derivatives, the mean over all."""

    name: str
    cpu_seconds: float
    wall_seconds: float
    bytes: dict[Format, float]
    peak_memory_mb: float
    versions: str
    ssimulacra2: dict[Format, float] = field(default_factory=dict)

    @property
    def total_bytes(self) -> float:
        """All formats together."""
        return sum(self.bytes.values())


def summarize(
    name: str, rounds: Sequence[Run], peak_memory_mb: float, scores: Mapping[Format, Sequence[float]]
) -> Result:
    """Return the means over photographs of each one's median over ``rounds``."""
    photographs = range(len(rounds[0].drawings))
    return Result(
        name=name,
        cpu_seconds=statistics.fmean(
            statistics.median(run.drawings[each].cpu for run in rounds) for each in photographs
        ),
        wall_seconds=statistics.fmean(
            statistics.median(run.drawings[each].wall for run in rounds) for each in photographs
        ),
        bytes={
            fmt: statistics.fmean(
                sum(size for variant, size in rounds[0].drawings[each].bytes.items() if variant.endswith(f".{fmt}"))
                for each in photographs
            )
            for fmt in FORMATS
        },
        peak_memory_mb=peak_memory_mb,
        versions=rounds[0].versions,
        ssimulacra2={fmt: statistics.fmean(received) for fmt, received in scores.items() if received},
    )


def ratios(results: Mapping[str, Result]) -> dict[str, float | dict[Format, float]]:
    """Return every ratio that has a target, and those reported beside them; less than 1 is better for us.

    ``results`` are by role: ``sharp`` with its own defaults, ``matched`` ours at its quality,
    ``shipped`` ours with the settings of ``darkroom.toml``, ``sharp_same`` and ``sharp_shared``
    sharp with those settings, ``floor`` the bare encoders with them, ``beside_floor`` ours in the
    floor's own process.
    """
    sharp, matched, shipped = results["sharp"], results["matched"], results["shipped"]
    return {
        "derive_cpu_vs_sharp_defaults": matched.cpu_seconds / sharp.cpu_seconds,
        "bytes_vs_sharp_defaults": matched.total_bytes / sharp.total_bytes,
        "ssimulacra2_minus_sharp": {fmt: matched.ssimulacra2[fmt] - sharp.ssimulacra2[fmt] for fmt in FORMATS},
        "derive_cpu_vs_sharp_same_settings": shipped.cpu_seconds / results["sharp_same"].cpu_seconds,
        "derive_cpu_vs_sharp_same_settings_pixels_shared": shipped.cpu_seconds / results["sharp_shared"].cpu_seconds,
        "derive_cpu_vs_floor": results["beside_floor"].cpu_seconds / results["floor"].cpu_seconds,
        "shipped_cpu_vs_sharp_defaults": shipped.cpu_seconds / sharp.cpu_seconds,
        "shipped_bytes_vs_sharp_defaults": shipped.total_bytes / sharp.total_bytes,
        "shipped_bytes_saved": {fmt: 1 - shipped.bytes[fmt] / sharp.bytes[fmt] for fmt in FORMATS},
        "shipped_ssimulacra2": dict(shipped.ssimulacra2),
    }
