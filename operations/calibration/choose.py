"""Choose encoder settings from measurements: the cheapest that reach the target; pure arithmetic."""

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import product

import numpy as np

from lambdas.core.keys import Format
from lambdas.core.settings.pictures import Calibration
from operations.costs.prices import Prices

LOWEST_QUALITY, HIGHEST_QUALITY = 1, 100
# Costs that lie closer count as one: CPU, an eighth of a cost, is measured to 4 % from one day to the next.
SAME_COST = 0.005
_GIGABYTE = 1_000_000_000


class UnreachableTargetError(ValueError):
    """No setting that was measured is good enough: the message says what was asked for and what came nearest."""


@dataclass(frozen=True, slots=True)
class Point:
    """What one encoder reaches at one quality: means over the derivatives of all photographs and rungs."""

    quality: float
    """The encoder's own scale; a fraction where it lies between two that were measured."""
    ssimulacra2: float
    bytes: float
    cpu_seconds: float
    pixels: float

    @property
    def bits_per_pixel(self) -> float:
        """Size, whatever the dimensions."""
        return 8 * self.bytes / self.pixels

    @property
    def cpu_ms_per_megapixel(self) -> float:
        """CPU of the encoder, whatever the dimensions."""
        return 1e9 * self.cpu_seconds / self.pixels


def lifetime_cost(point: Point, fmt: Format, calibration: Calibration, prices: Prices) -> float:
    """Return what a derivative costs in its life, in USD: drawn once, stored for months, delivered now and then."""
    deliveries = {
        "avif": calibration.deliveries.avif,
        "webp": calibration.deliveries.webp,
        "jpeg": calibration.deliveries.jpeg,
    }[fmt]
    drawing = point.cpu_seconds * prices.vcpu_second
    storage = calibration.stored_months * prices.stored_gb_month
    delivery = deliveries * prices.delivered_gb
    return drawing + point.bytes / _GIGABYTE * (storage + delivery)


def at_target(curve: Sequence[Point], target: float) -> Point:
    """Return where ``curve``, measured at a few qualities, reaches ``target``: between its points, never beyond them.

    Bytes grow with quality about exponentially, so it is their logarithm that is drawn straight.

    Raises:
        UnreachableTargetError: even the highest quality measured stays below the target.
    """
    points = sorted(curve, key=lambda point: point.quality)
    if not points:
        raise UnreachableTargetError(f"expected measurements to reach {target:g} but received none")
    # The score of a photograph may dip between two qualities; what counts is the best up to each.
    scores = np.maximum.accumulate([point.ssimulacra2 for point in points])
    if scores[-1] < target:
        raise UnreachableTargetError(
            f"expected a SSIMULACRA2 of {target:g} but received at most {scores[-1]:.1f},"
            f" at quality {points[-1].quality:g}"
        )
    above = next(index for index, score in enumerate(scores) if score >= target)
    if above == 0:
        return points[0]
    low, high = points[above - 1], points[above]
    share = (target - scores[above - 1]) / (scores[above] - scores[above - 1])
    return Point(
        quality=_between(low.quality, high.quality, share),
        ssimulacra2=target,
        bytes=math.exp(_between(math.log(low.bytes), math.log(high.bytes), share)),
        cpu_seconds=_between(low.cpu_seconds, high.cpu_seconds, share),
        pixels=high.pixels,
    )


def cheapest(curves: Mapping[str, Sequence[Point]], target: float, cost: Callable[[Point], float]) -> tuple[str, Point]:
    """Return the name of the curve that reaches ``target`` at the least ``cost``, and where it does.

    Of those that cost the same, within ``SAME_COST``, it is the one that takes the least CPU.

    Raises:
        UnreachableTargetError: none does; names the one that comes nearest.
    """
    reached: dict[str, Point] = {}
    failures: dict[str, str] = {}
    for name, curve in curves.items():
        try:
            reached[name] = at_target(curve, target)
        except UnreachableTargetError as error:
            failures[name] = str(error)
    if not reached:
        if not curves:
            raise UnreachableTargetError(f"expected candidates to reach {target:g} but received none")
        nearest = max(curves, key=lambda name: max((point.ssimulacra2 for point in curves[name]), default=-math.inf))
        raise UnreachableTargetError(f"{failures[nearest]} ({nearest}, the best of {len(curves)} candidates)")
    costs = {name: cost(point) for name, point in reached.items()}
    least = min(costs.values())
    alike = [name for name in reached if costs[name] <= least * (1 + SAME_COST)]
    best = min(alike, key=lambda name: (reached[name].cpu_seconds, name))
    return best, reached[best]


def cheapest_set(
    curves: Mapping[Format, Mapping[str, Sequence[Point]]], targets: Mapping[Format, float], bytes_limit: float
) -> dict[Format, str]:
    """Return one curve a format: each reaches its target, all together stay within a size, at the least CPU.

    ``bytes_limit`` is for one derivative of every format.

    Raises:
        UnreachableTargetError: a target is not reached, or the smallest set is larger than allowed.
    """
    reached: dict[Format, dict[str, Point]] = {fmt: {} for fmt in curves}
    for fmt, named in curves.items():
        cheapest(named, targets[fmt], lambda point: point.bytes)  # says why, if none reaches the target
        for name, curve in named.items():
            with suppress(UnreachableTargetError):
                reached[fmt][name] = at_target(curve, targets[fmt])
    sets = [dict(zip(reached, names, strict=True)) for names in product(*reached.values())]

    def size(chosen: Mapping[Format, str]) -> float:
        return sum(reached[fmt][name].bytes for fmt, name in chosen.items())

    small = [chosen for chosen in sets if size(chosen) <= bytes_limit]
    if not small:
        raise UnreachableTargetError(
            f"expected derivatives of {bytes_limit:.0f} bytes in all formats together"
            f" but received at least {min(map(size, sets)):.0f}"
        )
    return min(small, key=lambda chosen: sum(reached[fmt][name].cpu_seconds for fmt, name in chosen.items()))


def lowest_quality(score: Callable[[int], float], target: float, start: int) -> int:
    """Return the lowest quality whose ``score`` is at least ``target``, looked for step by step from ``start``.

    ``score`` is expensive: it is asked once for each quality on the way.

    Raises:
        UnreachableTargetError: the highest quality stays below the target.
    """
    quality = min(max(start, LOWEST_QUALITY), HIGHEST_QUALITY)
    received = score(quality)
    if received >= target:
        while quality > LOWEST_QUALITY and score(quality - 1) >= target:
            quality -= 1
        return quality
    while quality < HIGHEST_QUALITY:
        quality += 1
        received = score(quality)
        if received >= target:
            return quality
    raise UnreachableTargetError(
        f"expected a SSIMULACRA2 of {target:g} but received {received:.1f} at quality {HIGHEST_QUALITY}"
    )


def _between(low: float, high: float, share: float) -> float:
    return low + (high - low) * share
