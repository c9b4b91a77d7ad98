"""The message of a file that a decoder gives up on: our own sentence, and after it what the decoder found."""

import re
from typing import Literal

from lambdas.imaging.containers.png import png_fault
from lambdas.imaging.formats import SNIFF_BYTES, sniff
from lambdas.imaging.rejection import RejectedError

_NAMES = {
    "jpeg": "JPEG", "png": "PNG", "webp": "WebP", "avif": "AVIF", "heic": "HEIC", "jxl": "JPEG XL", "tiff": "TIFF",
    "gif": "GIF",
}  # fmt: skip
# Library names before a cause, and lines that say nothing about the file.
_PREFIX = re.compile(r"^(?:[\w.\-]+: )+")
_EMPTY = re.compile(r"bad seek|load error|read error|unable to (?:call|copy|load|parse|read)|^$")
_MAX_CAUSE = 120  # letters


def corrupt(data: bytes, part: Literal["header", "pixels"], error: Exception | str) -> RejectedError:
    """Return the rejection of ``data``, in which a decoder could not read ``part``; ``error`` is what it says."""
    fmt = sniff(data[:SNIFF_BYTES])
    name = _NAMES.get(fmt or "", "image")
    cause = png_fault(data) if fmt == "png" else _cause(str(error))
    message = f"expected a complete {name} but its {part} cannot be decoded"
    return RejectedError("corrupt", f"{message}: {cause}" if cause else message)


def _cause(text: str) -> str:
    causes = (_PREFIX.sub("", line.strip()) for line in text.splitlines())
    return next((cause[:_MAX_CAUSE] for cause in causes if not _EMPTY.search(cause)), "")
