"""``make bench ONLY=soak``: draw thousands of pictures in one process, and see whether its memory grows."""

import json
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from lambdas.core.settings import load_settings
from tests.bench.imaging.photographs import varied_pictures
from tests.bench.machine import describe_machine
from tests.bench.soak.soak import RENDERS, soak
from tests.bench.targets import Target


def run(console: Console, out: Path) -> list[Target]:
    """Measure, print and write; return the targets."""
    machine = describe_machine()
    console.print(f"{RENDERS:,} renders in one process")
    soaked = soak(varied_pictures(load_settings()))
    report = {"memory_growth": soaked.growth, "machine": machine, "soak": asdict(soaked)}
    (out / "soak.json").write_text(json.dumps(report, indent=1), encoding="utf-8")
    return targets(soaked.growth)


def targets(memory_growth: float) -> list[Target]:
    """Return what the process must keep to."""
    return [Target("memory_growth", memory_growth, 0.05)]
