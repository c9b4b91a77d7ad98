"""Damaged files, 2,000 in `make test-all`: each has an outcome; none crashes the process or exceeds its limits."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from damage import SOUND

from lambdas.core.settings import load_settings

pytestmark = pytest.mark.slow

JUDGE = Path(__file__).with_name("judge_damaged.py")
PEAK_MB = 300  # of a process that draws pictures of 300 × 200 pixels, whatever their damaged headers claim


@pytest.fixture(scope="module", params=[400, pytest.param(2_000, marks=pytest.mark.extra)])
def files_of_a_kind(request: pytest.FixtureRequest) -> int:
    return request.param // len(SOUND)


@pytest.fixture(scope="module")
def verdict(files_of_a_kind: int) -> dict[str, Any]:
    ran = subprocess.run(
        [sys.executable, str(JUDGE), str(files_of_a_kind), *SOUND],
        cwd=JUDGE.parents[2],
        env={**os.environ, "PYTHONPATH": str(JUDGE.parents[2]), "VIPS_CONCURRENCY": "1"},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert ran.returncode == 0, f"expected outcomes but the process ended with {ran.returncode}: {ran.stderr[-2000:]}"
    return json.loads(ran.stdout)


@pytest.mark.parametrize("name", SOUND)
def test_every_damaged_file_has_an_outcome(verdict: dict[str, Any], files_of_a_kind: int, name: str) -> None:
    outcomes = verdict["outcomes"][name]
    assert sum(outcomes.values()) == files_of_a_kind
    assert "lost" not in outcomes
    refused = files_of_a_kind - outcomes.get("drawn", 0)
    assert refused > files_of_a_kind // 10, f"expected damage to show: {outcomes}"


def test_no_damaged_file_exceeds_the_deadline(verdict: dict[str, Any]) -> None:
    assert verdict["slowest_cpu_seconds"] < load_settings().limits.decode_seconds


def test_no_damaged_file_exceeds_the_memory_bound(verdict: dict[str, Any]) -> None:
    assert verdict["peak_mb"] < PEAK_MB
