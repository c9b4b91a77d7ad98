from pathlib import Path

import pandas as pd

from flows.reporting.queries import Answer
from flows.reporting.results import load_answers, save_answers

ROWS = pd.DataFrame(
    {"format": pd.array(["avif", None], dtype="string"), "requests": pd.array([3, None], dtype="Int64")}
)


def test_what_is_saved_is_what_is_loaded(tmp_path: Path) -> None:
    save_answers(
        tmp_path, [Answer("first", ROWS, 100, 0.5), Answer("empty", ROWS[:0], 11, 0.5)], {"third": "throttled"}
    )
    answers = load_answers(tmp_path)
    for question, expected in {"first": ROWS, "empty": ROWS[:0]}.items():
        loaded = answers[question]
        assert loaded is not None
        pd.testing.assert_frame_equal(loaded, expected)
    assert answers["third"] is None
    assert answers.unanswered == {"third": "throttled"}
    assert answers.scanned_bytes == 111


def test_nothing_of_an_earlier_run_is_left(tmp_path: Path) -> None:
    save_answers(tmp_path, [Answer("earlier", ROWS, 1, 1)], {})
    save_answers(tmp_path, [], {"earlier": "cancelled"})
    answers = load_answers(tmp_path)
    assert answers["earlier"] is None
    assert answers.unanswered == {"earlier": "cancelled"}
