from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.core.keys import (
    FORMATS,
    ImageId,
    MalformedKeyError,
    OriginalKey,
    Variant,
    derivative_key,
    is_private,
    new_image_id,
    parse_image_id,
)

ID = "0123456789abcdef0123456789abcdef"

image_ids = st.builds(
    lambda private, number: ImageId(f"{'p-' if private else ''}{number:032x}"),
    st.booleans(),
    st.integers(0, 2**128 - 1),
)
tenants = st.from_regex(r"[a-z][a-z0-9-]{1,30}[a-z0-9]", fullmatch=True)
originals = st.builds(OriginalKey, tenants, st.dates(), image_ids)
variants = st.builds(Variant, st.integers(1, 99_999), st.integers(0, 99_999), st.sampled_from(FORMATS))


@given(image_ids)
def test_image_ids_round_trip(image_id: ImageId) -> None:
    assert parse_image_id(image_id) == image_id
    assert is_private(image_id) == image_id.startswith("p-")


@given(originals)
def test_original_keys_round_trip(key: OriginalKey) -> None:
    assert OriginalKey.parse(str(key)) == key


@given(variants)
def test_variants_round_trip(variant: Variant) -> None:
    assert Variant.parse(str(variant)) == variant


@given(st.text(max_size=60) | st.from_regex(r"[a-z]{0,9}/[0-9-]{0,12}/[p0-9a-f-]{0,36}"))
def test_text_is_rejected_or_has_exactly_one_spelling(text: str) -> None:
    for parse in (parse_image_id, OriginalKey.parse, Variant.parse):
        try:
            parsed = parse(text)
        except MalformedKeyError as error:
            assert "expected" in str(error)
            assert "received" in str(error)
        else:
            assert str(parsed) == text


@pytest.mark.parametrize("private", [True, False])
def test_new_image_ids_are_unique_and_show_whether_they_are_private(private: bool) -> None:
    made = {new_image_id(private=private) for _ in range(100)}
    assert len(made) == 100
    assert all(is_private(parse_image_id(image_id)) is private for image_id in made)


@pytest.mark.parametrize(
    "text",
    ["", ID[:-1], ID + "0", ID.upper(), "g" + ID[1:], f"P-{ID}", f"p{ID}", f"p-p-{ID}", f" {ID}", f"{ID}\n", f"{ID}/"],
)
def test_malformed_image_ids_are_rejected(text: str) -> None:
    with pytest.raises(MalformedKeyError, match=r"expected .* for an image id but received"):
        parse_image_id(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "tenant/yyyy-mm-dd/imageId"),
        (ID, "tenant/yyyy-mm-dd/imageId"),
        (f"demo/2026-11-23/{ID}/", "tenant/yyyy-mm-dd/imageId"),
        (f"/demo/2026-11-23/{ID}", "tenant/yyyy-mm-dd/imageId"),
        (f"Demo/2026-11-23/{ID}", "tenant/yyyy-mm-dd/imageId"),
        (f"../2026-11-23/{ID}", "tenant/yyyy-mm-dd/imageId"),
        (f"de/2026-11-23/{ID}", "tenant/yyyy-mm-dd/imageId"),
        (f"demo-/2026-11-23/{ID}", "tenant/yyyy-mm-dd/imageId"),
        (f"demo/20261123/{ID}", "tenant/yyyy-mm-dd/imageId"),
        (f"demo/2026-1-23/{ID}", "tenant/yyyy-mm-dd/imageId"),
        (f"demo/٢٠٢٦-11-23/{ID}", "tenant/yyyy-mm-dd/imageId"),
        (f"demo/2026-02-30/{ID}", "a calendar date"),
        (f"demo/0000-01-01/{ID}", "a calendar date"),
        ("demo/2026-11-23/cat.jpg", "32 lower-case hex digits"),
        (f"demo/2026-11-23/{ID}\n", "32 lower-case hex digits"),
    ],
)
def test_malformed_original_keys_are_rejected(text: str, expected: str) -> None:
    with pytest.raises(MalformedKeyError, match=expected):
        OriginalKey.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "", "1024", "1024x0", "1024x0.", "1024x0.gif", "1024x0.AVIF", "01024x0.avif", "1024x00.avif", "0x0.avif",
        "-1x0.avif", "1024x0.avif ", "1024x0.avif\n", "1024X0.avif", "100000x0.avif", "1e3x0.avif", "1024x0.avif.webp",
        "１０２４x0.avif", "1024x0xavif",
    ],
)  # fmt: skip
def test_malformed_variants_are_rejected(text: str) -> None:
    with pytest.raises(MalformedKeyError, match=r"expected {w}x{h}\.avif\|webp\|jpeg\|png for a variant but received"):
        Variant.parse(text)


def test_error_messages_truncate_long_text() -> None:
    with pytest.raises(MalformedKeyError) as refused:
        OriginalKey.parse("x" * 100_000)
    assert len(str(refused.value)) < 400


def test_formatting() -> None:
    key = OriginalKey("demo", date(2026, 11, 3), ImageId(ID))
    assert str(key) == f"demo/2026-11-03/{ID}"
    assert derivative_key(key.image_id, Variant(1024, 0, "avif")) == f"{ID}/1024x0.avif"
    assert Variant(256, 256, "jpeg").mime_types == ("image/jpeg",)
    assert Variant(256, 256, "avif").mime_types == ("image/avif", "image/webp")
