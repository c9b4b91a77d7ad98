import tomllib
from datetime import date

import pytest

from lambdas.core.keys import NEGOTIATED_FORMATS, NegotiatedFormat
from lambdas.core.settings import load_settings, parse_settings
from lambdas.core.settings.pictures import AvifEncoder, Encoder, Formats, JpegEncoder, WebpEncoder
from operations.calibration.candidates import QUALITIES, at_quality, candidates, describe, shipped
from operations.calibration.choose import Point
from operations.calibration.report import comparison, finding, measured_encoders, proposed_settings
from operations.calibration.survey import Choice, Curve
from operations.costs.encoders import ENCODERS, MeasuredEncoders, Reached

SETTINGS = load_settings()
REACHED = Reached(ssimulacra2=70.3, bits_per_pixel=0.61, cpu_ms_per_megapixel=70)
CHOSEN: dict[NegotiatedFormat, Encoder] = {
    "avif": AvifEncoder(quality=53, effort=0, chroma="4:4:4"),
    "webp": WebpEncoder(quality=71, effort=2),
    "jpeg": JpegEncoder(quality=66, quantization_table=3, progressive=True, trellis=False),
}
CHOICES = {fmt: Choice(fmt, encoder, Point(50, 70.3, 76_250, 0.07, 1e6)) for fmt, encoder in CHOSEN.items()}


TODAY = date(2027, 1, 31)


def test_darkroom_toml_accepts_the_proposed_settings() -> None:
    formats = parse_settings(f"{proposed_settings(CHOICES, TODAY)}\n[stage.dev]", "dev").formats
    assert formats.calibrated_on == TODAY
    assert {fmt: shipped(formats, fmt) for fmt in NEGOTIATED_FORMATS} == CHOSEN


def test_estimates_accept_the_measured_encoders() -> None:
    measured = MeasuredEncoders.model_validate(tomllib.loads(measured_encoders(CHOICES, TODAY)))
    assert measured.measured_on == TODAY
    assert {fmt: getattr(measured, fmt).encoder for fmt in NEGOTIATED_FORMATS} == CHOSEN
    assert {measured.reached(fmt) for fmt in NEGOTIATED_FORMATS} == {REACHED}
    assert measured.reached("png").ssimulacra2 == 100


@pytest.mark.parametrize("fmt", NEGOTIATED_FORMATS)
def test_default_encoders_are_those_that_were_measured(fmt: NegotiatedFormat) -> None:
    assert getattr(ENCODERS, fmt).encoder == getattr(Formats(), fmt)
    assert ENCODERS.measured_on == Formats().calibrated_on


@pytest.mark.parametrize("fmt", NEGOTIATED_FORMATS)
def test_candidates_have_distinct_names_and_include_the_default(fmt: NegotiatedFormat) -> None:
    names = [describe(candidate) for candidate in candidates(fmt)]
    assert len(set(names)) == len(names)
    assert describe(shipped(SETTINGS.formats, fmt)) in names
    assert list(QUALITIES[fmt]) == sorted(set(QUALITIES[fmt]))


@pytest.mark.parametrize("fmt", NEGOTIATED_FORMATS)
def test_another_quality_is_the_same_candidate(fmt: NegotiatedFormat) -> None:
    other = at_quality(CHOSEN[fmt], 91)
    assert (other.quality, describe(other)) == (91, describe(CHOSEN[fmt]))


def test_the_table_marks_the_choice_and_lists_unreachable_candidates() -> None:
    curves = {
        describe(CHOSEN["avif"]): Curve(CHOSEN["avif"], (Point(50, 71, 9e4, 0.1, 1e6),)),
        "short": Curve(CHOSEN["avif"], (Point(50, 60, 9e4, 0.1, 1e6),)),
    }
    table = comparison("avif", {"avif": curves}, CHOICES["avif"], 70, SETTINGS)
    marks, names, *_, costs = (list(column.cells) for column in table.columns)
    assert list(zip(marks, names, strict=True)) == [("→", "effort 0, 4:4:4"), ("", "short")]
    assert costs[1] == "not reached"


def test_the_finding_is_one_sentence() -> None:
    assert finding(CHOICES, 70) == "At SSIMULACRA2 70, bits per pixel: AVIF 0.61, WebP 0.61, JPEG 0.61"
