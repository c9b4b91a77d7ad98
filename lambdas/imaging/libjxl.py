"""libjxl, the reference decoder of JPEG XL, by its C interface: headers, profiles, the first frame's pixels.

libvips' wheel has no JPEG XL. The wheel of imagecodecs carries libjxl; the layer has that library without the rest.
Its memory comes from ours: a file that wants more than it may have, or more time, gets none and fails.

Source: libjxl 0.11, jxl/decode.h, jxl/codestream_header.h, jxl/color_encoding.h, jxl/cms_interface.h.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import cffi

from lambdas.imaging.deadline import Deadline

# Each is loaded before those that need it: the wheel's libraries find one another only through its extensions.
_LIBRARIES = ("libbrotlicommon", "libbrotlidec", "libbrotlienc", "libjxl_cms", "libjxl")
_SUCCESS, _MORE_INPUT, _IMAGE_BUFFER = 0, 2, 5
_BASIC_INFO, _COLOR, _FRAME, _FULL_IMAGE = 0x40, 0x100, 0x400, 0x1000
_UINT8, _UINT16 = 2, 3
_ORIGINAL = 0
_MAX_PROFILE = 4_000_000  # bytes

_ffi = cffi.FFI()
_ffi.cdef(
    """
    typedef struct { uint32_t across, down; } Sizes;
    typedef struct {
        int have_container; uint32_t xsize, ysize, bits, exponent_bits; float intensity_target, min_nits;
        int relative_to_max_display; float linear_below; int uses_original_profile, have_preview, have_animation;
        int orientation; uint32_t color_channels, extra_channels, alpha_bits, alpha_exponent_bits;
        int alpha_premultiplied; Sizes preview; uint32_t ticks[3]; int have_timecodes; Sizes intrinsic;
        uint8_t padding[100];
    } BasicInfo;
    typedef struct {
        int color_space, white_point; double white_xy[2]; int primaries; double red[2], green[2], blue[2];
        int transfer; double gamma; int intent;
    } ColorEncoding;
    typedef struct {
        int type; uint32_t bits, exponent_bits, dim_shift, name_length; int premultiplied; float spot[4];
        uint32_t cfa;
    } ExtraChannel;
    typedef struct { uint32_t channels; int type, endianness; size_t align; } PixelFormat;
    typedef struct { void *opaque, *(*alloc)(void *, size_t); void (*free)(void *, void *); } MemoryManager;
    typedef struct { void *members[8]; } CmsInterface;

    void *JxlDecoderCreate(const MemoryManager *);
    void JxlDecoderDestroy(void *);
    int JxlDecoderSubscribeEvents(void *, int);
    int JxlDecoderSetUnpremultiplyAlpha(void *, int);
    int JxlDecoderSetInput(void *, const uint8_t *, size_t);
    int JxlDecoderProcessInput(void *);
    int JxlDecoderGetBasicInfo(void *, BasicInfo *);
    int JxlDecoderGetExtraChannelInfo(void *, size_t, ExtraChannel *);
    int JxlDecoderGetColorAsEncodedProfile(void *, int, ColorEncoding *);
    int JxlDecoderGetICCProfileSize(void *, int, size_t *);
    int JxlDecoderGetColorAsICCProfile(void *, int, uint8_t *, size_t);
    int JxlDecoderSetCms(void *, CmsInterface);
    int JxlDecoderSetOutputColorProfile(void *, const ColorEncoding *, const uint8_t *, size_t);
    int JxlDecoderSetImageOutBuffer(void *, const PixelFormat *, void *, size_t);
    int JxlDecoderFlushImage(void *);
    const CmsInterface *JxlGetDefaultCms(void);
    int BrotliDecoderDecompress(size_t, const uint8_t *, size_t *, uint8_t *);
    void *malloc(size_t);
    void free(void *);
    size_t malloc_usable_size(void *);
    """
)
_libc = _ffi.dlopen(None)


class JxlError(Exception):
    """The file cannot be decoded: it is damaged, or ends too early."""


class JxlTooLargeError(Exception):
    """The decoder wants more memory than it may have."""


@dataclass(frozen=True, slots=True)
class JxlHeader:
    """What the codestream says of the picture, upright."""

    width: int
    height: int
    bits: int
    floating: bool
    peak_nits: float
    """Light of the brightest level; 255 where a writer of SDR does not say."""
    colours: int
    """1 for grey, else 3."""
    alpha: bool
    extra_channels: tuple[int, ...]
    """Types of the channels besides colours: 0 is alpha, 4 is black."""
    frames: int
    """Of an animation, counted up to the limit; otherwise 1."""
    primaries: int
    """As numbered by JPEG XL; 2 for others, and where only a profile says."""
    other_white: bool
    """Whether its white is another than D65."""
    transfer: int
    """As numbered by H.273; 2 where only a profile says."""
    icc: bytes
    """The profile of its pixels: embedded, or made by libjxl of what the file says."""

    @property
    def bands(self) -> int:
        """Bands of the decoded pixels."""
        return self.colours + self.alpha

    @property
    def deep(self) -> bool:
        """Whether the decoded pixels have 16 bits."""
        return self.bits > 8


def read_jxl_header(data: bytes, memory: int, deadline: Deadline, max_frames: int) -> JxlHeader:
    """Return the header of the JPEG XL in ``data``; counting its frames stops at ``max_frames`` + 1.

    Raises:
        JxlError: it cannot be read.
        JxlTooLargeError: that takes more than ``memory`` bytes.
        RejectedError, OutOfTimeError: as ``Deadline.check``.
    """
    with _decoder(data, _BASIC_INFO | _COLOR | _FRAME, memory, deadline) as decoder:
        decoder.expect(_BASIC_INFO)
        info = decoder.basic_info()
        extra = decoder.extra_channels(min(info.extra_channels, 16))
        decoder.expect(_COLOR)
        encoding, icc = decoder.colours()
        frames = 1
        if info.have_animation:
            frames = sum(1 for _ in decoder.frames(max_frames + 1))
            if frames == 0:
                raise JxlError("no frame")
    return JxlHeader(
        width=info.xsize,
        height=info.ysize,
        bits=info.bits,
        floating=info.exponent_bits > 0,
        peak_nits=info.intensity_target,
        colours=info.color_channels,
        alpha=info.alpha_bits > 0,
        extra_channels=extra,
        frames=frames,
        primaries=encoding.primaries if encoding else 2,
        other_white=bool(encoding and encoding.white_point != 1),
        transfer=encoding.transfer if encoding else 2,
        icc=icc,
    )


def jxl_pixels(data: bytes, header: JxlHeader, memory: int, deadline: Deadline, *, partial: bool) -> Any:
    """Return the first frame as a buffer: rows of ``header.bands`` bands, upright, alpha not multiplied in.

    ``partial`` accepts what can be decoded of a file that ends too early.

    Raises:
        JxlError, JxlTooLargeError, RejectedError, OutOfTimeError: as ``read_jxl_header``.
    """
    samples = _UINT16 if header.deep else _UINT8
    size = header.width * header.height * header.bands * (2 if header.deep else 1)
    pixel_format = _ffi.new("PixelFormat *", (header.bands, samples, 0, 0))
    pixels = _ffi.new("uint8_t[]", size)
    with _decoder(data, _BASIC_INFO | _COLOR | _FULL_IMAGE, memory - size, deadline) as decoder:
        decoder.call("JxlDecoderSetUnpremultiplyAlpha", 1)
        decoder.expect(_BASIC_INFO)
        decoder.expect(_COLOR)
        decoder.keep_profile()
        decoder.expect(_IMAGE_BUFFER)
        decoder.call("JxlDecoderSetImageOutBuffer", pixel_format, pixels, size)
        try:
            decoder.expect(_FULL_IMAGE)
        except JxlError:
            if not partial or decoder.flush() != _SUCCESS:
                raise
    return _ffi.buffer(pixels)


def brotli_decompressed(data: bytes, most: int) -> bytes:
    """Return what ``data`` is compressed of by Brotli; empty if that is damaged or longer than ``most`` bytes."""
    room, length = _ffi.new("uint8_t[]", most), _ffi.new("size_t *", most)
    done = _libraries()["libbrotlidec"].BrotliDecoderDecompress(len(data), _ffi.from_buffer(data), length, room)
    return bytes(_ffi.buffer(room, length[0])) if done == 1 else b""


class _Memory:
    """What the decoder allocates, held to a number of bytes and to a deadline."""

    def __init__(self, most: int, deadline: Deadline) -> None:
        self._most = most
        self._used = 0
        self._deadline = deadline
        self.refused: Exception | None = None
        self._callbacks = (
            _ffi.callback("void *(void *, size_t)", self._allocate),
            _ffi.callback("void (void *, void *)", self._release),
        )
        self.manager = _ffi.new("MemoryManager *", (_ffi.NULL, *self._callbacks))

    def _allocate(self, _opaque: Any, size: int) -> Any:
        if self.refused is None:
            try:
                self._deadline.check()
            except Exception as error:  # none may pass through C; it is raised afterwards
                self.refused = error
            if self._used + size > self._most:
                self.refused = JxlTooLargeError(f"more than {self._most} bytes")
        if self.refused is not None:
            return _ffi.NULL
        found = _libc.malloc(size)
        self._used += _libc.malloc_usable_size(found)
        return found

    def _release(self, _opaque: Any, address: Any) -> None:
        self._used -= _libc.malloc_usable_size(address)
        _libc.free(address)


class _Decoder:
    """One decoder of one file."""

    def __init__(self, handle: Any, memory: _Memory) -> None:
        self._library = _libraries()["libjxl"]
        self._handle = handle
        self._memory = memory

    def call(self, name: str, *arguments: Any) -> None:
        if getattr(self._library, name)(self._handle, *arguments) != _SUCCESS:
            raise self._memory.refused or JxlError(f"{name} failed")

    def expect(self, event: int) -> None:
        """Decode up to ``event``."""
        if (status := self._next()) != event:
            raise JxlError("it ends too early" if status == _MORE_INPUT else "its codestream is damaged")

    def frames(self, most: int) -> Iterator[None]:
        """Step over up to ``most`` frames."""
        for _ in range(most):
            status = self._next()
            if status == _SUCCESS:
                return
            if status != _FRAME:
                raise JxlError("it ends too early" if status == _MORE_INPUT else "its codestream is damaged")
            yield

    def flush(self) -> int:
        return int(self._library.JxlDecoderFlushImage(self._handle))

    def basic_info(self) -> Any:
        info = _ffi.new("BasicInfo *")
        self.call("JxlDecoderGetBasicInfo", info)
        return info

    def extra_channels(self, count: int) -> tuple[int, ...]:
        channel = _ffi.new("ExtraChannel *")
        found = []
        for index in range(count):
            self.call("JxlDecoderGetExtraChannelInfo", index, channel)
            found.append(channel.type)
        return tuple(found)

    def colours(self) -> tuple[Any | None, bytes]:
        """Return what the file says of its colours, if not by a profile, and the profile of the original."""
        encoding = _ffi.new("ColorEncoding *")
        known = self._library.JxlDecoderGetColorAsEncodedProfile(self._handle, _ORIGINAL, encoding) == _SUCCESS
        size = _ffi.new("size_t *")
        if self._library.JxlDecoderGetICCProfileSize(self._handle, _ORIGINAL, size) != _SUCCESS:
            return (encoding if known else None), b""
        if size[0] > _MAX_PROFILE:
            raise JxlTooLargeError(f"a profile of {size[0]} bytes")
        icc = _ffi.new("uint8_t[]", size[0])
        self.call("JxlDecoderGetColorAsICCProfile", _ORIGINAL, icc, size[0])
        return (encoding if known else None), bytes(_ffi.buffer(icc))

    def keep_profile(self) -> None:
        """Have the pixels in the original's embedded profile; libjxl alone would convert them to sRGB and clip."""
        encoding, icc = self.colours()
        if encoding is None and icc and not self.basic_info().uses_original_profile:
            self.call("JxlDecoderSetCms", _libraries()["libjxl_cms"].JxlGetDefaultCms()[0])
            self.call("JxlDecoderSetOutputColorProfile", _ffi.NULL, _ffi.from_buffer(icc), len(icc))

    def _next(self) -> int:
        status = int(self._library.JxlDecoderProcessInput(self._handle))
        if self._memory.refused is not None:
            raise self._memory.refused
        return status


@contextmanager
def _decoder(data: bytes, events: int, memory: int, deadline: Deadline) -> Iterator[_Decoder]:
    library, allowed = _libraries()["libjxl"], _Memory(memory, deadline)
    handle = library.JxlDecoderCreate(allowed.manager)
    if handle == _ffi.NULL:
        raise allowed.refused or JxlError("no decoder could be made")
    try:
        decoder = _Decoder(handle, allowed)
        decoder.call("JxlDecoderSubscribeEvents", events)
        decoder.call("JxlDecoderSetInput", _ffi.from_buffer(data), len(data))
        yield decoder
    finally:
        library.JxlDecoderDestroy(handle)


@lru_cache(maxsize=1)
def _libraries() -> dict[str, Any]:
    """Load libjxl and what it needs from the libraries of the wheel of imagecodecs, which itself is not imported."""
    folder = next((found for place in sys.path if (found := Path(place, "imagecodecs.libs")).is_dir()), None)
    if folder is None:
        raise RuntimeError("No imagecodecs.libs, which has the decoder of JPEG XL; install the group drawing")
    return {name: _ffi.dlopen(str(next(folder.glob(f"{name}-*.so*")))) for name in _LIBRARIES}
