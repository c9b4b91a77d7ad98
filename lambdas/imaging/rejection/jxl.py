"""Which JPEG XLs are drawn: grey or colours, with alpha or without, in one picture or the first of an animation."""

from dataclasses import dataclass

from lambdas.core.settings.pictures import Limits
from lambdas.imaging.colour.code_points import CodePoints
from lambdas.imaging.containers.jxl import exif_block, read_jxl
from lambdas.imaging.deadline import Deadline
from lambdas.imaging.libjxl import JxlError, JxlHeader, JxlTooLargeError, brotli_decompressed, read_jxl_header
from lambdas.imaging.rejection import RejectedError
from lambdas.imaging.rejection.corrupt import corrupt
from lambdas.imaging.rejection.limits import check_dimensions

_ALPHA = 0
_MAX_METADATA = 1_000_000  # bytes, of a compressed block
_SDR_NITS = 255
_PRIMARIES = {(1, False): 1, (9, False): 9, (11, False): 12, (11, True): 11}  # with their white: those of H.273
_UNKNOWN = 2
_TRANSFERS = (1, 8, 13, 16, 18)  # of those that JPEG XL names, the ones of H.273 that are converted
_EXTRA_CHANNELS = {1: "depth", 2: "spot colours", 3: "a selection", 4: "CMYK", 5: "raw samples", 6: "temperatures"}


@dataclass(frozen=True, slots=True)
class JxlPicture:
    """What is known of a JPEG XL before its pixels."""

    header: JxlHeader
    exif: bytes
    xmp: bytes
    gain_map: bool
    memory: int
    """Bytes that decoding it may take."""

    @property
    def code_points(self) -> CodePoints | None:
        """What it says of its colours, if there are such numbers."""
        named = 1 if self.header.colours == 1 and self.header.transfer != _UNKNOWN else self.header.primaries
        primaries = _PRIMARIES.get((named, self.header.other_white))
        if primaries is None or self.header.transfer not in _TRANSFERS:
            return None
        return CodePoints(primaries, self.header.transfer)

    @property
    def overbright(self) -> bool:
        """Whether its samples are floating-point light beyond an SDR display's white."""
        return self.header.floating and self.header.peak_nits > _SDR_NITS


def check_jxl(data: bytes, limits: Limits) -> JxlPicture:
    """Reject a JPEG XL beyond the limits, or of a variant that is not drawn.

    Raises:
        RejectedError: ``corrupt``, ``unsupported_format``, ``too_many_pixels``, ``too_long_side``, ``too_complex`` or
            ``too_costly``.
    """
    file = read_jxl(data)
    if file is None:
        raise corrupt(data, "header", "it ends too early")
    check_dimensions(file.size.width, file.size.height, limits, whole_frame=True)
    memory = limits.whole_frame_bytes
    try:
        header = read_jxl_header(data, memory, Deadline(limits.decode_seconds), limits.max_pages)
    except JxlError as error:
        raise corrupt(data, "header", error) from error
    except JxlTooLargeError as error:
        raise too_complex(memory) from error
    # What the decoder will allocate for is what has been checked.
    if {header.width, header.height} != {file.size.width, file.size.height}:
        raise corrupt(data, "header", "it has two sizes")
    others = [kind for kind in header.extra_channels if kind != _ALPHA]
    if others or len(header.extra_channels) > 1:
        received = _EXTRA_CHANNELS.get(others[0], "other channels") if others else "several planes of alpha"
        raise RejectedError(
            "unsupported_format", f"expected a JPEG XL of colours, or grey, and alpha but received {received}"
        )
    packed = {kind: brotli_decompressed(body, _MAX_METADATA) for kind, body in file.compressed[:2]}
    return JxlPicture(
        header,
        exif=file.exif or exif_block(packed.get(b"Exif", b"")),
        xmp=file.xmp or packed.get(b"xml ", b""),
        gain_map=file.gain_map,
        memory=memory,
    )


def too_complex(memory: int) -> RejectedError:
    """Return the rejection of a JPEG XL for which the decoder wants more than ``memory`` bytes."""
    return RejectedError("too_complex", f"expected a JPEG XL decoded within {memory} bytes but received a larger one")
