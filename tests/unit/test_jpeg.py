"""JPEG variants: scans are counted and unusual processes named before decoding; missing data is noticed."""

import pytest
import pyvips
from pictures import corners, load, mean_difference

from lambdas.core.keys import Variant
from lambdas.core.settings import Settings, load_settings
from lambdas.imaging.containers.jpeg import read_frame
from lambdas.imaging.inspect import inspect
from lambdas.imaging.rejection import RejectedError
from lambdas.imaging.render import render
from lambdas.metadata.describe import describe

SETTINGS = load_settings()
BASELINE = corners(480, 320).jpegsave_buffer(Q=90)
PROGRESSIVE = corners(480, 320).jpegsave_buffer(Q=90, interlace=True)


def accepting(settings: Settings = SETTINGS) -> Settings:
    return settings.model_copy(update={"limits": settings.limits.model_copy(update={"accept_truncated": True})})


def with_more_scans(data: bytes, count: int) -> bytes:
    """Repeat the last scan of a progressive JPEG."""
    last = data.rindex(b"\xff\xda")
    return data[:-2] + data[last:-2] * count + data[-2:]


def with_frame(data: bytes, process: int | None = None, precision: int | None = None) -> bytes:
    """Return ``data`` with another number in its start-of-frame marker."""
    at = next(at for at in range(2, len(data)) if data[at : at + 2] in (b"\xff\xc0", b"\xff\xc2"))
    changed = bytearray(data)
    changed[at + 1] = data[at + 1] if process is None else 0xC0 + process
    changed[at + 4] = data[at + 4] if precision is None else precision
    return bytes(changed)


def test_scans_are_counted() -> None:
    frame = read_frame(PROGRESSIVE, 1000)
    assert frame is not None
    assert (frame.process, frame.precision, frame.scans) == (2, 8, PROGRESSIVE.count(b"\xff\xda"))
    assert read_frame(with_more_scans(PROGRESSIVE, 50), 1000).scans == frame.scans + 50
    assert read_frame(BASELINE, 1000).scans == 1
    assert read_frame(b"\xff\xd8\xff\xe0", 1000) is None


def test_too_many_scans_are_rejected_before_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(render(PROGRESSIVE, [Variant(256, 0, "jpeg")], SETTINGS))

    def unexpected(*_arguments: object, **_options: object) -> None:
        raise AssertionError("expected the file to be rejected before libvips opens it")

    monkeypatch.setattr(pyvips.Image, "new_from_buffer", unexpected)
    with pytest.raises(RejectedError, match="at most 64 scans but received 65") as refused:
        inspect(with_more_scans(PROGRESSIVE, 200), SETTINGS.limits)
    assert refused.value.code == "too_complex"


@pytest.mark.parametrize("junk", [b"\xff\xe0\0\2" * 100_000, b"\xff\xfe\0\3." * 50_000, b"\xff" * 500_000])
def test_headers_made_to_be_slow_are_not_read_to_their_end(junk: bytes) -> None:
    read_frame(b"\xff\xd8" + junk, 64)


@pytest.mark.parametrize(
    ("process", "precision", "named"),
    [
        (3, None, "a lossless one"),
        (9, None, "an arithmetic-coded one"),
        (5, None, "a hierarchical one"),
        (1, 12, "12 bits"),
    ],
)
def test_other_processes_are_unsupported(process: int, precision: int | None, named: str) -> None:
    with pytest.raises(RejectedError, match=named) as refused:
        inspect(with_frame(BASELINE, process, precision), SETTINGS.limits)
    assert refused.value.code == "unsupported_format"


@pytest.mark.parametrize("data", [BASELINE, PROGRESSIVE])
def test_missing_data_is_noticed_although_the_file_ends_properly(data: bytes) -> None:
    cut = data[: int(len(data) * 0.6)] + b"\xff\xd9"
    with pytest.raises(RejectedError, match="expected a complete JPEG but its pixels cannot be decoded") as refused:
        describe(cut, "jpeg", SETTINGS)
    assert refused.value.code == "corrupt"
    assert describe(cut, "jpeg", accepting())[0].damaged
    assert not describe(data, "jpeg", accepting())[0].damaged


def test_harmless_warnings_are_no_damage() -> None:
    """Some phones pad their segments; libjpeg warns of extraneous bytes."""
    at = BASELINE.index(b"\xff\xdb")
    padded = BASELINE[:at] + bytes(12) + BASELINE[at:]
    metadata, _ = describe(padded, "jpeg", SETTINGS)
    assert not metadata.damaged
    (derivative,) = render(padded, [Variant(256, 0, "webp")], SETTINGS)
    assert mean_difference(load(derivative.data), corners(480, 320)) < 4
