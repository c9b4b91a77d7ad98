"""CPU time of small avatars, graphics and animations, beside sharp with our settings."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.table import Table

from lambdas.core.settings import Settings
from lambdas.imaging.engine import pyvips
from tests.bench.imaging.contenders import Contender, draw_with

ROUNDS = 3
_AVATARS = (128, 64)  # pixels
_SCREEN = (2560, 1600)
_FRAMES, _FRAME = 40, (480, 270)


@dataclass(frozen=True, slots=True)
class Kind:
    """Originals of one kind: CPU seconds of a set, the median of the rounds, by us and by sharp."""

    derivatives: int
    kilobytes: float
    cpu_seconds: float
    sharp_cpu_seconds: float

    @property
    def ratio(self) -> float:
        """Our CPU time in sharp's."""
        return self.cpu_seconds / self.sharp_cpu_seconds


def measure_kinds(photograph: Path, settings: Settings, folder: Path, report: Callable[[int], None]) -> dict[str, Kind]:
    """Draw each kind with Darkroom and with sharp, in turn; ``report`` is called with 1 after each kind."""
    formats = settings.formats.model_dump(mode="json")
    ours, sharp = Contender("Darkroom", "darkroom", formats), Contender("sharp, by our settings", "sharp", formats)
    found = {}
    for name, (path, widths) in kinds(photograph, settings.ladder.widths, folder).items():
        runs = [(draw_with(ours, [path], widths), draw_with(sharp, [path], widths)) for _ in range(ROUNDS)]
        sizes = runs[0][0].drawings[0].bytes
        mine, theirs = (statistics.median(run[which].drawings[0].cpu for run in runs) for which in (0, 1))
        found[name] = Kind(len(sizes), sum(sizes.values()) / 1000, mine, theirs)
        report(1)
    return found


def kinds(photograph: Path, widths: Sequence[int], folder: Path) -> dict[str, tuple[Path, Sequence[int]]]:
    """Return an original of each kind, written into ``folder`` if it is no photograph, and the widths to draw."""
    screenshot, animation = folder / "screenshot.png", folder / "animation.gif"
    _screenshot(*_SCREEN).pngsave(str(screenshot))
    _animation(_FRAMES, *_FRAME).gifsave(str(animation))
    return {
        "avatars of a photograph": (photograph, _AVATARS),
        "screenshot": (screenshot, widths),
        "animated GIF": (animation, widths),
    }


def kinds_table(found: Mapping[str, Kind]) -> Table:
    """Return what each kind took, in CPU seconds."""
    table = Table(title="Other kinds of originals, CPU s of a set", title_justify="left")
    table.add_column("kind")
    for name in ("derivatives", "KB", "Darkroom", "sharp, by our settings", "×"):
        table.add_column(name, justify="right")
    for name, kind in found.items():
        figures = (f"{kind.kilobytes:.0f}", f"{kind.cpu_seconds:.3f}", f"{kind.sharp_cpu_seconds:.3f}")
        table.add_row(name, str(kind.derivatives), *figures, f"{kind.ratio:.2f}")
    return table


def _screenshot(width: int, height: int) -> "pyvips.Image":
    """Draw windows of one colour with lines of small hard-edged marks in them, as text has."""
    chance = np.random.default_rng(1)
    pixels = np.full((height, width, 3), 245, np.uint8)
    glyphs = chance.random((64, 14, 8)) < 0.35
    for left, top in ((60, 60), (1300, 60), (60, 840), (1300, 840)):
        pixels[top : top + 700, left : left + 1180] = chance.choice([255, 30, 250])
        ink = (230, 230, 230) if pixels[top, left, 0] < 128 else (20, 20, 30)
        for row in range(top + 20, top + 670, 26):
            for column in range(left + 20, left + 1140, 10):
                if chance.random() < 0.8:
                    pixels[row : row + 14, column : column + 8][glyphs[chance.integers(64)]] = ink
    return pyvips.Image.new_from_array(pixels).copy(interpretation="srgb")


def _animation(frames: int, width: int, height: int) -> "pyvips.Image":
    """Draw a disc that crosses a gradient."""
    rows, columns = np.mgrid[0:height, 0:width]
    drawn = np.empty((frames, height, width, 3), np.uint8)
    drawn[...] = np.dstack([rows * 255 // height, columns * 255 // width, np.full_like(rows, 90)])
    for number in range(frames):
        inside = (columns - number * width // frames) ** 2 + (rows - height // 2) ** 2 < 60**2
        drawn[number][inside] = (250, 240, 60)
    moving = pyvips.Image.new_from_array(drawn.reshape(frames * height, width, 3)).copy(interpretation="srgb")
    moving.set_type(pyvips.GValue.gint_type, "page-height", height)
    moving.set_type(pyvips.GValue.array_int_type, "delay", [50] * frames)
    return moving
