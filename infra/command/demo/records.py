"""What the demonstration learns of each file, from the folder it lay in to the bytes that the edge served."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from infra.command.demo.browsers import Browser
from lambdas.core.keys import Format, Variant

Fate = Literal["ready", "rejected", "refused", "unreadable", "not uploaded", "no outcome"]
"""How a file ended.

Drawn; rejected by the pipeline; refused by the upload API; could not be read; did not get through to the API
or the bucket; or uploaded, and without an outcome in time.
"""

_FAITHFUL = 4.0  # mean CIEDE2000 at 96 x 96 pixels; encoding and resizing alone stay below 2

SETTLED: frozenset[Fate] = frozenset({"ready", "rejected", "refused"})


@dataclass(frozen=True)
class Candidate:
    """A file to upload; ``name`` is its path below the folder that was asked for."""

    name: str
    path: Path


@dataclass(frozen=True)
class Submission:
    """A file that was offered to the upload API: its image id, or the fate and reason of one that got none."""

    candidate: Candidate
    bytes: int
    image_id: str | None = None
    fate: Fate | None = None
    reason: str = ""


class _Item(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Reason(_Item):
    """Why the pipeline rejected an original."""

    code: str
    message: str


class Stored(_Item):
    """A derivative as the images table knows it."""

    bytes: int
    width: int
    height: int


class Outcome(_Item):
    """An item of the images table, as far as the demonstration reads it."""

    image_id: str
    outcome: Literal["ready", "rejected"]
    seconds: float
    rejection: Reason | None = None
    derivatives: dict[str, Stored] = {}


@dataclass(frozen=True)
class Ask:
    """One question to the edge: who asks, and for what. Widths in CSS pixels."""

    browser: Browser
    width: int
    density: int = 1
    aspect_ratio: str | None = None

    def query(self) -> dict[str, str]:
        """Return the URL's parameters."""
        asked = {"w": str(self.width)}
        if self.density != 1:
            asked["dpr"] = str(self.density)
        if self.aspect_ratio:
            asked["ar"] = self.aspect_ratio
        return asked


@dataclass(frozen=True)
class Answer:
    """What the edge answered; the body stands in ``file``. ``cache`` is X-Cache's first word, such as Hit or Miss."""

    ask: Ask
    variant: Variant
    status: int
    cache: str
    seconds: float
    bytes: int
    content_type: str
    file: Path | None = None

    @property
    def correct(self) -> bool:
        """Whether it is a picture in the format that the viewer is owed."""
        return self.status == 200 and self.content_type == self.variant.mime_type

    @property
    def hit(self) -> bool:
        """Whether the edge had it."""
        return self.cache == "Hit"


@dataclass(frozen=True)
class Traits:
    """What a file's bytes say about the picture, measured. Sizes in pixels as stored, ``preview`` in bytes."""

    format: str
    width: int
    height: int
    orientation: int
    color_space: str
    profile: str | None
    camera: str | None
    exif_fields: int
    gps: bool
    preview: int

    @property
    def numbers_are_rgb(self) -> bool:
        """Whether a viewer that ignores the profile would show something: RGB numbers taken for sRGB's."""
        return self.profile is not None and self.color_space in {"srgb", "rgb", "rgb16"}

    @property
    def private(self) -> list[str]:
        """Name what these bytes tell that a served picture must not."""
        told = {
            "orientation tag": self.orientation != 1,
            "colour profile": self.profile is not None,
            "EXIF": self.exif_fields > 0,
            "GPS": self.gps,
            "preview": self.preview > 0,
        }
        return [name for name, present in told.items() if present]


@dataclass(frozen=True)
class Inspection:
    """An original beside what was served of it.

    ``color_difference``: the mean CIEDE2000 between what was served and the colour-managed original;
    ``unmanaged_difference``: the same against the original with its profile ignored, None where it has no RGB profile.
    ``upright``: no other turn or mirror of the original matches what was served better than the one its tag asks for.
    """

    original: Traits
    served: dict[Path, Traits]
    upright: bool
    color_difference: float
    unmanaged_difference: float | None

    @property
    def faithful(self) -> bool:
        """Whether the colours are those of the original, as near as lossy formats come."""
        unconverted = self.unmanaged_difference is not None and self.unmanaged_difference < self.color_difference - 0.2
        return self.color_difference < _FAITHFUL and not unconverted

    @property
    def leaks(self) -> list[str]:
        """Name what any served file still tells that it must not."""
        return sorted({name for traits in self.served.values() for name in traits.private})


@dataclass(frozen=True)
class Picture:
    """One row: a file, its fate, and what came back. ``seconds`` is from S3's having it to the recorded outcome."""

    submission: Submission
    fate: Fate
    code: str = ""
    reason: str = ""
    seconds: float | None = None
    answers: tuple[Answer, ...] = ()
    inspection: Inspection | None = None
    as_stored: Path | None = None
    faults: tuple[str, ...] = field(default=())

    @property
    def name(self) -> str:
        """The file's path below the folder."""
        return self.submission.candidate.name

    @property
    def settled(self) -> bool:
        """Whether it has an outcome, good or bad."""
        return self.fate in SETTLED

    def bytes_served(self, fmt: Format) -> int:
        """Return the bytes of every different variant in ``fmt``, each counted once."""
        return sum({a.variant: a.bytes for a in self.answers if a.correct and a.variant.format == fmt}.values())

    @property
    def hits(self) -> int:
        """How many of the answers came out of the edge's cache."""
        return sum(answer.hit for answer in self.answers)
