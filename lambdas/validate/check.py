"""What can be said of an upload from its size and first bytes, without libvips."""

from lambdas.core.settings.pictures import Limits
from lambdas.imaging.formats import ORIGINAL_FORMATS, OriginalFormat, require_drawable
from lambdas.imaging.limits import check_bytes
from lambdas.imaging.sniff import sniff


def sniffed_original(head: bytes) -> OriginalFormat | None:
    """Return the format of the original that begins with ``head``, drawable or not; None for anything else."""
    found = sniff(head)
    return next((fmt for fmt in ORIGINAL_FORMATS if fmt == found), None)


def check(size: int, head: bytes, limits: Limits) -> OriginalFormat:
    """Return the format of a file of ``size`` bytes that begins with ``head``.

    Raises:
        RejectedError: ``empty``, ``too_large``, ``not_an_image`` or ``unsupported_format``.
    """
    check_bytes(size, limits)
    return require_drawable(sniff(head))
