"""The result of a calibration: tables of candidates, and the settings to copy into files."""

from collections.abc import Iterator, Mapping
from datetime import date

from pydantic import BaseModel
from rich.table import Table

from lambdas.core.keys import NegotiatedFormat
from lambdas.core.settings import Settings
from operations.calibration.candidates import describe
from operations.calibration.choose import SAME_COST, Point, UnreachableTargetError, at_target, lifetime_cost
from operations.calibration.survey import Choice, Survey
from operations.costs.prices import PRICES

NAMES: dict[NegotiatedFormat, str] = {"avif": "AVIF", "webp": "WebP", "jpeg": "JPEG"}
_MILLION = 1_000_000


def comparison(fmt: NegotiatedFormat, surveyed: Survey, choice: Choice, target: float, settings: Settings) -> Table:
    """Return a table of the candidates of ``fmt`` at ``target``, cheapest first, with the chosen one marked."""
    table = Table(
        title=f"{NAMES[fmt]} at SSIMULACRA2 {target:g}",
        title_justify="left",
        caption=f"→ the least CPU among those within {SAME_COST:.1%} of the cheapest",
        caption_justify="left",
    )
    table.add_column("")
    table.add_column("candidate")
    for heading in ("quality", "bits/pixel", "CPU ms/megapixel", "USD/million"):
        table.add_column(heading, justify="right")
    reached: list[tuple[float, str, Point]] = []
    short: list[str] = []
    for name, curve in surveyed[fmt].items():
        try:
            point = at_target(curve.points, target)
        except UnreachableTargetError:
            short.append(name)
            continue
        reached.append((lifetime_cost(point, fmt, settings.calibration, PRICES), name, point))
    for cost, name, point in sorted(reached, key=lambda each: each[:2]):
        table.add_row(
            "→" if name == describe(choice.encoder) else "",
            name,
            f"{point.quality:.1f}",
            f"{point.bits_per_pixel:.3f}",
            f"{point.cpu_ms_per_megapixel:.0f}",
            f"{cost * _MILLION:.2f}",
        )
    for name in short:
        table.add_row("", name, "–", "–", "–", "not reached")
    return table


def proposed_settings(choices: Mapping[NegotiatedFormat, Choice], today: date) -> str:
    """Return the tables for ``darkroom.toml``: the encoders that the calibration proposes."""
    lines = ["[formats]", f"calibrated_on = {today.isoformat()}"]
    for fmt, choice in choices.items():
        lines += ["", f"[formats.{fmt}]", *(f"{name} = {value}" for name, value in _fields(choice.encoder))]
    return "\n".join(lines)


def measured_encoders(choices: Mapping[NegotiatedFormat, Choice], today: date) -> str:
    """Return the content of ``operations/costs/encoders.toml``: measurements of these encoders, for estimates."""
    lines = [f"measured_on = {today.isoformat()}"]
    for fmt, choice in choices.items():
        lines += ["", f"[{fmt}]"]
        for key, model in (("encoder", choice.encoder), ("reached", choice.reached)):
            lines.append(f"{key} = {{ {', '.join(f'{name} = {value}' for name, value in _fields(model))} }}")
    return "\n".join(lines)


def finding(choices: Mapping[NegotiatedFormat, Choice], target: float) -> str:
    """Return the result in one sentence."""
    sizes = ", ".join(f"{NAMES[fmt]} {choice.point.bits_per_pixel:.2f}" for fmt, choice in choices.items())
    return f"At SSIMULACRA2 {target:g}, bits per pixel: {sizes}"


def _fields(model: BaseModel) -> Iterator[tuple[str, str]]:
    """Yield each field of ``model`` as TOML: its name and its value."""
    for name, value in model.model_dump().items():
        quoted = f'"{value}"' if isinstance(value, str) else f"{value:g}"
        yield name, str(value).lower() if isinstance(value, bool) else quoted
