"""The choice of encoder settings from measurements: the cheapest that reach the target. Pure arithmetic."""

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import product

import numpy as np

from lambdas.core.keys import NegotiatedFormat
from lambdas.core.settings.pictures import Calibration
from operations.costs.prices import Prices

LOWEST_QUALITY, HIGHEST_QUALITY = 1, 100
# Closer costs count as equal: CPU, an eighth of the cost, varies by 4 % from day to day.
SAME_COST = 0.005
_GIGABYTE = 1_000_000_000


class UnreachableTargetError(ValueError):
    """No measured setting reaches the target; the message has the target and the closest."""


@dataclass(frozen=True, slots=True)
class Point:
    """What one encoder reaches at one quality: means over the derivatives of all photographs and rungs."""

    quality: float
    """The encoder's own scale; fractional if interpolated."""
    ssimulacra2: float
    bytes: float
    cpu_seconds: float
    pixels: float

    @property
    def bits_per_pixel(self) -> float:
        """Size per pixel."""
        return 8 * self.bytes / self.pixels

    @property
    def cpu_ms_per_megapixel(self) -> float:
        """CPU time per pixel."""
        return 1e9 * self.cpu_seconds / self.pixels


def lifetime_cost(point: Point, fmt: NegotiatedFormat, calibration: Calibration, prices: Prices) -> float:
    """Return the lifetime cost of a derivative in USD: rendered once, stored for months, delivered several times."""
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
    """Return the point where ``curve`` reaches ``target``, interpolated between its points, never beyond them.

    Bytes grow about exponentially with quality, so their logarithm is interpolated.

    Raises:
        UnreachableTargetError: even the highest measured quality is below the target.
    """
    points = sorted(curve, key=lambda point: point.quality)
    if not points:
        raise UnreachableTargetError(f"expected measurements to reach {target:g} but received none")
    # A score may dip between two qualities; the best so far counts.
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
    """Return the name of the curve that reaches ``target`` at the lowest ``cost``, and the point.

    Among equal costs (within ``SAME_COST``) it is the one with the least CPU.

    Raises:
        UnreachableTargetError: none does; the message names the closest.
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
    curves: Mapping[NegotiatedFormat, Mapping[str, Sequence[Point]]],
    targets: Mapping[NegotiatedFormat, float],
    bytes_limit: float,
) -> dict[NegotiatedFormat, str]:
    """Return one curve per format that reaches its target, with the least CPU whose sizes together fit the limit.

    ``bytes_limit`` is for one derivative of every format.

    Raises:
        UnreachableTargetError: a target is not reached, or the smallest set is larger than allowed.
    """
    reached: dict[NegotiatedFormat, dict[str, Point]] = {fmt: {} for fmt in curves}
    for fmt, named in curves.items():
        cheapest(named, targets[fmt], lambda point: point.bytes)  # says why, if none reaches the target
        for name, curve in named.items():
            with suppress(UnreachableTargetError):
                reached[fmt][name] = at_target(curve, targets[fmt])
    sets = [dict(zip(reached, names, strict=True)) for names in product(*reached.values())]

    def size(chosen: Mapping[NegotiatedFormat, str]) -> float:
        return sum(reached[fmt][name].bytes for fmt, name in chosen.items())

    small = [chosen for chosen in sets if size(chosen) <= bytes_limit]
    if not small:
        raise UnreachableTargetError(
            f"expected derivatives of {bytes_limit:.0f} bytes in all formats together"
            f" but received at least {min(map(size, sets)):.0f}"
        )
    return min(small, key=lambda chosen: sum(reached[fmt][name].cpu_seconds for fmt, name in chosen.items()))


def lowest_quality(score: Callable[[int], float], target: float, start: int) -> int:
    """Return the lowest quality whose ``score`` is at least ``target``, searched step by step from ``start``.

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
