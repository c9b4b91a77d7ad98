"""The share of the edge's reads that the replica served."""

import pytest

from lambdas.fallback_share.reads import fallback_share


@pytest.mark.parametrize(
    ("primary", "replica", "share"),
    [
        (1000, 0, None),
        (1000, 19, None),
        (0, 19, None),
        (1000, 20, 0.02),
        (1000, 500, 0.5),
        (1000, 1000, 1.0),  # the primary refuses everything, and counts that
        (0, 1000, 1.0),  # the primary is unreachable, and counts nothing
        (300, 1000, 1.0),
    ],
)
def test_share(primary: float, replica: float, share: float | None) -> None:
    assert fallback_share(primary, replica, 20) == share
