"""The pixels of a HEIC, which libvips' wheel has no decoder for; decoding only."""

from lambdas.imaging.engine import pyvips
from lambdas.imaging.rejection import RejectedError

_PREMULTIPLIED = "a"


def hevc_pixels(data: bytes) -> "pyvips.Image":
    """Decode the primary picture of the HEIC in ``data``: 8 or 16 bit, turned and mirrored as its boxes say.

    libheif applies the boxes (irot, imir); EXIF's orientation says the same once more and is not
    applied again (ISO/IEC 23008-12, 6.5.10: metadata describe the picture, they do not transform it).

    Raises:
        RejectedError: ``corrupt``.
    """
    # Not at the top: it brings Pillow, which would make every cold start longer for one format's sake.
    import pi_heif

    pi_heif.options.DECODE_THREADS = pyvips.concurrency_get()
    try:
        file = pi_heif.open_heif(data, convert_hdr_to_8bit=False)
        primary = file[file.primary_index]
        pixels = bytes(primary.data)  # a copy: that memory goes with ``file``
    except (ValueError, RuntimeError, EOFError, SyntaxError, OSError, IndexError) as error:
        raise RejectedError("corrupt", f"expected a HEIC's pixels but received: {error}") from error
    letters, _, bits = primary.mode.partition(";")
    image = pyvips.Image.new_from_memory(pixels, *primary.size, len(letters), "ushort" if bits else "uchar")
    return _interpreted(image, premultiplied=letters.endswith(_PREMULTIPLIED))


def _interpreted(image: "pyvips.Image", *, premultiplied: bool) -> "pyvips.Image":
    grey, deep = image.bands < 3, image.format == "ushort"
    space = ("grey16" if deep else "b-w") if grey else ("rgb16" if deep else "srgb")
    tagged = image.copy(interpretation=space)
    return tagged.unpremultiply().cast(image.format) if premultiplied else tagged
