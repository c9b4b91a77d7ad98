"""Rendered photographs: made from seeds and stored as a phone would, for the demo and for calibration."""

import hashlib
import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyvips

from operations.calibration.scenes import city, dunes, leaves, ridges, sea
from operations.calibration.scenes.camera import Shot, develop, photograph
from operations.calibration.scenes.noise import Field

_LONG, _SHORT = 4032, 3024  # a phone's 12 megapixels
_SCALE = 2
_RENDERED = ".rendered"


@dataclass(frozen=True)
class Scene:
    """A picture to render: its name, renderer and seed, whether it is in portrait format, and its metadata."""

    name: str
    render: Callable[[int, int, np.random.Generator], Field]
    seed: int
    portrait: bool
    shot: Shot

    def develop(self, long_side: int = _LONG) -> pyvips.Image:
        """Render the scene, 4:3 with ``long_side`` pixels on its long side, upright; the same pixels every time."""
        sides = long_side // _SCALE * _SHORT // _LONG, long_side // _SCALE
        height, width = reversed(sides) if self.portrait else sides
        light = self.render(height, width, np.random.default_rng(self.seed))
        return develop(light, self.seed, _SCALE)

    def photograph(self, long_side: int = _LONG) -> bytes:
        """Return the scene as the JPEG file that a phone would have written."""
        return photograph(self.develop(long_side), self.shot)


SCENES = (
    Scene(
        "misty ridges",
        ridges.render,
        seed=7,
        portrait=False,
        shot=Shot(3, 46.5775, 8.0053, 2061, Fraction(1, 800), 5.6, 100, "2026:09:27 07:12:41"),
    ),
    Scene(
        "sea at dusk",
        sea.render,
        seed=7,
        portrait=False,
        shot=Shot(1, 36.4618, 25.3753, 14, Fraction(1, 250), 4.0, 100, "2026:06:19 20:31:05"),
    ),
    Scene(
        "city after rain",
        city.render,
        seed=7,
        portrait=True,
        shot=Shot(6, 35.6595, 139.7005, 38, Fraction(1, 60), 1.8, 1600, "2026:03:02 22:48:19"),
    ),
    Scene(
        "dunes",
        dunes.render,
        seed=7,
        portrait=True,
        shot=Shot(8, -24.7275, 15.3411, 640, Fraction(1, 1250), 8.0, 100, "2026:04:11 06:58:33"),
    ),
    Scene(
        "leaves",
        leaves.render,
        seed=7,
        portrait=False,
        shot=Shot(5, 51.4787, -0.2956, 9, Fraction(1, 125), 5.6, 200, "2026:10:08 11:04:50"),
    ),
)


def _damaged(whole: bytes) -> dict[str, bytes]:
    """Return files that must be rejected: one that is not a picture, and one that was cut short."""
    return {
        "not a picture.jpg": b"This file calls itself a JPEG, and is a line of text.\n",
        "cut short.jpg": whole[: len(whole) * 2 // 5],
    }


def _fingerprint(long_side: int) -> str:
    """Return a digest of what the rendered files depend on: size, numpy, libvips and the renderer."""
    digest = hashlib.sha256(f"{long_side} {np.__version__} {pyvips.version(0)}.{pyvips.version(1)}".encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()


def write_scenes(folder: Path, long_side: int = _LONG) -> list[Path]:
    """Write every scene and the damaged files into ``folder``, unless the same renderer wrote them before.

    ``long_side`` is in pixels. Returns the files, in the order in which they should be shown.
    """
    folder.mkdir(parents=True, exist_ok=True)
    marker = folder / _RENDERED
    fingerprint = _fingerprint(long_side)
    paths = [folder / f"{scene.name}.jpg" for scene in SCENES]
    rejects = [folder / name for name in _damaged(b"")]
    known = marker.exists() and marker.read_text(encoding="utf-8") == fingerprint
    if known and all(path.exists() for path in [*paths, *rejects]):
        return [*paths, *rejects]
    marker.unlink(missing_ok=True)
    processes = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=min(len(SCENES), os.cpu_count() or 1), mp_context=processes) as pool:
        files = list(pool.map(Scene.photograph, SCENES, [long_side] * len(SCENES)))
    for path, file in zip(paths, files, strict=True):
        path.write_bytes(file)
    for path, file in zip(rejects, _damaged(files[1]).values(), strict=True):
        path.write_bytes(file)
    marker.write_text(fingerprint, encoding="utf-8")
    return [*paths, *rejects]
