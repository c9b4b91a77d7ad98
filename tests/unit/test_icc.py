import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import flat

from lambdas.imaging.colour.icc import profile_name


def shipped(name: str) -> bytes:
    """Return one of the profiles that libvips carries."""
    return flat((1, 2, 3)).icc_transform(name, input_profile="srgb").get("icc-profile-data")


@pytest.mark.parametrize(("name", "expected"), [("srgb", "sRGB"), ("p3", "P3")])
def test_profile_name(name: str, expected: str) -> None:
    assert expected in (profile_name(shipped(name)) or "")


def test_profile_name_of_version_2() -> None:
    copyright_tag = b"text\0\0\0\0Ours\0"
    description = b"desc\0\0\0\0" + (9).to_bytes(4, "big") + b"Wide RGB\0" + bytes(80)
    table = (2).to_bytes(4, "big")
    for name, offset, tag in ((b"cprt", 156, copyright_tag), (b"desc", 156 + len(copyright_tag), description)):
        table += name + offset.to_bytes(4, "big") + len(tag).to_bytes(4, "big")
    assert profile_name(bytes(128) + table + copyright_tag + description) == "Wide RGB"


@given(st.binary(max_size=400), st.integers(0, 500))
def test_damaged_profiles_raise_nothing(noise: bytes, cut: int) -> None:
    whole = shipped("p3")
    for damaged in (noise, whole[:cut], whole[:cut] + noise + whole[cut + len(noise) :], bytes(128) + b"\xff" * 300):
        name = profile_name(damaged)
        assert name is None or (name.isprintable() and 0 < len(name) <= 120)
