"""Which AVIFs and HEICs are drawn: a coded still, or a grid of them, with nothing that the decoder would ignore.

Source: ISO/IEC 23008-12:2022; AV1 Image File Format 1.1.
"""

import struct
from dataclasses import dataclass

from lambdas.core.settings.pictures import Limits
from lambdas.imaging.colour.code_points import CodePoints
from lambdas.imaging.containers.av1 import Av1Colors, av1_colors
from lambdas.imaging.containers.isobmff import Item, Items, is_sequence, read_items
from lambdas.imaging.rejection import RejectedError
from lambdas.imaging.rejection.limits import check_dimensions

_CODED = {b"av01": "AV1", b"hvc1": "HEVC"}
_DERIVED = {b"grid": "grid", b"iden": "copy", b"iovl": "overlay"}
# Properties that may be marked as essential: the decoder applies them, or they do not change the pixels.
_KNOWN = {b"av1C", b"hvcC", b"ispe", b"pixi", b"colr", b"pasp", b"auxC", b"irot", b"imir", b"clap", b"free"}
_MARGIN = 64  # pixels a side


@dataclass(frozen=True, slots=True)
class HeifPicture:
    """What is known of the picture from the boxes."""

    items: Items
    turned: bool
    """Whether boxes rotate or mirror it."""
    limited_grey: bool
    """Whether it is grey in the limited range of video, which the decoder does not expand."""
    code_points: CodePoints | None
    """Those of its nclx, or else of the AV1 bitstream itself."""


def check_heif(data: bytes, limits: Limits) -> HeifPicture | None:
    """Reject an AVIF or HEIC of a variant that is not drawn; None if its boxes cannot be read.

    Raises:
        RejectedError: ``unsupported_format``, ``too_many_pixels`` or ``too_long_side``.
    """
    items = read_items(data)
    if items is None:
        if is_sequence(data):
            raise _unsupported("an image sequence without a still image")
        return None
    for check in (_check_kinds, _check_properties, _check_alpha, _check_aperture):
        check(items)
    _check_coded_sizes(items, limits)
    kinds = {kind for kind, _ in items.picture.transforms}
    coded = items.coded[0]
    at, length = coded.extent
    stream = av1_colors(data[at : at + length]) if coded.kind == b"av01" else None
    return HeifPicture(
        items,
        turned=bool(kinds & {b"irot", b"imir"}),
        limited_grey=coded.monochrome and _full_range(items, stream) is False,
        code_points=items.picture.code_points or coded.code_points or (stream.code_points if stream else None),
    )


def _full_range(items: Items, stream: Av1Colors | None) -> bool | None:
    """Return what the boxes say of the range of grey samples, or else the AV1 bitstream itself."""
    for said in (items.picture.full_range, items.coded[0].full_range):
        if said is not None:
            return said
    return stream.full_range if stream and stream.monochrome else None


def _check_kinds(items: Items) -> None:
    if items.picture.kind not in _CODED.keys() | _DERIVED.keys():
        raise _unsupported(f"an item of type {_name(items.picture.kind)}")
    for item in _all(items):
        if item.kind not in _CODED.keys() | _DERIVED.keys():
            raise _unsupported(f"tiles or planes of type {_name(item.kind)}")


def _check_properties(items: Items) -> None:
    for item in _all(items):
        for each in item.properties:
            if each.essential and each.kind not in _KNOWN:
                raise _unsupported(f"the property {_name(each.kind)}, without which it must not be shown")


def _check_alpha(items: Items) -> None:
    """Reject alpha that is transformed otherwise than the colours: the decoder would turn one without the other."""
    for alpha in items.alphas:
        if items.by_id[alpha].transforms != items.picture.transforms:
            raise _unsupported("an alpha plane that is not turned as its colours are")


def _check_aperture(items: Items) -> None:
    """Reject a HEIC of which little is shown: pi-heif allows for the pixels that are shown, and a margin."""
    aperture, coded = items.picture.first(b"clap"), items.picture.size
    if aperture is None or coded is None or len(aperture) < 16 or items.coded[0].kind != b"hvc1":
        return
    across, per_across, down, per_down = struct.unpack_from(">4I", aperture)
    shown = (across / (per_across or 1) + _MARGIN) * (down / (per_down or 1) + _MARGIN)
    if coded.pixels > shown:
        raise _unsupported("a HEIC whose clean aperture is far smaller than its coded picture")


def _check_coded_sizes(items: Items, limits: Limits) -> None:
    """Hold what is decoded to the limits, however little of it a clean aperture shows."""
    for item in (items.picture, *items.coded, *(items.by_id[alpha] for alpha in items.alphas)):
        if item.size is not None:
            check_dimensions(item.size.width, item.size.height, limits, whole_frame=True)
    decoded = sum(item.size.pixels for item in items.coded if item.size is not None)
    check_dimensions(decoded, 1, limits.model_copy(update={"max_side": decoded}), whole_frame=True)


def _all(items: Items) -> list[Item]:
    return [items.picture, *items.coded, *(items.by_id[alpha] for alpha in items.alphas)]


def _name(kind: bytes) -> str:
    return kind.decode("ascii", "replace").strip()


def _unsupported(received: str) -> RejectedError:
    return RejectedError("unsupported_format", f"expected an AVIF or HEIC of one coded image but received {received}")
