"""Which JPEGs are drawn: 8-bit, Huffman-coded, baseline or progressive, with a bounded number of scans."""

from lambdas.core.settings.pictures import Limits
from lambdas.imaging.containers.jpeg import read_frame
from lambdas.imaging.rejection import RejectedError
from lambdas.imaging.rejection.limits import check_scans

_DRAWN = (0, 1, 2)
_PROCESSES = {3: "a lossless one", 9: "an arithmetic-coded one", 10: "an arithmetic-coded one", 11: "a lossless one"}


def check_jpeg(data: bytes, limits: Limits) -> None:
    """Reject a JPEG of a variant that is not drawn, and one of too many scans.

    Raises:
        RejectedError: ``unsupported_format`` or ``too_complex``.
    """
    frame = read_frame(data, limits.max_scans)
    if frame is None:
        return
    if frame.process not in _DRAWN:
        raise _unsupported(_PROCESSES.get(frame.process, "a hierarchical one"))
    if frame.precision != 8:
        raise _unsupported(f"{frame.precision} bits")
    check_scans(frame.scans, limits)


def _unsupported(received: str) -> RejectedError:
    expected = "expected a baseline or progressive JPEG of 8 bits a sample"
    return RejectedError("unsupported_format", f"{expected} but received {received}")
