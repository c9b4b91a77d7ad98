"""Originals of the kinds that take the most memory a pixel."""

import io

import imagecodecs
import pillow_heif
import pyvips


def deep(image: pyvips.Image) -> pyvips.Image:
    """Return 8-bit ``image`` in 16 bit."""
    return (image.cast("ushort") * 257).cast("ushort").copy(interpretation="rgb16")


def with_alpha(image: pyvips.Image) -> pyvips.Image:
    """Return 16-bit ``image`` with its green for alpha."""
    return image.bandjoin(image[1])


def avif_12_bit(image: pyvips.Image) -> bytes:
    """Write an AVIF with alpha and colours at full resolution."""
    return with_alpha(deep(image)).heifsave_buffer(compression="av1", effort=0, bitdepth=12, subsample_mode="off")


def heic_10_bit(image: pyvips.Image) -> bytes:
    """Write a HEIC with alpha and colours at full resolution."""
    pixels = with_alpha(deep(image)).numpy().tobytes()
    written, file = io.BytesIO(), pillow_heif.from_bytes("RGBA;16", (image.width, image.height), pixels)
    file.save(written, quality=40, chroma=444, enc_params={"preset": "ultrafast"})
    return written.getvalue()


def jxl_16_bit(image: pyvips.Image) -> bytes:
    """Write a lossless JPEG XL with alpha."""
    return bytes(imagecodecs.jpegxl_encode(with_alpha(deep(image)).numpy(), lossless=True, effort=1))


def png_interlaced(image: pyvips.Image) -> bytes:
    """Write a 16-bit PNG with alpha whose every pass spans the picture."""
    return with_alpha(deep(image)).pngsave_buffer(interlace=True, compression=1)


def cmyk_progressive(image: pyvips.Image) -> bytes:
    """Write a progressive JPEG of four inks, all coefficients of which are held until the last is read."""
    inks = image.icc_transform("cmyk", input_profile="srgb")
    return inks.jpegsave_buffer(interlace=True, subsample_mode="off", Q=90, keep="none")
