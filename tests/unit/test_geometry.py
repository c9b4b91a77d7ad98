import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.core.keys import Variant
from lambdas.core.settings import load_settings
from lambdas.imaging.geometry import (
    LONGEST_SIDE,
    Focus,
    Size,
    base_size,
    covering_size,
    crop_corner,
    drawn_size,
    shrunk_through,
)

SETTINGS = load_settings()
LADDER = SETTINGS.ladder


@pytest.mark.parametrize(
    ("original", "variant", "drawn", "covering"),
    [
        ((4000, 3000), "1600x0.avif", (1600, 1200), (1600, 1200)),
        ((4000, 3000), "256x0.jpeg", (256, 192), (256, 192)),
        ((800, 600), "1600x0.avif", (800, 600), (800, 600)),
        ((1, 1), "1600x0.avif", (1, 1), (1, 1)),
        ((4000, 3000), "1024x1024.webp", (1024, 1024), (1365, 1024)),
        ((3000, 4000), "1024x1024.webp", (1024, 1024), (1024, 1365)),
        ((800, 600), "1024x1024.webp", (600, 600), (800, 600)),
        ((800, 600), "1024x576.webp", (800, 450), (800, 600)),
        ((6000, 1500), "1600x1600.avif", (1500, 1500), (6000, 1500)),
        ((30_000, 1), "256x0.jpeg", (256, 1), (256, 1)),
        ((1000, 30_000), "1600x0.webp", (546, LONGEST_SIDE), (546, LONGEST_SIDE)),
    ],
)
def test_sizes(original: tuple[int, int], variant: str, drawn: tuple[int, int], covering: tuple[int, int]) -> None:
    assert drawn_size(Size(*original), Variant.parse(variant)) == Size(*drawn)
    assert covering_size(Size(*original), Variant.parse(variant)) == Size(*covering)


sizes = st.builds(Size, st.integers(1, 30_000), st.integers(1, 30_000))
variants = st.builds(
    lambda rung, ratio: Variant(rung, LADDER.height(rung, ratio) if ratio else 0, "avif"),
    st.sampled_from(LADDER.widths),
    st.sampled_from([None, *LADDER.aspect_ratios]),
)


@given(sizes, variants, st.floats(0, 1), st.floats(0, 1))
def test_crops_keep_the_focus_in_view(original: Size, variant: Variant, x: float, y: float) -> None:
    covering, size = covering_size(original, variant), drawn_size(original, variant)
    left, top = crop_corner(covering, size, Focus(x, y))
    assert 0 <= left <= x * covering.width <= left + size.width <= covering.width
    assert 0 <= top <= y * covering.height <= top + size.height <= covering.height


@given(sizes, variants)
def test_nothing_is_enlarged_and_every_crop_fits(original: Size, variant: Variant) -> None:
    drawn, covering, base = (
        drawn_size(original, variant),
        covering_size(original, variant),
        base_size(original, variant, SETTINGS),
    )
    assert 1 <= drawn.width <= min(variant.width, original.width)
    assert 1 <= drawn.height <= original.height
    assert drawn.width <= covering.width <= base.width <= original.width
    assert drawn.height <= covering.height <= base.height <= original.height


@given(sizes, st.sampled_from(LADDER.widths))
def test_proportional_variants_up_to_the_widest_eager_one_share_its_size(original: Size, rung: int) -> None:
    top = Variant(1600 if rung <= 1600 else 2560, 0, "avif")
    assert base_size(original, Variant(rung, 0, "webp"), SETTINGS) == drawn_size(original, top)


@given(sizes, st.sampled_from(SETTINGS.eager_variants))
def test_rungs_around_the_eager_ones_change_nothing_of_theirs(original: Size, variant: Variant) -> None:
    narrow = LADDER.model_copy(update={"widths": SETTINGS.rendering.eager_widths})
    alone = SETTINGS.model_copy(update={"ladder": narrow})
    assert shrunk_through(original, variant, SETTINGS) == shrunk_through(original, variant, alone)


@pytest.mark.parametrize(
    ("original", "variant", "expected"),
    [
        ((4000, 3000), "1600x0.avif", [(1600, 1200)]),
        ((4000, 3000), "1024x0.avif", [(1600, 1200), (1024, 768)]),
        ((4000, 3000), "512x0.avif", [(1600, 1200), (1024, 768), (512, 384)]),
        ((4000, 3000), "256x0.webp", [(1600, 1200), (1024, 768), (512, 384), (256, 192)]),
        ((4000, 3000), "256x256.webp", [(1600, 1200), (1024, 768), (341, 256)]),
        ((4000, 3000), "2560x0.avif", [(2560, 1920)]),
        ((4000, 3000), "64x0.webp", [(1600, 1200), (1024, 768), (512, 384), (256, 192), (128, 96), (64, 48)]),
        ((800, 600), "1600x0.avif", [(800, 600)]),
        ((800, 600), "512x0.avif", [(800, 600), (512, 384)]),
        ((800, 600), "256x0.avif", [(800, 600), (512, 384), (256, 192)]),
        ((200, 150), "256x0.avif", [(200, 150)]),
        ((6000, 1500), "1600x1600.avif", [(6000, 1500)]),
    ],
)
def test_sizes_shrunk_through(original: tuple[int, int], variant: str, expected: list[tuple[int, int]]) -> None:
    received = shrunk_through(Size(*original), Variant.parse(variant), SETTINGS)
    assert [(size.width, size.height) for size in received] == expected


@given(sizes, variants)
def test_sizes_shrink_from_base_to_covering_in_large_steps(original: Size, variant: Variant) -> None:
    chain = shrunk_through(original, variant, SETTINGS)
    assert chain[0] == base_size(original, variant, SETTINGS)
    assert chain[-1] == covering_size(original, variant)
    for larger, smaller in itertools.pairwise(chain[1:]):
        assert larger.width >= 2 * smaller.width
        assert larger.height >= smaller.height
