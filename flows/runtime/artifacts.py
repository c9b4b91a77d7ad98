"""Artifacts on the page of a run: a Markdown summary and tables."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from prefect.artifacts import create_markdown_artifact, create_table_artifact


def show_table(
    key: str, rows: Sequence[Mapping[str, Any]], description: str, *, shown: int, complete: str = ""
) -> None:
    """Create a table artifact, unless there are no rows.

    Args:
        key: of the artifact.
        rows: of the table.
        description: what they are, in a sentence.
        shown: maximum number of rows in the artifact.
        complete: where all rows are stored.
    """
    if not rows:
        return
    more = f" The first {shown:,} of {len(rows):,}; all: {complete}" if len(rows) > shown else ""
    create_table_artifact(key=key, table=[dict(row) for row in rows[:shown]], description=f"{description}{more}")


def show_summary(key: str, sentence: str, lines: Iterable[str] = (), *, description: str) -> None:
    """Create a Markdown artifact: the most important ``sentence``, then ``lines``."""
    create_markdown_artifact(key=key, markdown="\n".join([f"**{sentence}**", "", *lines]), description=description)


def markdown_table(headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[str]:
    """Return the lines of a Markdown table."""
    lines = [headings, ["---"] * len(headings), *rows]
    return [f"| {' | '.join(str(cell).replace('|', '∣') for cell in line)} |" for line in lines]
