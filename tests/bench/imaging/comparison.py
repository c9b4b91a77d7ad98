"""All contenders on the same photographs, in several rounds; one of them has our settings at the quality of sharp."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.progress import Progress

from lambdas.core.keys import NEGOTIATED_FORMATS, NegotiatedFormat
from lambdas.core.settings import Settings
from lambdas.core.settings.pictures import Encoder
from operations.calibration.choose import at_target, cheapest_set
from operations.calibration.photographs import Photograph
from operations.calibration.survey import Workbench, settle, survey, surveyed_encoders
from tests.bench.imaging.contenders import Contender, Run, draw_with
from tests.bench.imaging.photographs import largest
from tests.bench.imaging.results import Result, summarize
from tests.bench.imaging.scoring import Score, by_format, score_all

SHARP = Contender("sharp, by its defaults", "sharp", rounds=1)
PILLOW = Contender("Pillow, by its defaults", "pillow", rounds=1)
_ROUNDS_AT_THE_FLOOR = 4  # the ratio is held to a few per cent
_SURVEYED_WIDTH = 512  # so small that ninety settings are scored in a minute; what is chosen is settled on all rungs
# A little under the limit of 3 % more bytes: other rungs than the surveyed one may gain less.
_SIZE_MARGIN = 1.01

Step = Callable[[str, int], Callable[[int], None]]
"""Called with a description and the number of parts; returns what to call with the number of parts done."""


def steps(progress: Progress) -> Step:
    """Return a step that is shown as a bar in ``progress``, or as a line where the output is no terminal."""

    def begin(description: str, parts: int) -> Callable[[int], None]:
        if not progress.console.is_terminal:
            progress.console.print(f"{datetime.now(UTC):%H:%M:%S} {description}")
        task = progress.add_task(description, total=parts)
        return lambda count: progress.advance(task, count)

    return begin


@dataclass(frozen=True)
class Comparison:
    """Results by role: of every contender, and ``beside_floor``, our full set in the floor's process."""

    results: Mapping[str, Result]
    rounds: Mapping[str, int]
    matched: Mapping[NegotiatedFormat, Encoder]


def compare(photographs: list[Photograph], settings: Settings, scratch: Path, step: Step) -> Comparison:
    """Find settings at sharp's quality, then run every contender in turn; derivatives go under ``scratch``."""
    drawn = {"sharp": scratch / "sharp"}
    paths, widths = [photograph.path for photograph in photographs], settings.rendering.eager_widths
    done = step("sharp by its defaults, to be matched", 1)
    first = draw_with(SHARP, paths, widths, drawn["sharp"])
    done(1)
    done = step("Scoring sharp", len(photographs) * len(widths))
    scores = score_all(drawn, photographs, settings, done)
    workbench = Workbench(
        photographs,
        settings,
        done=step("Finding settings of sharp's quality", len(photographs) * len(surveyed_encoders())),
    )
    matched = matched_encoders(workbench, scores["sharp"], _sizes(first, settings), step)

    contenders = _contenders(settings, matched)
    drawn |= {role: scratch / role for role in ("pillow", "matched", "shipped")}
    runs: dict[str, list[Run]] = {role: [] for role in contenders} | {"sharp": [first]}
    rounds = {role: contender.rounds for role, contender in contenders.items()}
    done = step(f"{len(contenders)} contenders in turn", sum(rounds.values()) - 1)
    for number in range(max(rounds.values())):
        for role, contender in contenders.items():
            if len(runs[role]) > number or number >= contender.rounds:
                continue
            out = drawn.get(role) if number == 0 else None
            runs[role].append(draw_with(contender, paths, widths, out))
            done(1)
    done = step("Peak memory", len(contenders))
    peaks = {}
    for role, contender in contenders.items():
        peaks[role] = draw_with(contender, [largest(photographs).path], widths).peak_memory_mb
        done(1)
    done = step("Scoring", len(photographs) * len(widths))
    scores |= score_all({role: drawn[role] for role in drawn if role != "sharp"}, photographs, settings, done)
    results = {
        role: summarize(contender.name, runs[role], peaks[role], by_format(scores.get(role, [])))
        for role, contender in contenders.items()
    }
    beside = [replace(run, drawings=run.beside) for run in runs["floor"]]
    results["beside_floor"] = summarize("Darkroom, as shipped, in the same process", beside, peaks["floor"], {})
    return Comparison(results, rounds, matched)


def _contenders(settings: Settings, matched: Mapping[NegotiatedFormat, Encoder]) -> dict[str, Contender]:
    ours = settings.formats.model_dump(mode="json")
    theirs: dict[str, Any] = {fmt: encoder.model_dump(mode="json") for fmt, encoder in matched.items()}
    return {
        "sharp": SHARP,
        "pillow": PILLOW,
        "matched": Contender("Darkroom, at sharp's quality", "darkroom", theirs),
        "shipped": Contender("Darkroom, as shipped", "darkroom", ours),
        "sharp_same": Contender("sharp, by our settings", "sharp", ours),
        "sharp_shared": Contender("sharp, by our settings, pixels shared", "sharp", ours, shared=True, rounds=1),
        "floor": Contender("bare encoders, by our settings", "floor", ours, rounds=_ROUNDS_AT_THE_FLOOR),
    }


def _sizes(run: Run, settings: Settings) -> dict[int, float]:
    """Return the bytes of one derivative in every format together, by rung."""
    return {
        rung: statistics.fmean(
            sum(drawing.bytes[f"{rung}x0.{fmt}"] for fmt in NEGOTIATED_FORMATS) for drawing in run.drawings
        )
        for rung in settings.rendering.eager_widths
    }


def matched_encoders(
    workbench: Workbench, scores: Sequence[Score], sizes: Mapping[int, float], step: Step
) -> dict[NegotiatedFormat, Encoder]:
    """Return encoders whose mean score is no lower than that of ``scores``, about as large, for the least CPU.

    Args:
        workbench: the photographs, and what to measure them with.
        scores: of the other engine's derivatives of all photographs, formats and rungs.
        sizes: bytes of one of its derivatives in every format together, the mean over photographs, by rung.
        step: told what is being measured.

    Raises:
        UnreachableTargetError: no setting of ours is good or small enough.
    """
    rung = min(sizes, key=lambda width: abs(width - _SURVEYED_WIDTH))
    surveyed = survey(workbench, [rung])
    curves = {fmt: {name: curve.points for name, curve in named.items()} for fmt, named in surveyed.items()}
    there = _means([score for score in scores if score.rung == rung])
    chosen = cheapest_set(curves, there, _SIZE_MARGIN * sizes[rung])
    everywhere, done = _means(scores), step("Settling them on every rung", len(NEGOTIATED_FORMATS))
    quietly = replace(workbench, done=lambda _count: None)
    encoders: dict[NegotiatedFormat, Encoder] = {}
    for fmt, name in chosen.items():
        start = round(at_target(curves[fmt][name], there[fmt]).quality)
        encoders[fmt] = settle(quietly, fmt, surveyed[fmt][name].encoder, everywhere[fmt], start).encoder
        done(1)
    return encoders


def _means(scores: Sequence[Score]) -> dict[NegotiatedFormat, float]:
    return {fmt: statistics.fmean(received) for fmt, received in by_format(scores).items()}
