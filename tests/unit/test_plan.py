import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.core.keys import Variant
from lambdas.core.settings import Settings, load_settings
from lambdas.imaging.formats import ORIGINAL_FORMATS
from lambdas.imaging.geometry import Size, drawn_size
from lambdas.imaging.plan import DECODE_SECONDS, ENCODE_SECONDS, plan

SETTINGS = load_settings()
PHOTO_12_MP = Size(4032, 3024)


def with_group_seconds(seconds: float, concurrency: int = 8) -> Settings:
    pipeline = SETTINGS.pipeline.model_copy(update={"group_seconds": seconds, "derive_concurrency": concurrency})
    return SETTINGS.model_copy(update={"pipeline": pipeline})


def cost(group: list[Variant], original: Size) -> float:
    distinct = {(variant.format, drawn_size(original, variant)) for variant in group}
    return sum(ENCODE_SECONDS[fmt] * size.pixels / 1e6 for fmt, size in distinct)


@pytest.mark.parametrize(
    ("original", "fmt", "seconds", "concurrency", "groups"),
    [
        (Size(400, 300), "jpeg", 0.4, 8, 1),
        (Size(800, 600), "jpeg", 0.4, 8, 1),
        (PHOTO_12_MP, "jpeg", 0.4, 8, 2),
        (Size(3024, 4032), "jpeg", 0.4, 8, 4),
        (PHOTO_12_MP, "jpeg", 0.2, 8, 4),
        (PHOTO_12_MP, "jpeg", 0.01, 8, 6),
        (PHOTO_12_MP, "jpeg", 0.01, 2, 2),
        (PHOTO_12_MP, "jpeg", 60, 8, 1),
        # A 100 MP AVIF takes seconds to decode: it is not decoded eight times to save a second of encoding.
        (Size(10_000, 10_000), "avif", 0.2, 8, 1),
    ],
)
def test_number_of_groups(original: Size, fmt: str, seconds: float, concurrency: int, groups: int) -> None:
    assert len(plan(original, fmt, SETTINGS.eager_variants, with_group_seconds(seconds, concurrency))) == groups


def test_groups_cost_about_the_same() -> None:
    groups = plan(PHOTO_12_MP, "jpeg", SETTINGS.eager_variants, with_group_seconds(0.3))
    costs = [cost(group, PHOTO_12_MP) for group in groups]
    dearest_variant = ENCODE_SECONDS["avif"] * drawn_size(PHOTO_12_MP, Variant(1600, 0, "avif")).pixels / 1e6
    assert max(costs) <= max(dearest_variant, 4 / 3 * sum(costs) / len(costs))


def test_identical_rungs_stay_together() -> None:
    for group in plan(Size(900, 600), "jpeg", SETTINGS.eager_variants, with_group_seconds(0.05)):
        for fmt in ("avif", "webp", "jpeg"):
            wide = {variant.width for variant in group if variant.format == fmt and variant.width >= 1024}
            assert wide in (set(), {1024, 1600}), "expected the two rungs above the original in one group"


@given(
    st.builds(Size, st.integers(1, 10_000), st.integers(1, 10_000)),
    st.sampled_from(ORIGINAL_FORMATS),
    st.floats(0.01, 60),
    st.integers(1, 40),
)
def test_every_variant_is_drawn_once(original: Size, fmt: str, seconds: float, concurrency: int) -> None:
    groups = plan(original, fmt, SETTINGS.eager_variants, with_group_seconds(seconds, concurrency))
    drawn = [variant for group in groups for variant in group]
    assert sorted(map(str, drawn)) == sorted(map(str, SETTINGS.eager_variants))
    assert 1 <= len(groups) <= concurrency
    assert all(groups), "expected no empty group"


def test_plan_does_not_depend_on_the_order_of_variants() -> None:
    backwards = tuple(reversed(SETTINGS.eager_variants))
    first = plan(PHOTO_12_MP, "jpeg", SETTINGS.eager_variants, SETTINGS)
    assert [set(group) for group in first] == [set(group) for group in plan(PHOTO_12_MP, "jpeg", backwards, SETTINGS)]


def test_every_format_has_its_cost() -> None:
    assert set(DECODE_SECONDS) >= set(ORIGINAL_FORMATS)
