import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import flat

from lambdas.imaging.profile import profile_name


def shipped(name: str) -> bytes:
    """Return one of the profiles that libvips carries."""
    return flat((1, 2, 3)).icc_transform(name, input_profile="srgb").get("icc-profile-data")


@pytest.mark.parametrize(("name", "expected"), [("srgb", "sRGB"), ("p3", "P3")])
def test_a_profile_is_named(name: str, expected: str) -> None:
    assert expected in (profile_name(shipped(name)) or "")


def test_a_profile_of_version_2_is_named() -> None:
    text = b"desc\0\0\0\0" + (9).to_bytes(4, "big") + b"Wide RGB\0" + bytes(80)
    entry = b"desc" + (144).to_bytes(4, "big") + len(text).to_bytes(4, "big")
    assert profile_name(bytes(128) + (1).to_bytes(4, "big") + entry + text) == "Wide RGB"


@given(st.binary(max_size=400), st.integers(0, 500))
def test_no_profile_breaks_it(noise: bytes, cut: int) -> None:
    whole = shipped("p3")
    for damaged in (noise, whole[:cut], whole[:cut] + noise + whole[cut + len(noise) :], bytes(128) + b"\xff" * 300):
        name = profile_name(damaged)
        assert name is None or (name.isprintable() and 0 < len(name) <= 120)
