"""Contender: Pillow with its own defaults, as its documentation would have it used."""

import io

import PIL
from PIL import Image, ImageOps

from tests.bench.imaging.child import Drawn, read_job, report

_SAVE = {"avif": {"max_threads": 1}, "webp": {}, "jpeg": {}}


def draw(data: bytes, widths: list[int]) -> Drawn:
    """Decode once, shrunk by the JPEG decoder as far as it can; shrink each rung from the last; encode each."""
    with Image.open(io.BytesIO(data)) as opened:
        sideways = opened.getexif().get(0x0112, 1) >= 5  # EXIF orientation
        across, down = reversed(opened.size) if sideways else opened.size
        widest = max(widths)
        asked = widest, round(widest * down / across)
        opened.draft("RGB", (asked[1], asked[0]) if sideways else asked)
        image = ImageOps.exif_transpose(opened).convert("RGB")
    for width in sorted(widths, reverse=True):
        image = image.resize((width, round(width * down / across)), Image.Resampling.LANCZOS)
        for fmt, options in _SAVE.items():
            file = io.BytesIO()
            image.save(file, fmt, **options)
            yield f"{width}x0.{fmt}", file.getvalue()


if __name__ == "__main__":
    _job = read_job()
    report(
        _job,
        lambda data: draw(data, _job.widths),
        f"Pillow {PIL.__version__}",
        lambda data: list(draw(data, _job.widths[-1:])),
    )
