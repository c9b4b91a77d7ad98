"""Draw the variants of one group from one original: one decode, one chain of rungs, each format encoded once."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lambdas.core.keys import Format, Variant
from lambdas.core.settings import Settings
from lambdas.imaging.deadline import Deadline
from lambdas.imaging.decode import FailOn, decode
from lambdas.imaging.encode import encode
from lambdas.imaging.engine import pyvips
from lambdas.imaging.geometry import Focus, Size, covering_size, drawn_size, shrunk_through
from lambdas.imaging.inspect import Header, inspect, kept_frames
from lambdas.imaging.plan import ANIMATED_FORMATS
from lambdas.imaging.rejection.corrupt import corrupt
from lambdas.imaging.resize import crop, shrink


@dataclass(frozen=True, slots=True)
class Derivative:
    """A variant that has been drawn; ``size`` is its actual size in pixels."""

    variant: Variant
    size: Size
    data: bytes


def render(
    data: bytes,
    variants: Sequence[Variant],
    settings: Settings,
    *,
    seconds: float = math.inf,
    focus: Focus | None = None,
) -> Iterator[Derivative]:
    """Draw ``variants`` of the original in ``data`` and yield each as soon as it is done; crops keep ``focus`` in view.

    All of them together may take ``limits.decode_seconds`` of CPU time, and ``seconds`` by the clock.

    Raises:
        RejectedError: the original is corrupt, beyond the limits, or takes too much CPU time.
        OutOfTimeError: ``seconds`` have passed; a retry may help.
    """
    deadline = Deadline(settings.limits.decode_seconds, seconds)
    group = _Group(data, inspect(data, settings.limits), settings, deadline, focus)
    for variant in sorted(variants, key=lambda each: (each.width, each.height, each.format), reverse=True):
        yield group.draw(variant)


def ready_pixels(data: bytes, variant: Variant, settings: Settings) -> "pyvips.Image":
    """Return the pixels from which ``variant`` of the original in ``data`` is encoded, to measure encoders alone.

    Raises:
        RejectedError: as ``render``.
    """
    group = _Group(data, inspect(data, settings.limits), settings, Deadline(settings.limits.decode_seconds))
    return group.pixels(variant)


class _Group:
    """What the variants of one original share: decoded pixels, the pixels of each rung, finished encodings."""

    def __init__(
        self, data: bytes, header: Header, settings: Settings, deadline: Deadline, focus: Focus | None = None
    ) -> None:
        self._data = data
        self._header = header
        self._settings = settings
        self._deadline = deadline
        self._focus = focus
        self._frames = kept_frames(header, settings)
        self._whole: dict[tuple[Size, int], pyvips.Image] = {}
        self._cuts: dict[tuple[Size, Size, int], pyvips.Image] = {}
        self._encoded: dict[tuple[Size, Size, Format], bytes] = {}

    def pixels(self, variant: Variant) -> "pyvips.Image":
        size = self._header.size
        return self._cut(variant, covering_size(size, variant), drawn_size(size, variant))

    def draw(self, variant: Variant) -> Derivative:
        covering, size = covering_size(self._header.size, variant), drawn_size(self._header.size, variant)
        # All rungs above the original's width are one picture: it is encoded once and stored under each key.
        same = (covering, size, variant.format)
        if same not in self._encoded:
            self._encoded[same] = self._encode(variant, covering, size)
        return Derivative(variant, size, self._encoded[same])

    def _encode(self, variant: Variant, covering: Size, size: Size) -> bytes:
        try:
            pixels = self._cut(variant, covering, size)
            self._deadline.check()
            written = encode(pixels, variant.format, self._settings.formats, self._settings.rendering)
        except pyvips.Error as error:
            raise corrupt(self._data, "pixels", error) from error
        self._deadline.check()
        return written

    def _cut(self, variant: Variant, covering: Size, size: Size) -> "pyvips.Image":
        frames = self._frames if variant.format in ANIMATED_FORMATS else 1
        whole = self._shrunk(shrunk_through(self._header.size, variant, self._settings), frames)
        if covering == size:
            return whole
        if (covering, size, frames) not in self._cuts:
            cut = crop(whole, size, self._settings.rendering.crop, self._focus)
            self._cuts[covering, size, frames] = self._deadline.compute(cut)
        return self._cuts[covering, size, frames]

    def _shrunk(self, through: Sequence[Size], frames: int) -> "pyvips.Image":
        *larger, size = through
        if (size, frames) not in self._whole:
            self._whole[size, frames] = (
                self._deadline.compute(shrink(self._shrunk(larger, frames), size))
                if larger
                else self._decoded(size, frames)
            )
        return self._whole[size, frames]

    def _decoded(self, size: Size, frames: int) -> "pyvips.Image":
        fail_on: FailOn = "none" if self._settings.limits.accept_truncated else "error"
        return decode(self._data, self._header, size, self._deadline, frames=frames, fail_on=fail_on)
