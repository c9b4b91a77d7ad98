"""The data model of the demo: what is known of each file, from its name to the bytes that the edge served."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from lambdas.core import life
from lambdas.core.keys import NegotiatedFormat, Variant

Fate = Literal["ready", "held", "rejected", "refused", "unreadable", "not uploaded", "no outcome"]
"""What became of a file.

Ready; held for inspection; rejected by the pipeline; refused by the upload API; not readable; not uploaded because the
API or the bucket was out of reach; or uploaded, without an outcome in time.
"""

_FAITHFUL = 4.0  # mean CIEDE2000 at 96 x 96 pixels; encoding and resizing alone stay below 2

SETTLED: frozenset[Fate] = frozenset({"ready", "held", "rejected", "refused"})


@dataclass(frozen=True)
class Candidate:
    """A file to upload; ``name`` is its path below the given folder."""

    name: str
    path: Path


@dataclass(frozen=True)
class Submission:
    """A file sent to the upload API: its image id, or the fate and reason of one that has none."""

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
    """A derivative in the images table."""

    bytes: int
    width: int
    height: int


class Outcome(_Item):
    """The attributes of an images table item that the demo reads."""

    image_id: str
    state: life.Outcome
    seconds: float
    rejection: Reason | None = None
    derivatives: dict[str, Stored] = {}


@dataclass(frozen=True)
class Browser:
    """A browser: its name, its headers, and the format that it should get."""

    name: str
    accept: str
    user_agent: str
    format: NegotiatedFormat

    @property
    def headers(self) -> dict[str, str]:
        """The request headers that identify it."""
        return {"Accept": self.accept, "User-Agent": self.user_agent}


# Accept values: MDN, "List of default Accept values", section "Values for an image"; curl: its own default.
CHROMIUM = Browser(
    "Chromium",
    accept="image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8",
    user_agent="Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
    format="avif",
)
# Safari supports AVIF since version 16; version 15 is the one that needs WebP.
SAFARI = Browser(
    "Safari 15",
    accept="image/webp,image/png,image/svg+xml,image/*;q=0.8,video/*;q=0.8,*/*;q=0.5",
    user_agent=(
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
        "Version/15.6 Safari/605.1.15"
    ),
    format="webp",
)
CURL = Browser("curl", accept="*/*", user_agent="curl/8.14.1", format="jpeg")

BROWSERS = (CHROMIUM, SAFARI, CURL)


@dataclass(frozen=True)
class Ask:
    """One request to the edge: the browser, the width in CSS pixels, and the rest of the query."""

    browser: Browser
    width: int
    density: int = 1
    aspect_ratio: str | None = None

    def query(self) -> dict[str, str]:
        """Return the parameters of the URL."""
        asked = {"w": str(self.width)}
        if self.density != 1:
            asked["dpr"] = str(self.density)
        if self.aspect_ratio:
            asked["ar"] = self.aspect_ratio
        return asked


@dataclass(frozen=True)
class Answer:
    """The edge's response; its body is in ``file``. ``cache`` is the first word of X-Cache, such as Hit or Miss."""

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
        """Whether it is a picture in the format that the browser should get."""
        return self.status == 200 and self.content_type in self.variant.mime_types

    @property
    def hit(self) -> bool:
        """Whether it came from the cache."""
        return self.cache == "Hit"


@dataclass(frozen=True)
class Traits:
    """Properties of a picture file, measured. Width and height in pixels as stored, ``preview`` in bytes."""

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
        """Whether a viewer that ignores the profile would show the wrong colours: RGB values mistaken for sRGB."""
        return self.profile is not None and self.color_space in {"srgb", "rgb", "rgb16"}

    @property
    def private(self) -> list[str]:
        """What this file reveals that a served picture must not."""
        present = {
            "orientation tag": self.orientation != 1,
            "colour profile": self.profile is not None,
            "EXIF": self.exif_fields > 0,
            "GPS": self.gps,
            "preview": self.preview > 0,
        }
        return [name for name, is_present in present.items() if is_present]


@dataclass(frozen=True)
class Inspection:
    """An original compared with what was served.

    ``color_difference``: the mean CIEDE2000 between what was served and the colour-managed original;
    ``unmanaged_difference``: the same against the original with its profile ignored, None where it has no RGB profile.
    ``upright``: of all turns and mirrors of the original, the one that its orientation tag asks for matches best.
    """

    original: Traits
    served: dict[Path, Traits]
    upright: bool
    color_difference: float
    unmanaged_difference: float | None

    @property
    def faithful(self) -> bool:
        """Whether the colours are those of the original, within the error of lossy formats."""
        unconverted = self.unmanaged_difference is not None and self.unmanaged_difference < self.color_difference - 0.2
        return self.color_difference < _FAITHFUL and not unconverted

    @property
    def leaks(self) -> list[str]:
        """What any of the served files reveals that it must not."""
        return sorted({name for traits in self.served.values() for name in traits.private})


@dataclass(frozen=True)
class Picture:
    """One row of the result: a file, its fate and responses. ``seconds`` is from arrival in S3 to the outcome."""

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
        """Whether it has an outcome: ready, held, rejected or refused."""
        return self.fate in SETTLED

    def bytes_served(self, fmt: NegotiatedFormat) -> int:
        """Return the bytes of the distinct variants in ``fmt``."""
        return sum({a.variant: a.bytes for a in self.answers if a.correct and a.variant.format == fmt}.values())

    @property
    def hits(self) -> int:
        """How many responses came from the edge's cache."""
        return sum(answer.hit for answer in self.answers)
