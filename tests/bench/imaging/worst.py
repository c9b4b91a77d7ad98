"""CPU time of the worst originals that the limits admit: as many pixels, scans and passes as each kind may have.

Run as ``python -m tests.bench.imaging.worst`` it is the process that describes and draws one.
"""

import json
import re
import struct
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.table import Table

from lambdas.core.messages import Group
from lambdas.core.settings import Settings, load_settings
from lambdas.imaging.engine import pyvips
from lambdas.imaging.formats import require_original, sniff
from lambdas.imaging.rejection import RejectedError
from lambdas.imaging.rejection.limits import check_bytes
from lambdas.imaging.render import render
from lambdas.metadata.describe import describe
from tests.bench.imaging.contenders import execute

_LONGEST_RUN = 2**15 - 1  # blocks without a coefficient that one code can say (ITU-T T.81, G.1.2.2)


@dataclass(frozen=True, slots=True)
class Worst:
    """CPU seconds of one original: to describe it, and of its costliest group of variants."""

    megapixels: float
    megabytes: float
    describe_seconds: float
    group_seconds: float
    rejected: str | None

    @property
    def cpu_seconds(self) -> float:
        """The most that one execution of a function takes for it."""
        return max(self.describe_seconds, self.group_seconds)


def kinds(settings: Settings) -> Mapping[str, Callable[[], bytes]]:
    """Return how to write the worst original of each kind that ``settings`` admit."""
    limits = settings.limits
    return {
        "JPEG, progressive, most scans": lambda: _most_scans(limits.max_pixels, limits.max_scans),
        "JPEG, CMYK, progressive": lambda: _cmyk(_texture(limits.max_pixels)),
        "PNG, 16 bit, alpha, interlaced": lambda: _png(_texture(limits.max_pixels, 32)),
        "WebP, lossless": lambda: _texture(limits.max_pixels, 64).webpsave_buffer(lossless=True, effort=0),
        "AVIF, 12 bit, 4:4:4, alpha": lambda: _avif(_texture(limits.max_whole_frame_pixels)),
    }


def measure_worst(settings: Settings, folder: Path, report: Callable[[int], None]) -> dict[str, Worst]:
    """Write and draw the worst original of each kind, each in a process of its own; return what each took.

    ``report`` is called after each with 1.
    """
    taken = {}
    for kind, write in kinds(settings).items():
        file = folder / "worst"
        data = write()
        check_bytes(len(data), settings.limits)
        file.write_bytes(data)
        taken[kind] = Worst(**execute([sys.executable, "-m", "tests.bench.imaging.worst"], str(file), kind))
        report(1)
    return taken


def worst_table(worst: Mapping[str, Worst]) -> Table:
    """Return what each kind took, in CPU seconds."""
    table = Table(title="Worst originals within the limits, CPU s", title_justify="left")
    table.add_column("kind")
    for name in ("megapixels", "MB", "describe", "costliest group"):
        table.add_column(name, justify="right")
    table.add_column("rejected")
    for kind, each in worst.items():
        figures = (each.megapixels, each.megabytes, each.describe_seconds, each.group_seconds)
        table.add_row(kind, *(f"{figure:.1f}" for figure in figures), each.rejected or "")
    return table


def _texture(pixels: int, tile_side: int = 512) -> pyvips.Image:
    """Return a 3:2 picture of at most so many pixels, with detail everywhere as a photograph of foliage has.

    It repeats itself after ``tile_side`` pixels: soon enough for a lossless file to stay within its size.
    """
    height = int((pixels / 1.5) ** 0.5) // 16 * 16
    width = min(pixels // height, height * 3 // 2) // 16 * 16
    tile = pyvips.Image.gaussnoise(tile_side, tile_side, mean=128, sigma=60, seed=1).gaussblur(1.2)
    bands = tile.bandjoin([tile.rot90(), tile.rot180()]).cast("uchar").copy(interpretation="srgb")
    return bands.replicate(-(-width // tile_side), -(-height // tile_side)).crop(0, 0, width, height)


def _most_scans(pixels: int, scans: int) -> bytes:
    """Return a flat progressive JPEG with a scan for each of the first coefficients of each component, all legal."""
    flat = (_texture(pixels) * 0 + 128).cast("uchar").copy(interpretation="srgb")
    data = flat.jpegsave_buffer(Q=75, interlace=True, subsample_mode="off", keep="none")
    first = data.index(b"\xff\xda") + 2
    next_marker = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]").search(data, first)
    assert next_marker
    blocks = -(-flat.width // 8) * -(-flat.height // 8)
    bits = ("0" + "1" * 14) * -(-blocks // _LONGEST_RUN)
    bits += "1" * (-len(bits) % 8)
    run = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\x00")
    # One code, of one bit: so many blocks without this coefficient, their number in the 14 bits that follow.
    table = b"\xff\xc4" + struct.pack(">HB16BB", 20, 0x10, 1, *[0] * 15, 0xE0)
    order = [(component, coefficient) for coefficient in range(1, 64) for component in (1, 2, 3)]
    more = [
        b"\xff\xda" + struct.pack(">HBBBBBB", 8, 1, component, 0, coefficient, coefficient, 0) + run
        for component, coefficient in order[: scans - 1]
    ]
    return data[: next_marker.start()] + table + b"".join(more) + b"\xff\xd9"


def _cmyk(image: pyvips.Image) -> bytes:
    inks = image.icc_transform("cmyk", input_profile="srgb")
    return inks.jpegsave_buffer(interlace=True, subsample_mode="off", Q=60, keep="none")


def _deep(image: pyvips.Image) -> pyvips.Image:
    deep = (image.cast("ushort") * 257).cast("ushort").copy(interpretation="rgb16")
    return deep.bandjoin(deep[1])


def _png(image: pyvips.Image) -> bytes:
    return _deep(image).pngsave_buffer(interlace=True, compression=1)


def _avif(image: pyvips.Image) -> bytes:
    return _deep(image).heifsave_buffer(compression="av1", effort=0, bitdepth=12, subsample_mode="off")


def _draw(file: Path) -> Worst:
    settings, data = load_settings(), file.read_bytes()
    groups: Sequence[Group] = ()
    pixels, spent, rejected = 0, [0.0], None
    began = time.process_time()
    try:
        metadata, groups = describe(data, require_original(sniff(data)), settings)
        pixels = metadata.width * metadata.height
    except RejectedError as error:
        rejected = f"{error.code}: {error}"
    described = time.process_time() - began
    for group in groups:
        began = time.process_time()
        try:
            list(render(data, group.variants, settings))
        except RejectedError as error:
            rejected = f"{error.code}: {error}"
        spent.append(time.process_time() - began)
    return Worst(pixels / 1e6, len(data) / 1e6, described, max(spent), rejected)


if __name__ == "__main__":
    json.dump(asdict(_draw(Path(sys.stdin.read()))), sys.stdout)
