import pytest

from lambdas.core.settings import load_settings
from lambdas.generate.handler import known_image_id, ladder_variant, refusal
from lambdas.imaging.rejection import RejectedError, RejectionCode


@pytest.mark.parametrize(
    ("text", "found"),
    [("256x0.avif", True), ("256x256.webp", True), ("257x0.avif", False), ("nonsense", False), ("", False)],
)
def test_only_variants_on_the_ladder_are_known(text: str, found: bool) -> None:
    assert (ladder_variant(text, load_settings()) is not None) is found


@pytest.mark.parametrize(
    ("text", "found"), [("0" * 32, True), ("p-" + "a" * 32, True), ("0" * 31, False), ("../x", False)]
)
def test_only_image_ids_are_known(text: str, found: bool) -> None:
    assert (known_image_id(text) is not None) is found


@pytest.mark.parametrize(("code", "status"), [("too_costly", "too_costly"), ("corrupt", "rejected")])
def test_a_variant_that_takes_too_long_does_not_refuse_the_others(code: RejectionCode, status: str) -> None:
    assert refusal(RejectedError(code, "")).status == status
