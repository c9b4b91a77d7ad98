"""The photographs that engines are compared on."""

from collections.abc import Sequence
from pathlib import Path

from lambdas.core.settings import Settings
from operations.calibration.photographs import Photograph, corpus_photographs, default_folder, find_photographs

_LEAST_PIXELS = 7_900_000  # what camera makers call 8 megapixels


def large_jpegs(settings: Settings) -> list[Photograph]:
    """Return the JPEG photographs of 8 megapixels and more, of the corpus or of the rendered scenes.

    Only JPEG: what every engine reads, and what cameras write.
    """
    photographs, _ = find_photographs(default_folder(), settings)
    return [
        each
        for each in photographs
        if each.path.suffix.lower() in {".jpg", ".jpeg"} and each.size.pixels >= _LEAST_PIXELS
    ]


def spread(photographs: Sequence[Photograph], count: int) -> list[Photograph]:
    """Return up to ``count`` of ``photographs``, from the fewest pixels to the most at equal steps."""
    ordered = sorted(photographs, key=lambda each: each.size.pixels)
    if len(ordered) <= count:
        return ordered
    return [ordered[round(step * (len(ordered) - 1) / (count - 1))] for step in range(count)]


def usual(photographs: Sequence[Photograph]) -> Photograph:
    """Return the one that is nearest to 12 megapixels, what phones take."""
    return min(photographs, key=lambda each: abs(each.size.pixels - 12e6))


def largest(photographs: Sequence[Photograph]) -> Photograph:
    """Return the one with the most pixels."""
    return max(photographs, key=lambda each: each.size.pixels)


def varied_pictures(settings: Settings) -> list[Path]:
    """Return pictures of every format, many sizes: the corpus less hostile files and large JPEGs, else the scenes."""
    photos = corpus_photographs()
    if photos is None:
        found, _ = find_photographs(default_folder(), settings)
        return [photograph.path for photograph in found]
    left_out = {photograph.path for photograph in large_jpegs(settings)}
    return sorted(
        path
        for path in photos.parent.rglob("*.*")
        if path.is_file() and path.parent.name != "hostile" and path not in left_out
    )
