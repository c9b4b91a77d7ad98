"""Contender: the floor, and our full set beside it in the same process.

The floor is bare encoders on pixels that are ready: decoding and resizing are not counted. How memory happens to lie
makes encoders up to a quarter slower or faster, by the process: what differs by a tenth is compared within one.
"""

import json
import sys

from lambdas.core.keys import NEGOTIATED_FORMATS, Variant
from lambdas.core.settings import Settings
from lambdas.core.settings.pictures import Formats
from lambdas.imaging.engine import pyvips
from lambdas.imaging.render import ready_pixels
from tests.bench.imaging.child import Drawn, Job, Took, peak_memory_mb, read_job, timed
from tests.bench.imaging.darkroom import draw, settings_of, variants_of


def encode_all(pixels: "pyvips.Image", rung: int, formats: Formats) -> Drawn:
    """Hand ``pixels`` to each encoder."""
    avif, webp, jpeg = formats.avif, formats.webp, formats.jpeg
    subsampling = "on" if avif.chroma == "4:2:0" else "off"
    yield (
        f"{rung}x0.avif",
        pixels.heifsave_buffer(
            compression="av1", Q=avif.quality, effort=avif.effort, bitdepth=8, subsample_mode=subsampling, keep="none"
        ),
    )
    yield f"{rung}x0.webp", pixels.webpsave_buffer(Q=webp.quality, effort=webp.effort, keep="none")
    yield (
        f"{rung}x0.jpeg",
        pixels.jpegsave_buffer(
            Q=jpeg.quality,
            optimize_coding=True,
            quant_table=jpeg.quantization_table,
            interlace=jpeg.progressive,
            trellis_quant=jpeg.trellis,
            keep="none",
        ),
    )


def bare(data: bytes, job: Job, settings: Settings) -> Took:
    """Return what the encoders take for every rung."""
    ready = {rung: ready_pixels(data, Variant(rung, 0, "avif"), settings).copy_memory() for rung in job.widths}
    _drawn, took = timed(
        lambda: [each for rung, pixels in ready.items() for each in encode_all(pixels, rung, settings.formats)]
    )
    return took


def full_set(data: bytes, job: Job, settings: Settings) -> Took:
    """Return what our full set takes."""
    _drawn, took = timed(lambda: draw(data, variants_of(job), settings))
    return took


def main() -> None:
    """Time both twice, each of them once as the first."""
    job = read_job()
    settings = settings_of(job)
    smallest = variants_of(job)[-len(NEGOTIATED_FORMATS) :]
    list(draw(job.photographs[0].read_bytes(), smallest, settings))
    encoded, drawn = [], []
    for path in job.photographs:
        data = path.read_bytes()
        turns = [each(data, job, settings) for each in (bare, full_set, full_set, bare)]
        encoded.append(_mean(turns[0], turns[3]))
        drawn.append(_mean(turns[1], turns[2]))
    report = {"photographs": encoded, "beside": drawn, "peak_memory_mb": peak_memory_mb(), "versions": ""}
    json.dump(report, sys.stdout)


def _mean(one: Took, other: Took) -> Took:
    return {**one, **{clock: (one[clock] + other[clock]) / 2 for clock in ("cpu", "wall")}}


if __name__ == "__main__":
    main()
