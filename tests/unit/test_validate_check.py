import pytest

from lambdas.core.settings import load_settings
from lambdas.imaging.rejection import RejectedError
from lambdas.validate.check import check, sniffed_original

LIMITS = load_settings().limits
JPEG = b"\xff\xd8\xff\xe0\0\x10JFIF"
HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"


@pytest.mark.parametrize(("head", "fmt"), [(JPEG, "jpeg"), (HEIC, "heic")])
def test_a_picture_is_accepted_with_its_format(head: bytes, fmt: str) -> None:
    assert check(1000, head, LIMITS) == fmt


@pytest.mark.parametrize(
    ("size", "head", "code"),
    [
        (0, b"", "empty"),
        (LIMITS.max_bytes + 1, JPEG, "too_large"),
        (20, b"a text named .jpg", "not_an_image"),
        (20, b"<svg></svg>", "unsupported_format"),
    ],
)
def test_what_is_refused_without_decoding(size: int, head: bytes, code: str) -> None:
    with pytest.raises(RejectedError) as refused:
        check(size, head, LIMITS)
    assert refused.value.code == code


@pytest.mark.parametrize(("head", "fmt"), [(JPEG, "jpeg"), (HEIC, "heic"), (b"%PDF-1.7", None), (b"text", None)])
def test_the_format_of_whatever_arrives(head: bytes, fmt: str | None) -> None:
    assert sniffed_original(head) == fmt
