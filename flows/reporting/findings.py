"""All that a report is made of: answers about its period and the one before, and pictures of what was asked for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from flows.reporting.results import Answers, load_answers

BEFORE = "before"
THUMBNAILS = "thumbnails"
THUMBNAIL_TYPE = ".webp"


@dataclass(frozen=True, slots=True)
class Findings:
    """Answers about a period and about the one before, and thumbnails (WebP) by image id."""

    now: Answers
    before: Answers = field(default_factory=lambda: Answers({}))
    thumbnails: Mapping[str, bytes] = field(default_factory=dict)

    def rows(self, question: str) -> pd.DataFrame | None:
        """Return the rows that answer ``question``, or None where there are none, for whatever reason."""
        found = self.now[question]
        return None if found is None or found.empty else found

    @property
    def unanswered(self) -> dict[str, str]:
        """The reason for each question without an answer."""
        earlier = {f"{name}, the period before": reason for name, reason in self.before.unanswered.items()}
        return {**self.now.unanswered, **earlier}

    @property
    def images_known(self) -> bool:
        """Whether the export of the images table has any image that was asked for, or none was."""
        top = self.rows("top_images")
        return top is None or bool(top.tenant.notna().any())

    @property
    def scanned_bytes(self) -> int:
        """What Athena read for all of it."""
        return self.now.scanned_bytes + self.before.scanned_bytes


def save_thumbnails(folder: Path, thumbnails: Mapping[str, bytes]) -> None:
    """Write ``thumbnails`` beside the answers in ``folder``, in place of any others."""
    place = folder / THUMBNAILS
    place.mkdir(parents=True, exist_ok=True)
    for stale in place.glob(f"*{THUMBNAIL_TYPE}"):
        stale.unlink()
    for image_id, data in thumbnails.items():
        (place / f"{image_id}{THUMBNAIL_TYPE}").write_bytes(data)


def load_findings(folder: Path) -> Findings:
    """Read the answers in ``folder``, and what stands beside them; of the latter there may be none."""
    before = load_answers(folder / BEFORE) if (folder / BEFORE).is_dir() else Answers({})
    pictures = {path.stem: path.read_bytes() for path in sorted((folder / THUMBNAILS).glob(f"*{THUMBNAIL_TYPE}"))}
    return Findings(load_answers(folder), before, pictures)
