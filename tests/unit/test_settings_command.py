"""``darkroom settings``, and the document that it writes."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from infra.command import app
from infra.command.settings.catalogue import effective_settings, reference
from lambdas.core.settings import SettingsFile

CHECKOUT = Path(__file__).parents[2]
TEXT = """
ladder.widths = [256, 512, 1024, 1600]
functions.derive.memory_mb = 3000
[tenants.demo]
[stage.dev]
limits.max_bytes = 50_000_000
budget.monthly_usd = 12.5
[stage.production]
"""


def run(*arguments: str, **variables: str) -> Result:
    return CliRunner().invoke(app, ["settings", *arguments], env={"COLUMNS": "80", **variables})


def by_path(text: str, stage: str) -> dict[str, tuple[str, str]]:
    return {each.path: (each.value, each.source) for each in effective_settings(SettingsFile.parse(text), stage)}


def test_the_document_is_current() -> None:
    assert (CHECKOUT / "docs" / "settings.md").read_text(encoding="utf-8") == reference(), "make settings writes it"
    assert run("--markdown").output == reference()


@pytest.mark.parametrize(
    ("path", "value", "source"),
    [
        ("name", '"darkroom"', "default"),
        ("ladder.widths", "[256, 512, 1024, 1600]", "darkroom.toml"),
        ("limits.max_bytes", "50_000_000", "[stage.dev]"),
        ("limits.accept_truncated", "false", "default"),
        ("functions.derive.memory_mb", "3000", "darkroom.toml"),
        ("functions.derive.timeout_seconds", "60", "default"),
        ("budget.monthly_usd", "12.5", "[stage.dev]"),
        ("budget.notify_percent", "[80, 100]", "default"),
        ("domain", "unset", "default"),
        ("formats.calibrated_on", "2026-11-26", "default"),
        ("lanes.shares", "{ validate = 1, metadata = 2, derive = 8, record = 1 }", "default"),
        ("tuning.weights", "{}", "default"),
        ("tenants.demo.lane", '"shared"', "default"),
    ],
)
def test_each_setting_has_its_value_and_source(path: str, value: str, source: str) -> None:
    assert by_path(TEXT, "dev")[path] == (value, source)


def test_another_stage_has_its_own_values() -> None:
    production = by_path(TEXT, "production")
    assert production["limits.max_bytes"] == ("104_857_600", "default")
    assert production["budget"] == ("unset", "default")


def test_every_setting_has_a_meaning() -> None:
    assert all(each.meaning for each in effective_settings(SettingsFile.parse(TEXT), "dev"))


def test_without_all_only_what_a_file_sets_is_printed(tmp_path: Path) -> None:
    file = tmp_path / "darkroom.toml"
    file.write_text(TEXT, encoding="utf-8")
    few = run("--stage", "dev", DARKROOM_SETTINGS=str(file))
    assert few.exit_code == 0, few.output
    assert "max_bytes" in few.output
    assert "max_pixels" not in few.output
    every = run("--all", "--stage", "dev", DARKROOM_SETTINGS=str(file))
    assert "max_pixels" in every.output
    assert max(map(len, every.output.splitlines())) <= 80


def test_an_unknown_stage_is_an_error_that_names_those_that_exist(tmp_path: Path) -> None:
    file = tmp_path / "darkroom.toml"
    file.write_text(TEXT, encoding="utf-8")
    refused = run("--stage", "prod", DARKROOM_SETTINGS=str(file))
    assert refused.exit_code == 1
    assert "expected one of its stages (dev, production) but received 'prod'" in refused.output


def test_check_validates_every_stage(tmp_path: Path) -> None:
    valid = run("--check", DARKROOM_SETTINGS=str(CHECKOUT / "darkroom.toml"))
    assert (valid.exit_code, valid.output) == (0, "darkroom.toml: valid for dev, staging, production\n")
    file = tmp_path / "darkroom.toml"
    file.write_text("[stage.dev]\nlimits.max_side = 0\n[stage.production]\nlimits.max_page = 1", encoding="utf-8")
    wrong = run("--check", DARKROOM_SETTINGS=str(file))
    assert wrong.exit_code == 1
    assert "(stage dev): limits.max_side: " in wrong.output
    assert "(stage production): limits.max_page: " in wrong.output
    file.write_text('name = "darkroom"', encoding="utf-8")
    assert "at least one table [stage.NAME]" in run("--check", DARKROOM_SETTINGS=str(file)).output
