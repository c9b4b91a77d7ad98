"""A report's answers on disk: a Parquet file each, and the questions that went unanswered."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from flows.reporting.queries import Answer

_SUMMARY = "summary.json"


@dataclass(frozen=True, slots=True)
class Answers:
    """Rows by question, and the reason for each question without any."""

    rows: Mapping[str, pd.DataFrame]
    unanswered: Mapping[str, str] = field(default_factory=dict)
    scanned_bytes: int = 0

    def __getitem__(self, question: str) -> pd.DataFrame | None:
        """Return the rows that answer ``question``, or None where it went unanswered."""
        return self.rows.get(question)


def save_answers(folder: Path, answers: list[Answer], unanswered: Mapping[str, str]) -> None:
    """Write ``answers`` into ``folder``, with ``unanswered`` (a reason by question) beside them."""
    folder.mkdir(parents=True, exist_ok=True)
    for stale in [*folder.glob("*.parquet"), *folder.glob(_SUMMARY)]:
        stale.unlink()
    for answer in answers:
        answer.rows.to_parquet(folder / f"{answer.question}.parquet", index=False)
    summary = {"unanswered": dict(unanswered), "scanned_bytes": sum(answer.scanned_bytes for answer in answers)}
    (folder / _SUMMARY).write_text(json.dumps(summary, indent=2), encoding="utf-8")


def load_answers(folder: Path) -> Answers:
    """Read what :func:`save_answers` wrote."""
    summary = json.loads((folder / _SUMMARY).read_text(encoding="utf-8"))
    rows = {path.stem: pd.read_parquet(path) for path in sorted(folder.glob("*.parquet"))}
    return Answers(rows, summary["unanswered"], summary["scanned_bytes"])
