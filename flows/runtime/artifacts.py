"""Artifacts that tell the story of a run."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from prefect.artifacts import create_markdown_artifact, create_table_artifact


def show_rows(key: str, rows: Sequence[Mapping[str, Any]], what: str, *, shown: int, whole: str = "") -> None:
    """Leave ``rows`` as a table, the first ``shown`` of them, and say where the ``whole`` is; nothing where none are.

    Args:
        key: of the artifact.
        rows: a line each.
        what: they are, in a sentence.
        shown: how many of them the artifact holds.
        whole: address of all of them.
    """
    if not rows:
        return
    beyond = f" The first {shown:,} of {len(rows):,}; all: {whole}" if len(rows) > shown else ""
    create_table_artifact(key=key, table=[dict(row) for row in rows[:shown]], description=f"{what}{beyond}")


def show_story(key: str, sentence: str, lines: Iterable[str] = (), *, what: str) -> None:
    """Leave a Markdown page: the ``sentence`` that matters most, then ``lines``; ``what`` says what it tells."""
    create_markdown_artifact(key=key, markdown="\n".join([f"**{sentence}**", "", *lines]), description=what)


def markdown_table(headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[str]:
    """Return the lines of a table in Markdown."""
    lines = [headings, ["---"] * len(headings), *rows]
    return [f"| {' | '.join(str(cell).replace('|', '∣') for cell in line)} |" for line in lines]
