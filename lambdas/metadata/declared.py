"""Whether an upload is what it was declared to be."""

from lambdas.imaging.formats import ORIGINAL_MIME_TYPES, OriginalFormat

# From clients that do not know, and S3's own default.
_SAYS_NOTHING = frozenset({"", "application/octet-stream", "binary/octet-stream"})
_ALIASES = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/x-png": "image/png",
    "image/heif": "image/heic",
    "image/heic-sequence": "image/heic",
    "image/heif-sequence": "image/heic",
}


def is_mismatch(declared: str | None, found: OriginalFormat) -> bool:
    """Tell whether the content type ``declared`` names something else than ``found``, which the bytes say."""
    essence = (declared or "").partition(";")[0].strip().lower()
    return essence not in _SAYS_NOTHING and _ALIASES.get(essence, essence) != ORIGINAL_MIME_TYPES[found]
