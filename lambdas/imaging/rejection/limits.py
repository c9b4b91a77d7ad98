"""The limits of originals, checked from size and header before any pixel is decoded."""

from lambdas.core.settings.pictures import Limits
from lambdas.imaging.rejection import RejectedError


def check_bytes(size: int, limits: Limits) -> None:
    """Reject a file of ``size`` bytes that is empty or too large.

    Raises:
        RejectedError: ``empty`` or ``too_large``.
    """
    if size == 0:
        raise RejectedError("empty", "expected an image but received a file of 0 bytes")
    if size > limits.max_bytes:
        raise RejectedError("too_large", f"expected at most {limits.max_bytes} bytes but received {size}")


def check_dimensions(width: int, height: int, limits: Limits, *, whole_frame: bool = False) -> None:
    """Reject a picture of ``width`` × ``height`` pixels that is too large to decode.

    ``whole_frame`` is for decoders that hold the whole picture in memory before they return a pixel.

    Raises:
        RejectedError: ``too_many_pixels`` or ``too_long_side``.
    """
    most = min(limits.max_pixels, limits.max_whole_frame_pixels) if whole_frame else limits.max_pixels
    if width * height > most:
        raise RejectedError(
            "too_many_pixels",
            f"expected at most {most} pixels but received {width} × {height} = {width * height}",
        )
    if max(width, height) > limits.max_side:
        raise RejectedError(
            "too_long_side", f"expected sides of at most {limits.max_side} pixels but received {width} × {height}"
        )


def check_pages(pages: int, limits: Limits) -> None:
    """Reject a document with too many ``pages``, or an animation of which not even the first frame can be told.

    Raises:
        RejectedError: ``too_many_pages``.
    """
    if pages > limits.max_pages:
        raise RejectedError("too_many_pages", f"expected at most {limits.max_pages} pages or frames but received more")


def check_tiles(tiles: int, limits: Limits) -> None:
    """Reject a TIFF of too many ``tiles`` or strips.

    Raises:
        RejectedError: ``too_complex``.
    """
    if tiles > limits.max_tiles:
        raise RejectedError("too_complex", f"expected at most {limits.max_tiles} tiles or strips but received {tiles}")


def check_scans(scans: int, limits: Limits) -> None:
    """Reject a progressive JPEG of too many ``scans``, each of which passes over all pixels.

    Raises:
        RejectedError: ``too_complex``.
    """
    if scans > limits.max_scans:
        raise RejectedError("too_complex", f"expected a JPEG of at most {limits.max_scans} scans but received {scans}")
