"""The encoder settings to try. A candidate is everything but quality; each is measured at several qualities."""

from itertools import product
from typing import get_args

from lambdas.core.keys import NegotiatedFormat
from lambdas.core.settings.pictures import AvifEncoder, Encoder, Formats, JpegEncoder, WebpEncoder

# Far apart: between two of them the score is close enough to a straight line to interpolate.
QUALITIES: dict[NegotiatedFormat, tuple[int, ...]] = {
    "avif": (35, 45, 55, 65, 80),
    "webp": (50, 65, 75, 85, 95),
    "jpeg": (45, 60, 70, 80, 90),
}


def candidates(fmt: NegotiatedFormat) -> list[Encoder]:
    """Return the candidates of ``fmt``, each at the lowest quality of the survey.

    Settings that cost CPU or bytes on photographs without a gain are left out: AVIF above effort 2 or tuned for
    another metric, WebP's presets and finer subsampling, JPEG with full chroma or other quantization tables.
    """
    lowest = QUALITIES[fmt][0]
    match fmt:
        case "avif":
            return [
                AvifEncoder(quality=lowest, effort=effort, chroma=chroma)
                for effort, chroma in product((0, 1, 2), get_args(AvifEncoder.model_fields["chroma"].annotation))
            ]
        case "webp":
            return [WebpEncoder(quality=lowest, effort=effort) for effort in (0, 2, 4, 6)]
        case "jpeg":
            return [
                JpegEncoder(quality=lowest, quantization_table=table, progressive=progressive, trellis=trellis)
                for table, progressive, trellis in product((0, 3), (False, True), (False, True))
            ]


def at_quality(encoder: Encoder, quality: int) -> Encoder:
    """Return ``encoder`` at another quality."""
    return encoder.model_copy(update={"quality": quality})


def shipped(formats: Formats, fmt: NegotiatedFormat) -> Encoder:
    """Return the encoder of ``fmt`` in the settings."""
    encoders: dict[NegotiatedFormat, Encoder] = {"avif": formats.avif, "webp": formats.webp, "jpeg": formats.jpeg}
    return encoders[fmt]


def describe(encoder: Encoder) -> str:
    """Return a short name of the candidate, without its quality."""
    match encoder:
        case AvifEncoder():
            return f"effort {encoder.effort}, {encoder.chroma}"
        case WebpEncoder():
            return f"effort {encoder.effort}"
        case JpegEncoder():
            marks = [f"table {encoder.quantization_table}"]
            marks += ["progressive"] if encoder.progressive else []
            marks += ["trellis"] if encoder.trellis else []
            return ", ".join(marks)
    raise TypeError(f"expected an encoder of AVIF, WebP or JPEG but received {type(encoder).__name__}")
