"""What became of the visits, in one table."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from rich.table import Table

from infra.command.traffic.replay import Outcome

HITS = ("Hit", "RefreshHit")


def hit_ratio(outcomes: Iterable[Outcome]) -> float | None:
    """Return hits among hits and misses, as CloudFront counts them; None where there are neither."""
    pictures = [outcome.result in HITS for outcome in outcomes if outcome.result in (*HITS, "Miss")]
    return sum(pictures) / len(pictures) if pictures else None


def summary_table(outcomes: Sequence[Outcome]) -> Table:
    """Return a row for each kind of visit and format of its answer, and one for all."""
    table = Table(title="Answers", title_justify="left")
    for heading in ("from", "as"):
        table.add_column(heading)
    for heading in ("requests", "hits", "4xx", "5xx", "MB", "median", "p99"):
        table.add_column(heading, justify="right")
    groups: defaultdict[tuple[str, str], list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        groups[outcome.visit.kind, _form(outcome.content_type)].append(outcome)
    for (kind, form), group in sorted(groups.items(), key=lambda item: -len(item[1])):
        table.add_row(kind, form, *_figures(group))
    table.add_section()
    table.add_row("all", "", *_figures(outcomes))
    return table


def _form(content_type: str) -> str:
    kind, _, name = content_type.partition(";")[0].partition("/")
    return name if kind == "image" else kind or "nothing"


def _figures(outcomes: Sequence[Outcome]) -> list[str]:
    ratio = hit_ratio(outcomes)
    waits = sorted(outcome.seconds for outcome in outcomes)
    return [
        f"{len(outcomes):,}",
        "–" if ratio is None else f"{ratio:.1%}",
        f"{sum(400 <= outcome.status < 500 for outcome in outcomes):,}",
        f"{sum(outcome.status >= 500 for outcome in outcomes):,}",
        f"{sum(outcome.bytes for outcome in outcomes) / 1e6:,.1f}",
        *(f"{1000 * waits[round(share * (len(waits) - 1))]:.0f} ms" for share in (0.5, 0.99)),
    ]
