import pytest

from lambdas.core.keys import Variant
from lambdas.core.messages import StoredDerivative
from lambdas.record.handler import bytes_saved


def stored(variant: str, size: int) -> StoredDerivative:
    return StoredDerivative(variant=Variant.parse(variant), bytes=size, width=1, height=1)


MADE = [
    stored("256x0.avif", 10),
    stored("1600x0.avif", 100),
    stored("1600x1600.avif", 90),
    stored("1600x0.webp", 200),
    stored("1024x0.jpeg", 300),
]


@pytest.mark.parametrize(
    ("original", "made", "formats", "expected"),
    [
        (1000, MADE, ("avif", "webp"), 900),
        (1000, MADE, ("webp", "avif"), 800),
        (1000, MADE, ("jpeg",), 700),
        (60, MADE, ("avif",), -40),
        (1000, MADE[3:], ("avif",), 0),
        (1000, [], ("avif",), 0),
        (1000, MADE, (), 0),
    ],
)
def test_bytes_saved_by_the_widest_derivative_in_the_preferred_format(
    original: int, made: list[StoredDerivative], formats: tuple[str, ...], expected: int
) -> None:
    assert bytes_saved(original, made, formats) == expected  # type: ignore[arg-type]
