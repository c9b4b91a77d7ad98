"""Tables, numbers to the right."""

from collections.abc import Callable, Collection, Mapping
from html import escape
from typing import Any

import pandas as pd
from IPython.display import HTML


def table(rows: pd.DataFrame, columns: Mapping[str, Callable[[Any], str]], extra: Collection[str] = ()) -> HTML:
    """Return a table.

    Args:
        rows: what to show, a line each.
        columns: headings, in order, with what writes each of their values.
        extra: headings that a narrow screen leaves out.
    """

    def cell(tag: str, heading: str, text: str) -> str:
        kind = ' class="dr-extra"' if heading in extra else ""
        return f"<{tag}{kind}>{escape(text)}</{tag.split()[0]}>"

    heads = "".join(cell('th scope="col"', heading, heading) for heading in columns)
    lines = []
    for row in rows[list(columns)].itertuples(index=False):
        written = [(heading, write(value)) for (heading, write), value in zip(columns.items(), row, strict=True)]
        (first, name), *rest = written
        cells = [cell('th scope="row"', first, name), *(cell("td", *pair) for pair in rest)]
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return HTML(
        f'<div class="dr-scroll"><table class="dr-table"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )
