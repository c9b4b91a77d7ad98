"""What S3 Batch Operations hands to the backfill, and what it is told."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from lambdas.core.batch_invocation import (
    LONGEST_ARGUMENT,
    MalformedTaskError,
    Result,
    answer,
    parse_before,
    parse_task,
    parse_variants,
)
from lambdas.core.settings import load_settings

SETTINGS = load_settings(stage="dev")


def test_a_task_names_an_object_whose_key_is_url_encoded() -> None:
    task = parse_task({"taskId": "1", "s3Bucket": "originals", "s3Key": "a/b%20%2B%C3%A4", "s3VersionId": None})
    assert (task.bucket, task.key) == ("originals", "a/b +ä")


@pytest.mark.parametrize(
    "task", [None, "text", 7, {}, {"s3Key": "a"}, {"s3Bucket": "", "s3Key": "a"}, {"s3Bucket": "b", "s3Key": None}]
)
def test_anything_else_is_refused(task: Any) -> None:
    with pytest.raises(MalformedTaskError, match=r"expected a task of schema 2\.0 but received"):
        parse_task(task)


def test_variants_are_texts_separated_by_spaces_each_once() -> None:
    found = parse_variants({"variants": " 1600x0.avif 256x256.webp  1600x0.avif"}, SETTINGS)
    assert list(map(str, found)) == ["1600x0.avif", "256x256.webp"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (None, "expected variants in the user argument 'variants' but received None"),
        ({}, "received None"),
        ({"variants": "  "}, "received '  '"),
        ({"variants": ["256x0.avif"]}, "received ['256x0.avif']"),
        ({"variants": "256x0.avif 300x0.avif"}, "expected a width of [256, 512, 1024, 1600]"),
        ({"variants": "256x255.avif"}, "expected a height of [0, 256, 192, 171, 144]"),
        ({"variants": "256x0.png"}, "expected {w}x{h}.avif|webp|jpeg for a variant but received '256x0.png'"),
    ],
)
def test_other_variants_are_refused(arguments: Any, message: str) -> None:
    with pytest.raises(MalformedTaskError, match=re.escape(message)):
        parse_variants(arguments, SETTINGS)


def test_a_moment_has_an_offset() -> None:
    assert parse_before({}) is None
    assert parse_before({"before": "2026-11-25T12:00:00+00:00"}) == datetime(2026, 11, 25, 12, tzinfo=UTC)
    for text in ("2026-11-25T12:00:00", "yesterday", "", 7):
        with pytest.raises(MalformedTaskError, match="expected a moment with an offset in 'before' but received"):
            parse_before({"before": text})


def test_every_variant_of_the_ladder_fits_into_one_argument() -> None:
    ladder = SETTINGS.ladder
    heights = {width: [0, *(ladder.height(width, ratio) for ratio in ladder.aspect_ratios)] for width in ladder.widths}
    every = " ".join(f"{w}x{h}.{fmt}" for w in heights for h in heights[w] for fmt in ("avif", "webp", "jpeg"))
    assert len(every) <= LONGEST_ARGUMENT
    assert len(parse_variants({"variants": every}, SETTINGS)) == 60


def test_the_answer_is_of_schema_2_and_no_text_is_too_long() -> None:
    told = answer({"invocationId": "i"}, [("t", Result(code="Succeeded", text="x" * 5000))])
    assert told == {
        "invocationSchemaVersion": "2.0",
        "treatMissingKeysAs": "PermanentFailure",
        "invocationId": "i",
        "results": [{"taskId": "t", "resultCode": "Succeeded", "resultString": "x" * LONGEST_ARGUMENT}],
    }
