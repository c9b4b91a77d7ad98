"""Contender: the floor. Bare encoders on pixels that are ready; decoding and resizing are not counted."""

import json
import sys
import time

from lambdas.encoders import Formats
from lambdas.imaging.engine import pyvips
from lambdas.imaging.render import ready_pixels
from lambdas.keys import Variant
from tests.bench.imaging.child import peak_memory_mb, read_job
from tests.bench.imaging.darkroom import settings_of


def encode_all(pixels: "pyvips.Image", rung: int, formats: Formats) -> dict[str, bytes]:
    """Hand ``pixels`` to each encoder."""
    avif, webp, jpeg = formats.avif, formats.webp, formats.jpeg
    subsampling = "on" if avif.chroma == "4:2:0" else "off"
    return {
        f"{rung}x0.avif": pixels.heifsave_buffer(
            compression="av1", Q=avif.quality, effort=avif.effort, bitdepth=8, subsample_mode=subsampling, keep="none"
        ),
        f"{rung}x0.webp": pixels.webpsave_buffer(Q=webp.quality, effort=webp.effort, keep="none"),
        f"{rung}x0.jpeg": pixels.jpegsave_buffer(
            Q=jpeg.quality,
            optimize_coding=True,
            quant_table=jpeg.quantization_table,
            interlace=jpeg.progressive,
            trellis_quant=jpeg.trellis,
            keep="none",
        ),
    }


def main() -> None:
    """Time the encoders alone."""
    job = read_job()
    settings = settings_of(job)
    photographs = []
    for number, path in enumerate(job.photographs):
        data = path.read_bytes()
        ready = {rung: ready_pixels(data, Variant(rung, 0, "avif"), settings).copy_memory() for rung in job.widths}
        if number == 0:
            encode_all(ready[job.widths[-1]], job.widths[-1], settings.formats)
        cpu, wall = time.process_time(), time.perf_counter()
        sizes: dict[str, int] = {}
        for rung, pixels in ready.items():
            written = encode_all(pixels, rung, settings.formats)
            sizes |= {name: len(data) for name, data in written.items()}
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        photographs.append({"cpu": cpu, "wall": wall, "bytes": sizes})
    json.dump({"photographs": photographs, "peak_memory_mb": peak_memory_mb(), "versions": ""}, sys.stdout)


if __name__ == "__main__":
    main()
