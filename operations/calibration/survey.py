"""From photographs to settings: survey every candidate over a few qualities, then settle the cheapest exactly."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lambdas.core.keys import NEGOTIATED_FORMATS, NegotiatedFormat
from lambdas.core.settings import Settings
from lambdas.core.settings.pictures import Encoder
from operations.calibration.candidates import QUALITIES, at_quality, candidates, describe
from operations.calibration.choose import Point, cheapest, lifetime_cost, lowest_quality
from operations.calibration.measure import Measurement, Task, measure, summarize, tasks
from operations.calibration.photographs import Photograph
from operations.calibration.quality import CACHE
from operations.costs.encoders import Reached
from operations.costs.prices import PRICES


@dataclass(frozen=True)
class Curve:
    """A candidate and its measurements, lowest quality first."""

    encoder: Encoder
    points: tuple[Point, ...]


Survey = dict[NegotiatedFormat, dict[str, Curve]]
"""Curves by format and by the description of their candidate."""


@dataclass(frozen=True)
class Choice:
    """The settings proposed for a format, and what they reached on every photograph and rung."""

    format: NegotiatedFormat
    encoder: Encoder
    point: Point

    @property
    def reached(self) -> Reached:
        """The figures of ``point``, rounded to what measurements repeat."""
        return Reached(
            ssimulacra2=round(self.point.ssimulacra2, 1),
            bits_per_pixel=round(self.point.bits_per_pixel, 3),
            cpu_ms_per_megapixel=round(self.point.cpu_ms_per_megapixel, 1),
        )


@dataclass(frozen=True)
class Workbench:
    """The inputs of a measurement: photographs, settings, processes and cache."""

    photographs: Sequence[Photograph]
    settings: Settings
    processes: int | None = None
    cache: Path = CACHE
    time_again: bool = False
    done: Callable[[int], None] = lambda _count: None

    def run(self, work: Sequence[Task]) -> list[Measurement]:
        """Measure all of ``work``."""
        return measure(
            work,
            self.settings,
            processes=self.processes,
            cache=self.cache,
            time_again=self.time_again,
            done=self.done,
        )

    def point(self, fmt: NegotiatedFormat, encoder: Encoder, rungs: Sequence[int]) -> Point:
        """Return what one encoder reaches on ``rungs`` of every photograph."""
        return summarize(self.run(tasks(self.photographs, rungs, [(fmt, encoder)])))


def surveyed_encoders() -> list[tuple[NegotiatedFormat, Encoder]]:
    """Return every candidate at every quality of the survey."""
    return [
        (fmt, at_quality(candidate, quality))
        for fmt in NEGOTIATED_FORMATS
        for candidate in candidates(fmt)
        for quality in QUALITIES[fmt]
    ]


def survey(bench: Workbench, rungs: Sequence[int]) -> Survey:
    """Measure every candidate over its qualities on ``rungs``."""
    measured: dict[NegotiatedFormat, dict[Encoder, list[Measurement]]] = {
        fmt: defaultdict(list) for fmt in NEGOTIATED_FORMATS
    }
    for measurement in bench.run(tasks(bench.photographs, rungs, surveyed_encoders())):
        measured[measurement.format][measurement.encoder].append(measurement)
    return {fmt: _curves(by_encoder) for fmt, by_encoder in measured.items()}


def choose(surveyed: Survey, bench: Workbench, target: float) -> dict[NegotiatedFormat, Choice]:
    """Return the cheapest candidate of every format, at the lowest quality that reaches ``target`` on all rungs.

    Raises:
        UnreachableTargetError: no candidate of some format does.
    """
    choices = {}
    for fmt, curves in surveyed.items():
        name, point = cheapest(
            {name: curve.points for name, curve in curves.items()},
            target,
            partial(_cost, fmt=fmt, settings=bench.settings),
        )
        choices[fmt] = settle(bench, fmt, curves[name].encoder, target, round(point.quality))
    return choices


def _cost(point: Point, fmt: NegotiatedFormat, settings: Settings) -> float:
    return lifetime_cost(point, fmt, settings.calibration, PRICES)


def settle(bench: Workbench, fmt: NegotiatedFormat, candidate: Encoder, target: float, start: int) -> Choice:
    """Find the lowest quality of ``candidate`` that reaches ``target`` on all rungs together, starting at ``start``.

    Raises:
        UnreachableTargetError: no quality does.
    """
    rungs = sorted(bench.settings.rendering.eager_widths)
    points: dict[int, Point] = {}

    def score(quality: int) -> float:
        if quality not in points:
            points[quality] = bench.point(fmt, at_quality(candidate, quality), rungs)
        return points[quality].ssimulacra2

    quality = lowest_quality(score, target, start)
    return Choice(fmt, at_quality(candidate, quality), points[quality])


def _curves(by_encoder: dict[Encoder, list[Measurement]]) -> dict[str, Curve]:
    points: dict[str, list[Point]] = defaultdict(list)
    encoders: dict[str, Encoder] = {}
    for encoder, measurements in by_encoder.items():
        points[describe(encoder)].append(summarize(measurements))
        encoders[describe(encoder)] = encoder
    return {
        name: Curve(encoders[name], tuple(sorted(found, key=lambda point: point.quality)))
        for name, found in points.items()
    }
