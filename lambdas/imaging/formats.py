"""The formats that an original may come in, and those that are known but refused."""

from typing import Literal, get_args

from lambdas.core.keys import Format
from lambdas.imaging.rejection import RejectedError

OriginalFormat = Literal["jpeg", "png", "webp", "avif", "heic", "tiff", "gif"]
ORIGINAL_FORMATS: tuple[OriginalFormat, ...] = get_args(OriginalFormat)

RefusedFormat = Literal["bmp", "ico", "jp2", "jxl", "pdf", "psd", "svg"]
REFUSED_FORMATS: tuple[RefusedFormat, ...] = get_args(RefusedFormat)

# Derivatives in these formats can move.
ANIMATED_FORMATS: frozenset[Format] = frozenset({"webp"})

KnownFormat = OriginalFormat | RefusedFormat

ORIGINAL_MIME_TYPES: dict[OriginalFormat, str] = {
    "jpeg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "avif": "image/avif",
    "heic": "image/heic",
    "tiff": "image/tiff",
    "gif": "image/gif",
}


def require_drawable(found: KnownFormat | None) -> OriginalFormat:
    """Return ``found`` if originals of that format are drawn.

    Raises:
        RejectedError: ``not_an_image`` if the bytes were of no known format, else ``unsupported_format``.
    """
    expected = ", ".join(ORIGINAL_FORMATS)
    if found is None:
        raise RejectedError("not_an_image", f"expected the bytes of one of {expected} but received those of no picture")
    for drawable in ORIGINAL_FORMATS:
        if found == drawable:
            return drawable
    raise RejectedError("unsupported_format", f"expected one of {expected} but received {found}")
