"""Manifests and completion reports, and the tally of a run."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations.backfill.manifests import TaskOutcome, UnreadableReportError, manifest_rows, parse_rows
from operations.backfill.summary import reasons, tally

SCHEMA = ["Bucket", "Key", "VersionId", "TaskStatus", "ErrorCode", "HTTPStatusCode", "ResultMessage"]


def test_a_manifest_has_url_encoded_keys_and_no_header() -> None:
    rows = manifest_rows("originals", ["demo/2026-11-23/ab", 'a, "b" +ü/c'])
    assert rows == b"originals,demo/2026-11-23/ab\noriginals,a%2C%20%22b%22%20%2B%C3%BC/c\n"


def test_a_report_is_read_by_its_schema() -> None:
    shuffled = ["ResultMessage", "TaskStatus", "Key", "HTTPStatusCode", "ErrorCode", "Bucket", "VersionId"]
    (outcome,) = parse_rows('"one, ""two""\nthree",failed,a%2Fb%20c,200,PermanentFailure,b,\n', shuffled)
    assert outcome == TaskOutcome(key="a/b c", succeeded=False, code="PermanentFailure", message='one, "two"\nthree')


def test_a_report_with_aws_order_of_the_status_columns() -> None:
    rows = "b,k,,failed,200,PermanentFailure,why\nb,k2,,succeeded,200,,fine\nb,k3,,failed,PermanentFailure,200,why\n"
    assert [each.code for each in parse_rows(rows, SCHEMA)] == ["PermanentFailure", "", "PermanentFailure"]


@pytest.mark.parametrize(
    ("rows", "columns", "message"),
    [
        ("b,k\n", SCHEMA, "expected columns Bucket, Key"),
        ("b,k\n", ["Bucket", "Key"], "expected a column 'ErrorCode' in a report's schema"),
    ],
)
def test_a_report_that_does_not_match_its_schema_is_refused(rows: str, columns: list[str], message: str) -> None:
    with pytest.raises(UnreadableReportError, match=message):
        parse_rows(rows, columns)


def made(key: str, derivatives: int = 1) -> TaskOutcome:
    done = {"made": derivatives, "kept": 1, "bytes": 10 * derivatives, "seconds": 0.5}
    return TaskOutcome(key=key, succeeded=True, code="", message=json.dumps(done))


def failed(key: str, reason: str = "corrupt: no header") -> TaskOutcome:
    return TaskOutcome(key=key, succeeded=False, code="PermanentFailure", message=reason)


def test_every_picture_is_counted_once_by_its_last_outcome() -> None:
    canary = [made("a"), failed("b"), failed("c", "throttled"), made("d", 0)]
    again = [failed("b"), made("c", 2)]
    counted = tally(7, [canary, again])
    assert (counted.made, counted.kept, counted.failed, counted.untried) == (2, 1, 1, 3)
    assert (counted.derivatives, counted.bytes, counted.function_seconds) == (3, 30, 1.5)
    assert [(each.key, each.reason) for each in counted.failures] == [("b", "corrupt: no header")]
    assert counted.sentence == "7 pictures: 2 drawn (3 derivatives), 1 already complete, 1 failed, 3 not tried"


def test_a_success_with_an_unknown_message_counts_as_kept() -> None:
    assert tally(1, [[TaskOutcome(key="a", succeeded=True, code="", message="")]]).kept == 1


outcomes = st.lists(
    st.tuples(st.sampled_from("abcdefgh"), st.booleans(), st.integers(0, 2)).map(
        lambda drawn: made(drawn[0], drawn[2]) if drawn[1] else failed(drawn[0])
    )
)


@given(st.lists(outcomes, max_size=3))
def test_the_tally_adds_up(reports: list[list[TaskOutcome]]) -> None:
    counted = tally(8, reports)
    assert counted.made + counted.kept + counted.failed + counted.untried == counted.images == 8
    assert len(counted.failures) == counted.failed


def test_reasons_are_counted_by_their_code() -> None:
    counted = tally(3, [[failed("a"), failed("b"), failed("c", "original_gone: no such key")]])
    assert reasons(counted.failures) == {"corrupt": 2, "original_gone": 1}
