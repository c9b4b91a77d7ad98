"""JPEG XLs of kinds that no package writes: turned, with code points, compressed boxes, other channels."""

import sys
from pathlib import Path
from typing import Any

import cffi
import numpy as np

from lambdas.imaging import libjxl

_ffi = cffi.FFI()
_ffi.include(libjxl._ffi)
_ffi.cdef(
    """
    void *JxlEncoderCreate(const MemoryManager *);
    void JxlEncoderDestroy(void *);
    void JxlEncoderInitBasicInfo(BasicInfo *);
    int JxlEncoderSetBasicInfo(void *, const BasicInfo *);
    int JxlEncoderSetCodestreamLevel(void *, int);
    int JxlEncoderSetColorEncoding(void *, const ColorEncoding *);
    int JxlEncoderSetICCProfile(void *, const uint8_t *, size_t);
    void JxlColorEncodingSetToSRGB(ColorEncoding *, int);
    void JxlEncoderInitExtraChannelInfo(int, ExtraChannel *);
    int JxlEncoderSetExtraChannelInfo(void *, size_t, const ExtraChannel *);
    int JxlEncoderSetExtraChannelBuffer(void *, const PixelFormat *, const void *, size_t, uint32_t);
    void *JxlEncoderFrameSettingsCreate(void *, void *);
    int JxlEncoderSetFrameLossless(void *, int);
    int JxlEncoderSetFrameDistance(void *, float);
    int JxlEncoderAddImageFrame(void *, const PixelFormat *, const void *, size_t);
    int JxlEncoderUseContainer(void *, int);
    int JxlEncoderUseBoxes(void *);
    int JxlEncoderAddBox(void *, const char *, const uint8_t *, size_t, int);
    void JxlEncoderCloseInput(void *);
    int JxlEncoderProcessOutput(void *, uint8_t **, size_t *);
    """
)
_SAMPLES = {"uint8": 2, "uint16": 3, "float32": 0}
_MORE_OUTPUT = 2
_ALPHA, _BLACK = 0, 4


def jxl(
    pixels: np.ndarray,
    *,
    lossless: bool = False,
    orientation: int = 1,
    icc: bytes = b"",
    boxes: tuple[tuple[bytes, bytes], ...] = (),
    compressed: bool = False,
    premultiplied: bool = False,
    extra: tuple[int, ...] = (),
    nits: float = 0,
    **colours: Any,
) -> bytes:
    """Write ``pixels`` (height × width × bands); ``colours`` are fields of libjxl's ColorEncoding.

    ``extra`` are types of channels beside those of ``pixels``, filled with zeros.
    """
    library = _library()
    bands = pixels.shape[2]
    encoder = library.JxlEncoderCreate(_ffi.NULL)

    def done(status: int) -> None:
        assert status == 0, "libjxl refused to write this"

    info = _ffi.new("BasicInfo *")
    library.JxlEncoderInitBasicInfo(info)
    info.ysize, info.xsize = pixels.shape[:2]
    info.orientation, info.uses_original_profile = orientation, lossless
    info.color_channels = 1 if bands < 3 else 3
    info.bits = pixels.dtype.itemsize * 8
    info.exponent_bits = 8 if pixels.dtype == np.float32 else 0
    info.intensity_target = nits
    alpha = bands in (2, 4)
    info.extra_channels = alpha + len(extra)
    info.alpha_bits, info.alpha_premultiplied = (info.bits, premultiplied) if alpha else (0, False)
    done(library.JxlEncoderSetCodestreamLevel(encoder, 10 if _BLACK in extra or info.bits == 16 else -1))
    done(library.JxlEncoderSetBasicInfo(encoder, info))
    for index, kind in enumerate([_ALPHA] * alpha + list(extra)):
        channel = _ffi.new("ExtraChannel *")
        library.JxlEncoderInitExtraChannelInfo(kind, channel)
        channel.bits, channel.exponent_bits = info.bits, info.exponent_bits
        channel.premultiplied = premultiplied and kind == _ALPHA
        done(library.JxlEncoderSetExtraChannelInfo(encoder, index, channel))
    if icc:
        done(library.JxlEncoderSetICCProfile(encoder, _ffi.from_buffer(icc), len(icc)))
    else:
        encoding = _ffi.new("ColorEncoding *")
        library.JxlColorEncodingSetToSRGB(encoding, bands < 3)
        for name, value in colours.items():
            setattr(encoding, name, value)
        done(library.JxlEncoderSetColorEncoding(encoder, encoding))
    if boxes:
        done(library.JxlEncoderUseContainer(encoder, 1))
        done(library.JxlEncoderUseBoxes(encoder))
    settings = library.JxlEncoderFrameSettingsCreate(encoder, _ffi.NULL)
    done(library.JxlEncoderSetFrameLossless(settings, lossless))
    if not lossless:
        done(library.JxlEncoderSetFrameDistance(settings, 0.5))
    for kind, body in boxes:
        done(library.JxlEncoderAddBox(encoder, kind, _ffi.from_buffer(body), len(body), compressed))
    data = np.ascontiguousarray(pixels).tobytes()
    layout = _ffi.new("PixelFormat *", (bands, _SAMPLES[str(pixels.dtype)], 0, 0))
    done(library.JxlEncoderAddImageFrame(settings, layout, _ffi.from_buffer(data), len(data)))
    plane = bytes(len(data) // bands)
    one = _ffi.new("PixelFormat *", (1, layout.type, 0, 0))
    for index in range(alpha, alpha + len(extra)):
        done(library.JxlEncoderSetExtraChannelBuffer(settings, one, _ffi.from_buffer(plane), len(plane), index))
    library.JxlEncoderCloseInput(encoder)
    written = _all_output(library, encoder)
    library.JxlEncoderDestroy(encoder)
    return written


def _all_output(library: Any, encoder: Any) -> bytes:
    room = 1 << 20
    buffer, written = _ffi.new("uint8_t[]", room), b""
    while True:
        following, left = _ffi.new("uint8_t **", buffer), _ffi.new("size_t *", room)
        status = library.JxlEncoderProcessOutput(encoder, following, left)
        written += bytes(_ffi.buffer(buffer, room - left[0]))
        if status != _MORE_OUTPUT:
            assert status == 0, "libjxl refused to write this"
            return written


def _library() -> Any:
    libjxl._libraries()
    for place in sys.path:
        for file in Path(place, "imagecodecs.libs").glob("libjxl-*.so*"):
            return _ffi.dlopen(str(file))
    raise AssertionError("no libjxl")
