from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.core.keys import Variant
from lambdas.core.settings import (
    SETTINGS_FILE,
    STAGE_VARIABLE,
    SettingsError,
    load_settings,
    parse_settings,
)

TEXT = SETTINGS_FILE.read_text(encoding="utf-8")
SETTINGS = load_settings()


def changed(old: str, new: str) -> str:
    assert TEXT.count(old) == 1, f"expected {old!r} once in {SETTINGS_FILE.name} but received {TEXT.count(old)}"
    return TEXT.replace(old, new)


def test_the_file_beside_the_package_loads_for_every_stage_it_names() -> None:
    assert Path(__file__).parents[2] / "darkroom.toml" == SETTINGS_FILE
    for stage in ("dev", "staging", "production"):
        assert load_settings(SETTINGS_FILE, stage).stage == stage


def test_the_stage_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    load_settings.cache_clear()
    monkeypatch.setenv(STAGE_VARIABLE, "staging")
    assert load_settings().prefix == "darkroom-staging"
    load_settings.cache_clear()
    monkeypatch.delenv(STAGE_VARIABLE)
    assert load_settings().prefix == "darkroom-dev"
    load_settings.cache_clear()


def test_a_stage_overrides_single_values_and_only_its_own() -> None:
    text = TEXT + "\n[stage.trial]\nladder.default_width = 512\nlimits.max_bytes = 7\n"
    staging, dev = parse_settings(text, "trial"), parse_settings(text, "dev")
    assert (staging.ladder.default_width, staging.limits.max_bytes) == (512, 7)
    assert staging.ladder.widths == dev.ladder.widths
    assert dev.ladder.default_width == SETTINGS.ladder.default_width


@pytest.mark.parametrize(
    ("old", "new", "field", "expected", "received"),
    [
        ("max_side = 30_000", "max_side = 0", "limits.max_side", "greater than or equal to 1", "0"),
        ("max_side = 30_000", 'max_side = "big"', "limits.max_side", "valid integer", "'big'"),
        ("max_side = 30_000", "", "limits.max_side", "required", ""),
        ("max_side = 30_000", "max_side = 30_000\nmax_frames = 9", "limits.max_frames", "not permitted", "9"),
        ("quality = 55", "quality = 101", "formats.avif.quality", "less than or equal to 100", "101"),
        ("effort = 1", "effort = 4", "formats.avif.effort", "less than or equal to 3", "4"),
        ('background = "#ffffff"', 'background = "white"', "rendering.background", "match pattern", "'white'"),
        ("widths = [256, 512, 1024, 1600]\nd", "widths = [512, 256]\nd", "ladder", "ascending, distinct", "[512, 256]"),
        ("default_width = 1024", "default_width = 1000", "ladder", "among [256, 512, 1024, 1600]", "1000"),
        ('replica = "us-west-2"', 'replica = "us-east-1"', "regions", "other than the primary", "'us-east-1'"),
        ('replica = "us-west-2"', 'replica = "Oregon"', "regions.replica", "match pattern", "'Oregon'"),
        (
            "derive = { memory_mb = 1769",
            "derive = { memory_mb = 1024",
            "the file as a whole",
            "functions.derive.memory_mb of at least 1598, which the worst original within [limits] takes",
            "1024",
        ),
        ("max_pixels = 100_000_000", "max_pixels = 200_000_000", "the file as a whole", "of at least 2599", "1769"),
        ("eager_widths = [256,", "eager_widths = [300,", "the file as a whole", "on the ladder", "[300]"),
        ("batch_size = 1 ", "batch_size = 2 ", "pipeline.batch_size", "should be 1", "2"),
        ("group_seconds = 1.5", "group_seconds = 0", "pipeline.group_seconds", "greater than 0", "0"),
        ("[tenants.demo]", "[tenants.Demo]", "tenants.Demo", "match pattern", "'Demo'"),
        ('lane = "shared"', 'lane = "fast"', "tenants.demo.lane", "'shared' or 'dedicated'", "'fast'"),
        ('name = "darkroom"', 'name = "Dark Room"', "name", "match pattern", "'Dark Room'"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_named_with_what_was_expected_and_received(
    old: str, new: str, field: str, expected: str, received: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        parse_settings(changed(old, new), "dev")
    message = str(refused.value)
    assert message.startswith("darkroom.toml (stage dev): ")
    for part in (field, expected, received):
        assert part in message


def test_every_fault_is_named_at_once() -> None:
    text = changed("max_side = 30_000", "max_side = 0").replace("decode_seconds = 30", "decode_seconds = 0")
    with pytest.raises(SettingsError) as refused:
        parse_settings(text, "dev")
    assert [line.split(": ")[1] for line in str(refused.value).splitlines()] == [
        "limits.max_side",
        "limits.decode_seconds",
    ]


@pytest.mark.parametrize("stage", ["", "Dev", "a", "dev/../prod", "x" * 17])
def test_a_malformed_stage(stage: str) -> None:
    with pytest.raises(SettingsError, match="stage"):
        parse_settings(TEXT, stage)


def test_a_file_that_is_no_toml() -> None:
    with pytest.raises(SettingsError, match=r"darkroom.toml: expected TOML but received"):
        parse_settings("name = ", "dev")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"expected the settings at .* but received No such file"):
        load_settings(tmp_path / "none.toml", "dev")


@pytest.mark.parametrize(
    ("asked", "rung"), [(0, 256), (1, 256), (256, 256), (256.1, 512), (1024, 1024), (1025, 1600), (9999, 1600)]
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
def test_every_crop_that_can_be_asked_for_is_allowed(rung: int, ratio: str) -> None:
    assert SETTINGS.ladder.allows(Variant(rung, SETTINGS.ladder.height(rung, ratio), "webp"))


def test_eager_variants_are_the_ladder_in_every_eager_format_widest_first() -> None:
    variants = SETTINGS.eager_variants
    assert len(set(variants)) == len(SETTINGS.rendering.eager_widths) * len(SETTINGS.rendering.eager_formats)
    assert [variant.width for variant in variants] == sorted((variant.width for variant in variants), reverse=True)


def test_cache_control_and_its_ceiling() -> None:
    delivery = SETTINGS.delivery
    assert delivery.cache_control == ("public, max-age=604800, stale-while-revalidate=86400, stale-if-error=259200")
    assert delivery.max_ttl_seconds == 604_800 + 86_400 + 259_200
