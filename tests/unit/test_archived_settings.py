"""What a function's archive carries of the settings: all that its code reads, and nothing else."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from lambdas.core.settings import Settings, SettingsError, archived_settings, load_settings, parse_settings
from lambdas.core.settings.loading import read_archived

LAMBDAS = Path(__file__).parents[2] / "lambdas"
DEV = load_settings("dev")
# Methods and properties of settings that functions use, and what these read.
READ_INDIRECTLY = {
    "parameter_name": {"name", "stage"},
    "eager_variants": {"rendering"},
    "cache_control": {
        "delivery.max_age_seconds", "delivery.stale_while_revalidate_seconds", "delivery.stale_if_error_seconds",
    },
}  # fmt: skip


def attributes() -> dict[str, set[str]]:
    """Return the names that functions' code reads of any object: ``{"limits": {"max_bytes", …}, "": {…}}``.

    By the name read before it, if there is one: ``settings.limits.max_bytes`` gives ``max_bytes`` of ``limits``.
    """
    found: dict[str, set[str]] = {}
    for path in LAMBDAS.rglob("*.py"):
        # The edge's functions have their settings inlined at synthesis.
        if {"settings", "edge"} & set(path.relative_to(LAMBDAS).parts):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute):
                before = node.value.attr if isinstance(node.value, ast.Attribute) else ""
                found.setdefault(before, set()).add(node.attr)
    return found


def tables() -> Iterator[tuple[str, type[BaseModel]]]:
    for name, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield name, field.annotation


def read_by_functions() -> set[str]:
    """Return the settings that functions' code names, as ``limits.max_bytes``."""
    names = attributes()
    anywhere = set().union(*names.values())
    read = {f"{table}.{key}" for table, model in tables() for key in model.model_fields if key in names.get(table, ())}
    # A table that is passed on is read key by key elsewhere: by names that no other table has.
    keys = [key for _, model in tables() for key in model.model_fields]
    passed_on = anywhere & {table for table, _ in tables()}
    read |= {
        f"{table}.{key}"
        for table, model in tables()
        for key in model.model_fields
        if table in passed_on and key in anywhere and keys.count(key) == 1
    }
    indirect = set().union(*(keys for name, keys in READ_INDIRECTLY.items() if name in anywhere))
    return read | indirect


def test_everything_that_functions_read_travels() -> None:
    carried = json.loads(archived_settings(DEV))
    flat = {f"{table}.{key}" for table, keys in carried.items() if isinstance(keys, dict) for key in keys}
    missing = {name for name in read_by_functions() if name not in flat | set(carried)}
    assert not missing, f"functions read {sorted(missing)}: name them in _READ_BY_FUNCTIONS of settings/loading.py"


def test_no_table_travels_that_functions_do_not_read() -> None:
    anywhere = set().union(*attributes().values())
    known = {"name", *READ_INDIRECTLY}
    assert {table for table in json.loads(archived_settings(DEV)) if table not in anywhere | known} == set()


def test_partly_carried_tables_have_only_keys_that_functions_read() -> None:
    read = read_by_functions()
    for table in ("uploads", "pipeline", "delivery", "storage"):
        assert {f"{table}.{key}" for key in json.loads(archived_settings(DEV))[table]} <= read


@pytest.mark.parametrize("stage", ["dev", "staging", "production"])
def test_a_function_has_the_stages_own_values(stage: str) -> None:
    settings = load_settings(stage)
    read = read_archived(archived_settings(settings), stage)
    for table in ("stage", "name", "regions", "ladder", "formats", "rendering", "limits", "metadata", "api", "auth"):
        assert getattr(read, table) == getattr(settings, table)
    assert read.image_tokens == settings.image_tokens
    assert read.formats.calibration == settings.formats.calibration
    assert read.delivery.cache_control == settings.delivery.cache_control
    assert read.storage.object_lock == settings.storage.object_lock
    assert set(read.tenants) == set(settings.tenants)


@pytest.mark.parametrize(
    "tables",
    [
        'alarms.emails = ["someone@example.com"]',
        "budget.monthly_usd = 5",
        "analytics.report_days = 5",
        "backfill.poll_seconds = 1",
        "operations.ask_above = 1",
        "tuning.floor = 9",
        "calibration.target = 75",
        "lanes.account_concurrency = 2000",
        "functions.generate.memory_mb = 4000",
        "storage.log_retention_days = 1",
        "uploads.requests_per_second = 1",
        "pipeline.postponed_seconds = 100",
        'delivery.cors_origins = ["https://example.com"]',
        'waf.mode = "block"',
        'log_level = "DEBUG"',
        'tenants.demo = { lane = "dedicated", reserved_concurrency = 8 }',
    ],
)
def test_what_functions_do_not_read_changes_no_archive(tables: str) -> None:
    def archived(text: str) -> str:
        return archived_settings(parse_settings(f"{text}\n[stage.dev]", "dev"))

    assert archived(tables) == archived("")


@pytest.mark.parametrize(
    "tables", ["limits.max_pixels = 9", "formats.avif.quality = 60", "tenants.acme = {}", "storage.object_lock = true"]
)
def test_what_functions_read_changes_the_archive(tables: str) -> None:
    assert archived_settings(parse_settings(f"{tables}\n[stage.dev]", "dev")) != archived_settings(
        parse_settings("[stage.dev]", "dev")
    )


def test_limits_beyond_the_default_functions_memory_are_read_without_those_functions() -> None:
    large = "\n".join(f"functions.{name}.memory_mb = 8000" for name in ("metadata", "derive", "generate", "backfill"))
    settings = parse_settings(f"limits.max_pixels = 400_000_000\n{large}\n[stage.dev]", "dev")
    assert read_archived(archived_settings(settings), "dev").limits == settings.limits


def test_an_archive_of_another_stage_is_refused() -> None:
    with pytest.raises(SettingsError, match="expected the stage dev, as the archive has it, but received 'production'"):
        read_archived(archived_settings(DEV), "production")
