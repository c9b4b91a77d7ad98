"""SSIMULACRA2 of everything that contenders drew, in parallel processes; known scores are not computed again."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache as once
from multiprocessing import get_context
from pathlib import Path

from lambdas.core.keys import NEGOTIATED_FORMATS, NegotiatedFormat
from lambdas.core.settings import Settings
from operations.calibration.measure import prepare_worker
from operations.calibration.photographs import Photograph, reference
from operations.calibration.quality import Cache, score


@dataclass(frozen=True, slots=True)
class Score:
    """SSIMULACRA2 of one derivative."""

    format: NegotiatedFormat
    rung: int
    ssimulacra2: float


Scores = dict[str, list[Score]]
"""By contender, one score a derivative."""


def score_all(
    folders: dict[str, Path],
    photographs: Sequence[Photograph],
    settings: Settings,
    done: Callable[[int], None] = lambda _count: None,
) -> Scores:
    """Score the derivatives in ``folders``: one by contender, in it one a photograph, by its number."""
    scores: Scores = {name: [] for name in folders}
    with ProcessPoolExecutor(os.cpu_count(), get_context("spawn"), prepare_worker) as pool:
        running = [
            pool.submit(_score, folders, number, photograph, rung, settings)
            for rung in sorted(settings.rendering.eager_widths, reverse=True)
            for number, photograph in enumerate(photographs)
        ]
        for finished in as_completed(running):
            for name, received in finished.result():
                scores[name].append(received)
            done(1)
    return scores


def by_format(scores: Sequence[Score]) -> dict[NegotiatedFormat, list[float]]:
    """Return the scores of each format."""
    return {fmt: [score.ssimulacra2 for score in scores if score.format == fmt] for fmt in NEGOTIATED_FORMATS}


def _score(
    folders: dict[str, Path], number: int, photograph: Photograph, rung: int, settings: Settings
) -> list[tuple[str, Score]]:
    expected = once(lambda: reference(photograph, rung, settings))
    with Cache() as cache:
        return [
            (name, Score(fmt, rung, score(cache, photograph.digest, rung, drawn.read_bytes(), expected)))
            for name, folder in folders.items()
            for fmt in NEGOTIATED_FORMATS
            for drawn in [folder / str(number) / f"{rung}x0.{fmt}"]
        ]
