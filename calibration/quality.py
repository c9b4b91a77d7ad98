"""How good a derivative looks beside its original: SSIMULACRA2, by its Python port.

Scores below 0 are ruins; 50 is medium quality, 70 high, 90 not to be told from the original; 100 is equal.
"""

import io

from PIL import Image
from ssimulacra2 import compute_ssimulacra2

from calibration.photographs import Pixels
from lambdas.imaging.engine import pyvips


def ssimulacra2(expected: Pixels, received: Pixels) -> float:
    """Return how much ``received`` looks like ``expected``, 100 at most; about a second a megapixel.

    Raises:
        ValueError: they differ in size.
    """
    if expected.shape != received.shape:
        raise ValueError(f"expected pixels of shape {expected.shape} but received {received.shape}")
    return float(compute_ssimulacra2(_file(expected), _file(received)))


def decoded(data: bytes) -> Pixels:
    """Return the pixels of a derivative, as a browser would show them on an opaque page."""
    image = pyvips.Image.new_from_buffer(data, "")
    pixels: Pixels = (image.flatten(background=255) if image.hasalpha() else image).numpy()
    return pixels


def _file(pixels: Pixels) -> io.BytesIO:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PPM")
    file.seek(0)
    return file
