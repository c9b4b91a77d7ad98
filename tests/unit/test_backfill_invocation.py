"""The backfill function's input and output, as S3 Batch Operations defines them."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from lambdas.core.batch_invocation import (
    MAX_ARGUMENT_LENGTH,
    MalformedTaskError,
    Result,
    format_response,
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
def test_malformed_tasks_are_rejected(task: Any) -> None:
    with pytest.raises(MalformedTaskError, match=r"expected a task of schema 2\.0 but received"):
        parse_task(task)


def test_variants_are_separated_by_spaces_and_deduplicated() -> None:
    found = parse_variants({"variants": " 1600x0.avif 256x256.webp  1600x0.avif"}, SETTINGS)
    assert list(map(str, found)) == ["1600x0.avif", "256x256.webp"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (None, "expected variants in the user argument 'variants' but received None"),
        ({}, "received None"),
        ({"variants": "  "}, "received '  '"),
        ({"variants": ["256x0.avif"]}, "received ['256x0.avif']"),
        ({"variants": "256x0.avif 300x0.avif"}, "expected a width of [64, 128, 256, 512, 1024, 1600, 2560]"),
        ({"variants": "256x255.avif"}, "expected a height of [0, 256, 192, 171, 144, 320, 455]"),
        ({"variants": "256x0.gif"}, "expected {w}x{h}.avif|webp|jpeg|png for a variant but received '256x0.gif'"),
    ],
)
def test_invalid_variants_are_rejected(arguments: Any, message: str) -> None:
    with pytest.raises(MalformedTaskError, match=re.escape(message)):
        parse_variants(arguments, SETTINGS)


def test_before_needs_an_offset() -> None:
    assert parse_before({}) is None
    assert parse_before({"before": "2026-11-25T12:00:00+00:00"}) == datetime(2026, 11, 25, 12, tzinfo=UTC)
    for text in ("2026-11-25T12:00:00", "yesterday", "", 7):
        with pytest.raises(MalformedTaskError, match="expected a time with an offset in 'before' but received"):
            parse_before({"before": text})


def test_all_variants_of_a_format_fit_into_one_argument() -> None:
    ladder = SETTINGS.ladder
    every = " ".join(f"{width}x{height}.avif" for width in ladder.widths for height in ladder.heights(width))
    assert len(every) <= MAX_ARGUMENT_LENGTH
    assert len(parse_variants({"variants": every}, SETTINGS)) == 49


def test_responses_follow_schema_2_and_texts_are_truncated() -> None:
    response = format_response({"invocationId": "i"}, [("t", Result(code="Succeeded", text="x" * 5000))])
    assert response == {
        "invocationSchemaVersion": "2.0",
        "treatMissingKeysAs": "PermanentFailure",
        "invocationId": "i",
        "results": [{"taskId": "t", "resultCode": "Succeeded", "resultString": "x" * MAX_ARGUMENT_LENGTH}],
    }
