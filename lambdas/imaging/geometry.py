"""Sizes: how many pixels a variant of a given original has; pure arithmetic.

A variant names a rung and a height; the pixels never exceed what the original has.
"""

from dataclasses import dataclass

from lambdas.core.keys import Variant
from lambdas.core.settings import Settings

LONGEST_SIDE = 16_383  # pixels; the limit of WebP, and enough for a long screenshot


@dataclass(frozen=True, slots=True)
class Size:
    """Width and height in pixels, upright."""

    width: int
    height: int

    @property
    def pixels(self) -> int:
        """Width times height."""
        return self.width * self.height

    def scaled(self, factor: float) -> "Size":
        """Return both sides times ``factor``, rounded, at least one pixel each."""
        return Size(max(1, round(self.width * factor)), max(1, round(self.height * factor)))


@dataclass(frozen=True, slots=True)
class Focus:
    """A point of a picture that its crops keep in view: fractions of the upright width and height, from 0 to 1."""

    x: float
    y: float


def crop_corner(covering: Size, size: Size, focus: Focus) -> tuple[int, int]:
    """Return left and top, in pixels, of a crop to ``size`` from ``covering``: ``focus`` is as central as it can be."""
    left = round(focus.x * covering.width - size.width / 2)
    top = round(focus.y * covering.height - size.height / 2)
    return min(max(left, 0), covering.width - size.width), min(max(top, 0), covering.height - size.height)


def drawn_size(original: Size, variant: Variant) -> Size:
    """Return the size of ``variant`` of a picture of size ``original``.

    Proportional variants stop at the original's width, and at ``LONGEST_SIDE``. A crop that the
    original cannot fill keeps its aspect ratio and shrinks until the original fills it.
    """
    if variant.height == 0:
        return original.scaled(min(1.0, variant.width / original.width, LONGEST_SIDE / original.height))
    asked = Size(variant.width, variant.height)
    return asked.scaled(min(1.0, original.width / asked.width, original.height / asked.height))


def covering_size(original: Size, variant: Variant) -> Size:
    """Return the size to which all of ``original`` is shrunk before ``variant`` is cropped from it."""
    target = drawn_size(original, variant)
    if variant.height == 0:
        return target
    covering = original.scaled(min(1.0, max(target.width / original.width, target.height / original.height)))
    return Size(max(covering.width, target.width), max(covering.height, target.height))


def base_size(original: Size, variant: Variant, settings: Settings) -> Size:
    """Return the size at which ``original`` is decoded to draw ``variant``.

    It is the size of the widest rung that is drawn ahead, or of the top rung for wider variants; whatever else is
    drawn in the same group, so that a variant's bytes depend on the original and the settings alone. Only a crop
    that needs more pixels than that rung has (of a panorama, say) has a base of its own.
    """
    ahead, last = max(settings.rendering.eager_widths), settings.ladder.widths[-1]
    top = drawn_size(original, Variant(ahead if variant.width <= ahead else last, 0, variant.format))
    covering = covering_size(original, variant)
    return covering if covering.pixels > top.pixels else top


def shrunk_through(original: Size, variant: Variant, settings: Settings) -> tuple[Size, ...]:
    """Return the sizes to which ``original`` is shrunk in turn until ``variant`` is cropped from the last.

    The first is ``base_size``, the last ``covering_size``; between them are rungs, each at least twice
    as wide as the next size, because smaller steps would soften the picture. They depend on the
    original and the settings alone.
    """
    base = base_size(original, variant, settings)
    chain = [covering_size(original, variant)]
    rungs = [drawn_size(original, Variant(width, 0, variant.format)) for width in settings.ladder.widths]
    while larger := [rung for rung in rungs if 2 * chain[0].width <= rung.width < base.width]:
        chain.insert(0, larger[0])
    return tuple(chain) if chain[0] == base else (base, *chain)
