"""Colour spaces given by code points instead of a profile: nclx of AVIF and HEIC, cICP of PNG.

Source: ITU-T H.273 (2024), tables 2 (primaries) and 3 (transfer characteristics); ICC.1:2022, 10.3 (cicpType).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from lambdas.imaging.colour.icc import Chromaticities, matrix_profile, profile_tag

_D65 = (0.3127, 0.3290)
_BT709 = Chromaticities((0.64, 0.33), (0.30, 0.60), (0.15, 0.06), _D65)
_NAMED_PRIMARIES: dict[int, tuple[str, Chromaticities]] = {
    4: ("BT.470M", Chromaticities((0.67, 0.33), (0.21, 0.71), (0.14, 0.08), (0.310, 0.316))),
    5: ("BT.601 625", Chromaticities((0.64, 0.33), (0.29, 0.60), (0.15, 0.06), _D65)),
    6: ("BT.601 525", Chromaticities((0.63, 0.34), (0.31, 0.595), (0.155, 0.07), _D65)),
    9: ("BT.2020", Chromaticities((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), _D65)),
    11: ("DCI P3", Chromaticities((0.68, 0.32), (0.265, 0.69), (0.15, 0.06), (0.314, 0.351))),
    12: ("Display P3", Chromaticities((0.68, 0.32), (0.265, 0.69), (0.15, 0.06), _D65)),
}

_PQ, _HLG = 16, 18
_REFERENCE_WHITE = 203  # cd/m² of diffuse white in HDR pictures (ITU-R BT.2408)
_HLG_PEAK = 1000  # cd/m² of the display that hybrid log-gamma is referred to (ITU-R BT.2100)
_KNEE = 0.5  # of the reference white; brighter light is compressed, never clipped


@dataclass(frozen=True, slots=True)
class CodePoints:
    """H.273 code points of primaries and transfer characteristics."""

    primaries: int
    transfer: int

    @property
    def hdr(self) -> bool:
        """Whether they code light brighter than an SDR display's white."""
        return self.transfer in (_PQ, _HLG)


@dataclass(frozen=True, slots=True)
class CodedProfile:
    """A profile made from what a file says of its colours without embedding one."""

    name: str
    icc: bytes


def profile_code_points(profile: bytes) -> CodePoints | None:
    """Return the code points that an ICC ``profile`` says it equals; None for most profiles."""
    tag = profile_tag(profile, b"cicp")
    return CodePoints(tag[8], tag[9]) if tag[:4] == b"cicp" and len(tag) >= 12 else None


@lru_cache(maxsize=16)
def coded_profile(code: CodePoints) -> CodedProfile | None:
    """Return the profile that ``code`` describes; None for sRGB, and for codes that no viewer converts either."""
    name, where = _NAMED_PRIMARIES.get(code.primaries, ("BT.709", _BT709))
    curve_name, curve = _NAMED_CURVES.get(code.transfer, ("", srgb_to_linear))
    if where is _BT709 and curve is srgb_to_linear:
        return None
    name = f"{name} {curve_name}".strip()
    return CodedProfile(name, matrix_profile(name, where, curve))


def gamma_profile(gamma: float, where: Chromaticities | None) -> CodedProfile | None:
    """Return the profile of a display with this ``gamma`` and the primaries ``where`` (None: those of sRGB).

    None if it looks like sRGB, or if the primaries span no triangle.
    """
    if (where is None or where.resembles(_BT709)) and abs(gamma - 2.2) < 0.03:
        return None
    if not 0.2 < gamma < 6:
        return None
    name = f"gamma {gamma:.2f}"
    try:
        return CodedProfile(name, matrix_profile(name, where or _BT709, lambda value: value**gamma))
    except ValueError:
        return None


def srgb_to_linear(value: float) -> float:
    """Convert a coded value to linear light by sRGB's curve (IEC 61966-2-1).

    Also used for the camera curves of BT.601, BT.709 and BT.2020: viewers show such pictures
    as if they were coded for a display.
    """
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def _pq_to_linear(value: float) -> float:
    """Perceptual quantizer (SMPTE ST 2084), compressed to the range of an SDR display."""
    m1, m2 = 2610 / 16_384, 2523 / 32
    c1, c2, c3 = 3424 / 4096, 2413 / 128, 2392 / 128
    root = value ** (1 / m2)
    light = (max(root - c1, 0) / (c2 - c3 * root)) ** (1 / m1)
    return _compressed(light * 10_000 / _REFERENCE_WHITE)


def _hlg_to_linear(value: float) -> float:
    """Hybrid log-gamma (ITU-R BT.2100), compressed to the range of an SDR display."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = value**2 / 3 if value <= 0.5 else (math.exp((value - c) / a) + b) / 12
    return _compressed(scene**1.2 * _HLG_PEAK / _REFERENCE_WHITE)


def _compressed(light: float) -> float:
    """Keep light up to the knee; compress brighter light smoothly to below 1."""
    if light <= _KNEE:
        return light
    above = (light - _KNEE) / (1 - _KNEE)
    return _KNEE + (1 - _KNEE) * above / (1 + above)


_NAMED_CURVES: dict[int, tuple[str, Callable[[float], float]]] = {
    4: ("gamma 2.2", lambda value: value**2.2),
    5: ("gamma 2.8", lambda value: value**2.8),
    8: ("linear", lambda value: value),
    _PQ: ("PQ", _pq_to_linear),
    _HLG: ("HLG", _hlg_to_linear),
}
