"""What the settings accept, what they reject and in which words, and where they are read from."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from lambdas.core.keys import Variant
from lambdas.core.settings import (
    DEFAULT_STAGE,
    FILE_VARIABLE,
    STAGE_VARIABLE,
    Settings,
    SettingsError,
    SettingsFile,
    default_stage,
    load_settings,
    parse_settings,
    settings_path,
)

CHECKOUT = Path(__file__).parents[2]
SETTINGS = load_settings()
ZONE = 'hosted_zone = { id = "Z0123456789EXAMPLE", name = "example.com" }'
STAGE = "[stage.trial]\n"


def trial(tables: str) -> Settings:
    """Return the settings of a file with ``tables`` and a stage ``trial``."""
    return parse_settings(f"{tables}\n[stage.trial]\n", "trial")


def models(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """Yield ``model`` and every model among its fields."""
    yield model
    for field in model.model_fields.values():
        for kind in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from models(kind)


def test_a_file_that_sets_nothing_but_a_stage_is_enough() -> None:
    assert parse_settings("[stage.trial]", "trial") == Settings(stage="trial")


def test_every_stage_of_the_checkouts_file_is_valid() -> None:
    file = SettingsFile.read(CHECKOUT / "darkroom.toml")
    assert {"dev", "staging", "production"} <= set(file.stages)
    for stage in file.stages:
        assert file.settings(stage).stage == stage


def test_every_field_is_described_in_a_sentence() -> None:
    for model in models(Settings):
        for name, field in model.model_fields.items():
            table = isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
            text = model.__doc__ if table else field.description
            assert text, f"{model.__name__}.{name}"

            assert text.rstrip().endswith("."), f"{model.__name__}.{name}: {text}"


def test_every_field_has_a_default_but_what_an_optional_table_requires() -> None:
    required = {
        f"{model.__name__}.{name}"
        for model in models(Settings)
        for name, field in model.model_fields.items()
        if field.is_required()
    }
    assert required == {
        "Settings.stage", "Issuer.name", "Issuer.jwks_url", "HostedZone.id", "HostedZone.name", "Domain.names",
        "Budget.monthly_usd", "FunctionSettings.memory_mb", "FunctionSettings.timeout_seconds",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("tables", "field", "expected", "received"),
    [
        ("limits.max_side = 0", "limits.max_side", "greater than or equal to 1", "0"),
        ('limits.max_side = "big"', "limits.max_side", "valid integer", "'big'"),
        ("limits.max_frames = 9", "limits.max_frames", "not permitted", "9"),
        ("formats.avif.quality = 101", "formats.avif.quality", "less than or equal to 100", "101"),
        ("formats.avif.effort = 4", "formats.avif.effort", "less than or equal to 3", "4"),
        ('rendering.background = "white"', "rendering.background", "match pattern", "'white'"),
        ("ladder.widths = [512, 256]", "ladder", "ascending, distinct", "[512, 256]"),
        ("ladder.default_width = 1000", "ladder", "among [64, 128, 256, 512, 1024, 1600, 2560]", "1000"),
        ('regions.replica = "us-east-1"', "regions", "other than the primary", "'us-east-1'"),
        ('regions.replica = "Oregon"', "regions.replica", "match pattern", "'Oregon'"),
        (
            "functions.derive = { memory_mb = 1024 }",
            "the file as a whole",
            "functions.derive.memory_mb of at least 1598, which the worst original within [limits] takes",
            "1024",
        ),
        ("limits.max_pixels = 200_000_000", "the file as a whole", "of at least 2599", "1769"),
        ("functions.origin_request.timeout_seconds = 31", "the file as a whole", "of at most 30", "31"),
        ("functions.resize.memory_mb = 512", "functions.resize.[key]", "'authorize'", "'resize'"),
        ("rendering.eager_widths = [300]", "the file as a whole", "on the ladder", "[300]"),
        ("pipeline.batch_size = 2", "pipeline.batch_size", "should be 1", "2"),
        ("pipeline.group_seconds = 0", "pipeline.group_seconds", "greater than 0", "0"),
        ("tenants.Demo = {}", "tenants.Demo.[key]", "match pattern", "'Demo'"),
        ("tenants = {}", "tenants", "at least 1 item", "{}"),
        ('tenants.demo.lane = "fast"', "tenants.demo.lane", "'shared' or 'dedicated'", "'fast'"),
        ("tuning.weights.acme = 2", "the file as a whole", "tuning.weights for shared", "['acme']"),
        ('name = "Dark Room"', "name", "match pattern", "'Dark Room'"),
        ('auth.accepts = "issuer"', "auth", "a table auth.issuer", "none"),
        ("image_tokens.max_seconds = 60", "image_tokens", "at most max_seconds (60)", "3600"),
        ("uploads.part_min_bytes = 15_728_641", "uploads", "at least part_min_bytes (15728641)", "15728640"),
        ("delivery.origin_whole_seconds = 2", "delivery", "at least origin_read_seconds (3)", "2"),
        ('waf.empty_referer = "refuse"', "waf", "expected referers", "none"),
        (
            'storage.originals_class = "infrequent_access"\nstorage.originals_class_days = 7',
            "storage",
            "expected originals_class_days of at least 30 for infrequent_access",
            "7",
        ),
        ("storage.restore_days = 36", "storage.restore_days", "less than or equal to 35", "36"),
        ("storage.log_retention_days = 31", "storage.log_retention_days", "1, 3, 5", "31"),
        ('storage.edge_log_regions = ["Frankfurt"]', "storage.edge_log_regions.0", "match pattern", "'Frankfurt'"),
        ('domain = { names = ["img.example.com"] }', "domain", "a certificate_arn or a hosted_zone", "neither"),
        (
            f'domain.names = ["img.example.org"]\ndomain.{ZONE}',
            "domain",
            "expected names that end in example.com",
            "['img.example.org']",
        ),
        (
            'domain.names = ["img.example.com"]\n'
            'domain.certificate_arn = "arn:aws:acm:eu-west-1:000000000000:certificate/x"',
            "domain.certificate_arn",
            "us-east-1",
            "eu-west-1",
        ),
        ("budget = { monthly_usd = 0 }", "budget.monthly_usd", "greater than 0", "0"),
        ("budget = { monthly_usd = 5, notify_percent = [] }", "budget.notify_percent", "at least 1 item", "[]"),
        (
            "budget = { monthly_usd = 5, notify_percent = [1, 2, 3, 4, 5] }",
            "budget.notify_percent", "at most 4 items", "[1, 2, 3, 4, 5]",
        ),
        ("alarms = { queue_age_seconds = 660 }", "the file as a whole", "queue_age_seconds above 660", "660"),
        ("pipeline = { postponed_seconds = 900 }", "the file as a whole", "queue_age_seconds above 900", "900"),
        ("pipeline = { execution_seconds = 134 }", "the file as a whole", "at least 135, the timeouts", "134"),
        ("budget = {}", "budget.monthly_usd", "required", "{}"),
        ('alarms.emails = ["nobody"]', "alarms.emails.0", "match pattern", "'nobody'"),
        ('alarms.webhooks = ["http://example.com"]', "alarms.webhooks.0", "match pattern", "'http://example.com'"),
        ("alarms.dead_letter_age_days = 14", "alarms.dead_letter_age_days", "less than or equal to 13", "14"),
        ("prices.stored_gb_month = 1", "prices", "not permitted", "1"),
    ],
)  # fmt: skip
def test_an_error_names_the_field_what_was_expected_and_what_was_received(
    tables: str, field: str, expected: str, received: str
) -> None:
    for text in (f"{tables}\n{STAGE}", f"{STAGE}{tables}"):  # for all stages, and for one alone
        with pytest.raises(SettingsError) as refused:
            parse_settings(text, "trial")
        message = str(refused.value)
        assert message.startswith(f"darkroom.toml (stage trial): {field}: ")
        for part in (expected, received):
            assert part in message


def test_all_wrong_fields_are_named_at_once() -> None:
    with pytest.raises(SettingsError) as refused:
        trial("limits.max_side = 0\nlimits.decode_seconds = 0")
    assert [line.split(": ")[1] for line in str(refused.value).splitlines()] == [
        "limits.max_side",
        "limits.decode_seconds",
    ]


def test_a_stage_overrides_single_values_and_only_its_own() -> None:
    text = "limits.max_side = 9\n[stage.dev]\n[stage.trial]\nladder.default_width = 512\nlimits.max_bytes = 7\n"
    changed, dev = parse_settings(text, "trial"), parse_settings(text, "dev")
    assert (changed.ladder.default_width, changed.limits.max_bytes, changed.limits.max_side) == (512, 7, 9)
    assert changed.ladder.widths == dev.ladder.widths
    assert dev.ladder.default_width == SETTINGS.ladder.default_width


@pytest.mark.parametrize("stage", ["prod", "Dev", "dev/../prod", "x" * 17])
def test_an_unknown_stage_is_an_error_that_names_those_that_exist(stage: str) -> None:
    with pytest.raises(
        SettingsError, match=r"expected one of its stages \(dev, production\) but received '"
    ) as refused:
        parse_settings("[stage.dev]\n[stage.production]", stage)
    assert stage in str(refused.value)


@pytest.mark.parametrize("stage", ["Dev", "a", "dev/../prod", "x" * 17])
def test_a_malformed_stage_is_an_error(stage: str) -> None:
    with pytest.raises(SettingsError, match="stage: string should match pattern"):
        parse_settings(f'[stage."{stage}"]', stage)


def test_stages_must_be_tables() -> None:
    with pytest.raises(SettingsError, match=r"expected tables \[stage.NAME\] but received"):
        parse_settings("stage.dev = 1", "dev")


def test_without_a_stage_there_are_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for value in (None, ""):
        monkeypatch.setenv(STAGE_VARIABLE, value) if value is not None else monkeypatch.delenv(STAGE_VARIABLE)
        with pytest.raises(SettingsError, match=f"expected a stage in the environment variable {STAGE_VARIABLE}"):
            load_settings()


def test_the_stage_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(STAGE_VARIABLE, "staging")
    assert load_settings().prefix == "darkroom-staging"
    assert default_stage() == "staging"
    assert load_settings("dev").prefix == "darkroom-dev"
    monkeypatch.delenv(STAGE_VARIABLE)
    assert default_stage() == DEFAULT_STAGE == "dev"


def test_a_file_that_is_not_toml_is_an_error() -> None:
    with pytest.raises(SettingsError, match=r"darkroom.toml: expected TOML but received"):
        parse_settings("name = ", "dev")


def test_the_file_is_the_variables_else_the_nearest_above_else_the_checkouts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(FILE_VARIABLE, raising=False)
    nearest, below = tmp_path / "darkroom.toml", tmp_path / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert settings_path() == CHECKOUT / "darkroom.toml"
    nearest.write_text("[stage.dev]", encoding="utf-8")
    assert settings_path() == nearest
    named = tmp_path / "other.toml"
    monkeypatch.setenv(FILE_VARIABLE, str(named))
    assert settings_path() == named
    named.write_text('name = "gallery"\n[stage.dev]', encoding="utf-8")
    assert load_settings("dev").prefix == "gallery-dev"


def test_a_missing_file_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FILE_VARIABLE, str(tmp_path / "none.toml"))
    with pytest.raises(SettingsError, match=r"expected the settings at .* but received No such file"):
        load_settings("dev")


def test_without_any_file_the_error_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(FILE_VARIABLE, raising=False)
    monkeypatch.setattr("lambdas.core.settings.loading._ROOT", tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError, match=rf"No darkroom.toml in .*name the file in {FILE_VARIABLE}"):
        settings_path()


@pytest.mark.parametrize("name", ["example.com", "img.example.com", "a.b.example.com"])
def test_a_name_within_its_zone_is_accepted(name: str) -> None:
    settings = trial(f'domain.names = ["{name}"]\ndomain.{ZONE}')
    assert settings.domain
    assert settings.domain.names == (name,)


def test_a_functions_table_may_set_one_of_its_values() -> None:
    before, after = SETTINGS.functions, trial("functions.generate.memory_mb = 5000").functions
    assert (after["generate"].memory_mb, after["generate"].timeout_seconds) == (
        5000,
        before["generate"].timeout_seconds,
    )
    assert {name: size for name, size in after.items() if name != "generate"} == {
        name: size for name, size in before.items() if name != "generate"
    }


def test_all_edge_log_regions_are_those_with_a_regional_cache() -> None:
    regions: Any = trial('storage.edge_log_regions = "all"').storage.edge_log_regions
    assert len(regions) == len(set(regions)) == 11
    assert "eu-central-1" in regions
    assert "us-east-1" not in regions


@pytest.mark.parametrize(
    ("asked", "rung"), [(0, 64), (1, 64), (65, 128), (256, 256), (256.1, 512), (1024, 1024), (1601, 2560), (9999, 2560)]
)
def test_widths_are_snapped_up(asked: float, rung: int) -> None:
    assert SETTINGS.ladder.snap(asked) == rung


@pytest.mark.parametrize(
    ("rung", "ratio", "height"),
    [(1024, "1:1", 1024), (1024, "4:3", 768), (1600, "16:9", 900), (256, "3:2", 171), (1024, "3:2", 683)],
)
def test_heights_of_crops(rung: int, ratio: str, height: int) -> None:
    assert SETTINGS.ladder.height(rung, ratio) == height


@pytest.mark.parametrize(
    ("variant", "allowed"),
    [("1024x0.avif", True), ("1024x1024.webp", True), ("1024x768.jpeg", True), ("1024x767.jpeg", False),
     ("1000x0.avif", False), ("256x1024.avif", False)],
)  # fmt: skip
def test_the_ladder_allows_what_it_names(variant: str, allowed: bool) -> None:
    assert SETTINGS.ladder.allows(Variant.parse(variant)) is allowed


@given(st.sampled_from(SETTINGS.ladder.widths), st.sampled_from(SETTINGS.ladder.aspect_ratios))
def test_every_crop_that_can_be_requested_is_allowed(rung: int, ratio: str) -> None:
    assert SETTINGS.ladder.allows(Variant(rung, SETTINGS.ladder.height(rung, ratio), "webp"))


def test_eager_variants_are_the_ladder_in_every_eager_format_widest_first() -> None:
    variants = SETTINGS.eager_variants
    assert len(set(variants)) == len(SETTINGS.rendering.eager_widths) * len(SETTINGS.rendering.eager_formats)
    assert [variant.width for variant in variants] == sorted((variant.width for variant in variants), reverse=True)


def test_cache_control_and_its_ceiling() -> None:
    delivery = SETTINGS.delivery
    assert delivery.cache_control == ("public, max-age=604800, stale-while-revalidate=86400, stale-if-error=259200")
    assert delivery.max_ttl_seconds == 604_800 + 86_400 + 259_200
