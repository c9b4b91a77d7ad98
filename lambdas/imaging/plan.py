"""Split a picture's variants into groups of about equal cost; each group decodes the original once.

The costs are CPU seconds per megapixel: means over ten camera photographs of 4 to 22 megapixels,
libvips 8.18 at the default efforts, one core of an x86 server. On a slower core all grow alike, and
only their proportions balance the groups.
"""

import math
from collections import defaultdict
from collections.abc import Sequence

from lambdas.core.keys import Format, Variant
from lambdas.core.settings import Settings
from lambdas.imaging.formats import OriginalFormat
from lambdas.imaging.geometry import Size, base_size, covering_size, drawn_size

ANIMATED_FORMATS: frozenset[Format] = frozenset({"avif", "webp"})

ENCODE_SECONDS: dict[Format, float] = {"avif": 0.145, "webp": 0.09, "jpeg": 0.011, "png": 0.1}

# Per megapixel of the original, shrunk to the top rung.
DECODE_SECONDS: dict[OriginalFormat, float] = {
    "jpeg": 0.010,
    "png": 0.015,
    "webp": 0.015,
    "avif": 0.030,
    "heic": 0.030,
    "jxl": 0.060,
    "tiff": 0.006,
    "gif": 0.010,
}

_MEGA = 1_000_000


def plan(
    original: Size, fmt: OriginalFormat, variants: Sequence[Variant], settings: Settings, *, frames: int = 1
) -> list[list[Variant]]:
    """Split ``variants`` of a picture of size ``original`` into groups of about equal cost.

    ``frames`` is the number of frames in animated derivatives.

    There are as few groups as keep each near ``pipeline.group_seconds``, at most
    ``pipeline.derive_concurrency``, and none that would take longer to decode than to encode.
    Variants that are the same picture under several keys stay together.
    """
    units = _units(original, variants, settings)
    costs = {key: _encode_cost(unit[0], original, frames) for key, unit in units.items()}
    decode = DECODE_SECONDS[fmt] * original.pixels * frames / _MEGA
    worth_a_group = max(settings.pipeline.group_seconds, decode)
    count = math.ceil(sum(costs.values()) / worth_a_group)
    count = max(1, min(count, settings.pipeline.derive_concurrency, len(units)))

    groups: list[list[Variant]] = [[] for _ in range(count)]
    loads = [0.0] * count
    # Longest first onto the least loaded: at most 4/3 of the best possible (Graham, 1969).
    for key in sorted(units, key=lambda each: (-costs[each], str(units[each][0]))):
        lightest = loads.index(min(loads))
        groups[lightest].extend(units[key])
        loads[lightest] += costs[key]
    return [group for group in groups if group]


def _units(
    original: Size, variants: Sequence[Variant], settings: Settings
) -> dict[tuple[Size, Size, Size, Format], list[Variant]]:
    """Group the variants that come out as the same bytes."""
    units: dict[tuple[Size, Size, Size, Format], list[Variant]] = defaultdict(list)
    for variant in variants:
        base = base_size(original, variant, settings)
        covering, drawn = covering_size(original, variant), drawn_size(original, variant)
        units[base, covering, drawn, variant.format].append(variant)
    return units


def _encode_cost(variant: Variant, original: Size, frames: int) -> float:
    drawn = drawn_size(original, variant).pixels * (frames if variant.format in ANIMATED_FORMATS else 1)
    return ENCODE_SECONDS[variant.format] * drawn / _MEGA
