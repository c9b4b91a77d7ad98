"""The estimate of a month on AWS, and its tables in the documentation."""

from dataclasses import replace

import pytest
from documents import CHECKOUT
from typer.testing import CliRunner

from lambdas.core.settings import Settings, load_settings
from operations.costs.__main__ import SCALES, USUAL, app
from operations.costs.estimate import Line, drawing, monthly_costs, storage_cost
from operations.costs.prices import PRICES
from operations.costs.tables import bill, levers, markdown, peak, variants
from operations.costs.workload import DAYS

SETTINGS = load_settings(stage="production")
DEPLOYING = (CHECKOUT / "docs" / "deploying.md").read_text(encoding="utf-8")
PRINTED = "python -m operations.costs --stage production --markdown prints what the document should show"
PICTURES = replace(USUAL, per_day=1000)


def part(lines: list[Line], name: str) -> float:
    return sum(line.usd for line in lines if line.part == name)


def drawing_ahead(*formats: str) -> Settings:
    rendering = SETTINGS.rendering.model_copy(update={"eager_formats": formats})
    return SETTINGS.model_copy(update={"rendering": rendering})


def test_the_document_shows_the_computed_tables() -> None:
    assert markdown(bill(USUAL, SCALES, SETTINGS)) in DEPLOYING, PRINTED
    assert markdown(peak(USUAL, SETTINGS)) in DEPLOYING, PRINTED
    assert markdown(levers(USUAL, SETTINGS)) in DEPLOYING, PRINTED
    assert markdown(variants(USUAL, SETTINGS)) in DEPLOYING, PRINTED


def test_every_derivative_is_put_twice_and_copied_once() -> None:
    drawn, prices = drawing(PICTURES, SETTINGS), PRICES
    assert drawn.derivatives == len(SETTINGS.rendering.eager_widths) * len(SETTINGS.rendering.eager_formats)
    puts = drawn.derivatives * PICTURES.per_day * DAYS / 1e6 * prices.put_million
    assert SETTINGS.storage.replication_time_control
    copied = drawn.bytes * PICTURES.per_day * DAYS / 1e9 * (prices.replicated_gb + prices.replication_time_gb)
    lines = monthly_costs(PICTURES, SETTINGS)
    assert part(lines, "Replication") == pytest.approx(puts + copied)
    assert next(line.usd for line in lines if line.what == "derivatives") == pytest.approx(puts)


def test_costs_are_proportional_to_traffic_except_fixed_ones() -> None:
    once, twice = (monthly_costs(replace(PICTURES, per_day=count), SETTINGS) for count in (1000, 2000))
    for line, doubled in zip(once, twice, strict=True):
        assert doubled.usd == pytest.approx(line.usd if line.part == "Standing" else 2 * line.usd)
    idle = monthly_costs(replace(PICTURES, per_day=0), SETTINGS)
    assert sum(line.usd for line in idle) == pytest.approx(part(once, "Standing")) != 0


def test_without_views_delivery_costs_nothing() -> None:
    assert part(monthly_costs(replace(PICTURES, views=0), SETTINGS), "Delivery") == 0


def test_fewer_derivatives_ahead_cost_less() -> None:
    assert drawing(PICTURES, drawing_ahead("avif")).derivatives == len(SETTINGS.rendering.eager_widths)
    for dearer, cheaper in ((SETTINGS, drawing_ahead("avif")), (drawing_ahead("avif"), drawing_ahead())):
        assert sum(line.usd for line in monthly_costs(PICTURES, dearer)) > sum(
            line.usd for line in monthly_costs(PICTURES, cheaper)
        )
        assert storage_cost(PICTURES, dearer) > storage_cost(PICTURES, cheaper)


def test_without_derivatives_only_originals_are_stored() -> None:
    pictures = PICTURES.per_day * DAYS
    kept = PICTURES.bytes * pictures / 1e9 * PRICES.stored_gb_month
    kept += pictures / 1e6 * PRICES.tiered_million_month  # of Intelligent-Tiering
    assert storage_cost(PICTURES, drawing_ahead()) == pytest.approx(kept)


def test_a_chosen_number_of_pictures() -> None:
    printed = CliRunner().invoke(app, ["--per-day", "50000", "--markdown"])
    assert printed.exit_code == 0, printed.output
    assert printed.stdout.startswith("| USD a month | 50,000 a day |")


def test_an_invalid_stage_is_refused() -> None:
    printed = CliRunner().invoke(app, ["--stage", "No Stage"])
    assert printed.exit_code == 1
    assert "stage" in printed.output + printed.stderr
