import pytest

from lambdas.core.settings import load_settings
from lambdas.upload_api.parts import Parts, check_completion, split
from lambdas.upload_api.problem import ProblemError
from lambdas.upload_api.upload_models import ArrivedPart, SentPart

SETTINGS = load_settings().uploads
MIB = 1024**2


@pytest.mark.parametrize(
    ("size", "part_bytes", "count"),
    [
        (0, None, 0),
        (8 * MIB, None, 0),
        (8 * MIB + 1, 5 * MIB, 2),
        (60 * MIB, 5 * MIB, 12),
        (60 * MIB + 1, 5 * MIB + 1, 12),
        (100 * MIB, -(-100 * MIB // 12), 12),
        (180 * MIB, 15 * MIB, 12),
        (1024 * MIB, 15 * MIB, 69),
        (5 * 1024 * MIB, 15 * MIB, 342),
    ],
)
def test_part_size_depends_on_the_file_size(size: int, part_bytes: int | None, count: int) -> None:
    parts = split(size, SETTINGS)
    assert (parts.part_bytes if parts else None) == part_bytes
    if parts:
        assert parts.count == count
        assert sum(parts.size(number) for number in range(1, count + 1)) == size
        assert all(parts.size(number) == part_bytes for number in range(1, count))


@pytest.mark.parametrize("number", [0, -1, 4])
def test_part_numbers_out_of_range_are_rejected(number: int) -> None:
    with pytest.raises(ProblemError, match="expected a part from 1 to 3 but received"):
        Parts(25, 10).size(number)


def sent(*numbers: int) -> list[SentPart]:
    return [SentPart(number=number, etag=f'"e{number}"') for number in numbers]


def arrived(**bytes_by_part: int) -> dict[int, ArrivedPart]:
    numbered = {int(name[1:]): size for name, size in bytes_by_part.items()}
    return {n: ArrivedPart(number=n, bytes=size, etag=f"e{n}", sha256="") for n, size in numbered.items()}


WHOLE = arrived(p1=10, p2=10, p3=5)


def test_all_parts_in_order_are_accepted() -> None:
    check_completion(sent(1, 2, 3), WHOLE, Parts(25, 10))


@pytest.mark.parametrize(
    ("said", "there", "status", "expected"),
    [
        (sent(3, 2, 1), WHOLE, 400, "ascending order but received 3, 2, 1"),
        (sent(1, 2, 2, 3), WHOLE, 400, "each part once"),
        (sent(1, 2, 3, 4), WHOLE, 400, "expected parts 1 to 3 but received part 4"),
        (sent(1, 3), WHOLE, 409, "missing: 2"),
        (sent(1, 2, 3), arrived(p2=10), 409, "these are missing: 1, 3"),
        (sent(1, 2, 3), arrived(p1=10, p2=9, p3=5), 409, "expected 10 bytes in part 2 but 9 arrived"),
        (sent(1, 2, 3), arrived(p1=10, p2=10, p3=6), 409, "expected 5 bytes in part 3 but 6 arrived"),
        ([*sent(1, 2), SentPart(number=3, etag="other")], WHOLE, 409, "expected the ETag e3 of part 3"),
    ],
)
def test_incomplete_or_wrong_parts_are_rejected(
    said: list[SentPart], there: dict[int, ArrivedPart], status: int, expected: str
) -> None:
    with pytest.raises(ProblemError, match=expected) as caught:
        check_completion(said, there, Parts(25, 10))
    assert caught.value.status == status


def test_a_long_list_of_missing_parts_is_truncated() -> None:
    with pytest.raises(ProblemError, match="and 79 more"):
        check_completion(sent(1), arrived(p1=10), Parts(1000, 10))
