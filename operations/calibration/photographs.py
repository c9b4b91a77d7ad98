"""The photographs that encoders are measured on, and the references for their derivatives."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path

import numpy as np
from PIL import Image

from lambdas.core.keys import Variant
from lambdas.core.settings import Settings
from lambdas.imaging.formats import SNIFF_BYTES, require_original, sniff
from lambdas.imaging.geometry import Size
from lambdas.imaging.rejection import RejectedError
from lambdas.imaging.render import ready_pixels
from lambdas.metadata.describe import describe
from operations.calibration.quality import Pixels, Reference

CHECKOUT = Path(__file__).resolve().parents[2]
CORPUS_VARIABLE = "DARKROOM_CORPUS"
SCENES = CHECKOUT / "build" / "scenes"


class NoPhotographsError(RuntimeError):
    """A folder has no photographs to measure."""


@dataclass(frozen=True)
class Photograph:
    """An original on disk; ``size`` is in pixels, upright."""

    path: Path
    size: Size

    @property
    def name(self) -> str:
        """The file's name without its suffix."""
        return self.path.stem

    @property
    def megapixels(self) -> float:
        """Millions of pixels."""
        return self.size.pixels / 1e6

    @cached_property
    def data(self) -> bytes:
        """The bytes of the file."""
        return self.path.read_bytes()

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the file, in hex."""
        return sha256(self.data).hexdigest()


def corpus_photographs() -> Path | None:
    """Return the folder of real photographs beside the checkout or at ``DARKROOM_CORPUS``, or None."""
    corpus = Path(os.environ.get(CORPUS_VARIABLE, CHECKOUT.parent / "shared" / "corpus"))
    folder = corpus / "photos"
    return folder if folder.is_dir() else None


def default_folder() -> Path:
    """Return the folder of the corpus's photographs if there is one, otherwise of rendered scenes."""
    found = corpus_photographs()
    if found is not None:
        return found
    from operations.calibration.scenes import write_scenes  # rendering takes a minute

    write_scenes(SCENES)
    return SCENES


def find_photographs(folder: Path, settings: Settings) -> tuple[list[Photograph], dict[str, str]]:
    """Return the originals in ``folder``, and for each other file, by name, why it is rejected.

    Raises:
        NoPhotographsError: no file is an original that Darkroom accepts.
    """
    found: list[Photograph] = []
    refused: dict[str, str] = {}
    for path in _files(folder):
        try:
            data = path.read_bytes()
            metadata, _groups = describe(data, require_original(sniff(data[:SNIFF_BYTES])), settings)
            found.append(Photograph(path, Size(metadata.width, metadata.height)))
        except RejectedError as rejection:
            refused[path.name] = rejection.message
    if not found:
        raise NoPhotographsError(f"expected photographs in {folder} but none of its {len(refused)} files is one")
    return found, refused


def reference(photograph: Photograph, rung: int, settings: Settings) -> Reference:
    """Return the reference for derivatives of ``rung``: the original in full size, reduced with Pillow's Lanczos-3.

    Pillow computes every pixel from all source pixels, without shrinking on load, and is independent of the measured
    code, so that blur or ringing of our own resize lowers the score.
    """
    whole = Image.fromarray(pixels_of(photograph, Variant(photograph.size.width, 0, "jpeg"), settings))
    size = photograph.size.scaled(min(1.0, rung / photograph.size.width))
    return Reference(np.asarray(whole.resize((size.width, size.height), Image.Resampling.LANCZOS)))


def pixels_of(photograph: Photograph, variant: Variant, settings: Settings) -> Pixels:
    """Return the pixels that ``variant`` is encoded from, flattened where they have alpha."""
    image = ready_pixels(photograph.data, variant, settings)
    if image.hasalpha():
        image = image.flatten(background=settings.rendering.background_rgb)
    pixels: Pixels = image.numpy()
    return pixels


def _files(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        raise NoPhotographsError(f"expected a folder of photographs but received {folder}")
    yield from sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
