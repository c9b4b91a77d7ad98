import pytest

from infra.local.supervisor import MOST_DEATHS, WINDOW_SECONDS, seconds_to_wait


@pytest.mark.parametrize(
    ("deaths", "now", "expected"),
    [
        ([0.0], 0.0, 0.0),
        ([0.0, 1.0], 1.0, 0.5),
        ([0.0, 1.0, 2.0], 2.0, 1.0),
        ([0.0, 1.0, 2.0, 4.0], 4.0, 2.0),
        ([0.0, 1.0, 2.0, 4.0, 8.0], 8.0, 4.0),
        ([0.0, 1.0, 2.0, 4.0, 8.0, 16.0], 16.0, None),
        ([0.0, WINDOW_SECONDS + 1], WINDOW_SECONDS + 1, 0.0),
        ([float(n) for n in range(MOST_DEATHS)] + [WINDOW_SECONDS + 3], WINDOW_SECONDS + 3, 1.0),
    ],
)
def test_a_part_is_started_again_until_it_dies_too_often(
    deaths: list[float], now: float, expected: float | None
) -> None:
    assert seconds_to_wait(deaths, now) == expected
