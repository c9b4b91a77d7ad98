"""A calibration in words: the candidates side by side, and the tables to put into ``darkroom.toml``."""

from collections.abc import Mapping
from datetime import date

from rich.table import Table

from lambdas.core.keys import Format
from lambdas.core.settings import Settings
from operations.calibration.candidates import describe
from operations.calibration.choose import (
    SAME_COST,
    Point,
    UnreachableTargetError,
    at_target,
    lifetime_cost,
)
from operations.calibration.survey import Choice, Survey

NAMES: dict[Format, str] = {"avif": "AVIF", "webp": "WebP", "jpeg": "JPEG"}
_MILLION = 1_000_000


def comparison(fmt: Format, surveyed: Survey, choice: Choice, target: float, settings: Settings) -> Table:
    """Return the candidates of ``fmt`` where each reaches ``target``, cheapest first, the chosen one marked."""
    table = Table(
        title=f"{NAMES[fmt]} at SSIMULACRA2 {target:g}",
        title_justify="left",
        caption=f"→ the least CPU of those within {SAME_COST:.1%} of the cheapest",
        caption_justify="left",
    )
    table.add_column("")
    table.add_column("candidate")
    for heading in ("quality", "bits a pixel", "CPU ms a megapixel", "USD a million"):
        table.add_column(heading, justify="right")
    reached: list[tuple[float, str, Point]] = []
    short: list[str] = []
    for name, curve in surveyed[fmt].items():
        try:
            point = at_target(curve.points, target)
        except UnreachableTargetError:
            short.append(name)
            continue
        reached.append((lifetime_cost(point, fmt, settings.calibration, settings.prices), name, point))
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


def proposal(choices: Mapping[Format, Choice], today: date) -> str:
    """Return the tables of ``darkroom.toml`` that the calibration proposes."""
    lines = ["[formats]", f"calibrated_on = {today.isoformat()}"]
    for fmt, choice in choices.items():
        lines += ["", f"[formats.{fmt}]"]
        for field, value in choice.encoder.model_dump(exclude={"reached"}).items():
            lines.append(f"{field} = {_toml(value)}")
        if choice.encoder.reached is not None:
            figures = ", ".join(f"{name} = {value:g}" for name, value in choice.encoder.reached.model_dump().items())
            lines.append(f"reached = {{ {figures} }}")
    return "\n".join(lines)


def finding(choices: Mapping[Format, Choice], target: float) -> str:
    """Say in a sentence what the calibration found."""
    sizes = ", ".join(f"{NAMES[fmt]} {choice.point.bits_per_pixel:.2f}" for fmt, choice in choices.items())
    return f"At SSIMULACRA2 {target:g}, bits a pixel: {sizes}"


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else f"{value}"
