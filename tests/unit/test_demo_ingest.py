"""The demonstration's way in: which files of a folder it takes, and how it waits for what becomes of them."""

import os
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from infra.command.demo.ingest import NothingToShowError, collect, ingest
from infra.command.demo.records import Candidate, Outcome, Submission


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


@pytest.mark.parametrize(
    ("files", "taken"),
    [
        (["b.jpg", "a.jpg"], ["a.jpg", "b.jpg"]),
        (["nested/deep/er.png", "a b.jpg", "été.heic"], ["a b.jpg", "nested/deep/er.png", "été.heic"]),
        ([".hidden.jpg", ".git/config", "seen.txt", "sub/.DS_Store"], ["seen.txt"]),
        (["no suffix", "movie.mov", "letter.pdf"], ["letter.pdf", "movie.mov", "no suffix"]),
    ],
)
def test_every_file_that_is_not_hidden_is_collected(tmp_path: Path, files: list[str], taken: list[str]) -> None:
    touch(tmp_path, *files)
    assert [candidate.name for candidate in collect(tmp_path)] == taken


def test_broken_links_are_collected_and_pipes_are_not(tmp_path: Path) -> None:
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe")
    assert [candidate.name for candidate in collect(tmp_path)] == ["gone.jpg"]


def test_names_that_are_not_utf8_can_be_printed(tmp_path: Path) -> None:
    try:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe.jpg")).write_bytes(b"x")
    except OSError:
        pytest.skip("this file system takes no name that is not UTF-8")
    (candidate,) = collect(tmp_path)
    candidate.name.encode("utf-8")
    assert candidate.path.read_bytes() == b"x"


def test_a_single_file_is_collected(tmp_path: Path) -> None:
    touch(tmp_path, "one.jpg")
    assert collect(tmp_path / "one.jpg") == [Candidate("one.jpg", tmp_path / "one.jpg")]


@pytest.mark.parametrize("name", ["missing", "empty"])
def test_empty_and_missing_folders_are_errors(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(NothingToShowError, match=r"expected .* but"):
        collect(tmp_path / name)


class Pipeline:
    """Settles an image when it has been asked about ``polls`` times; None never settles."""

    def __init__(self, polls: dict[str, int | None]) -> None:
        self._left = dict(polls)

    def find(self, image_ids: Iterable[str]) -> Iterator[Outcome]:
        for image_id in image_ids:
            left = self._left[image_id]
            if left == 0:
                yield Outcome(image_id=image_id, state="ready", seconds=1)
            elif left is not None:
                self._left[image_id] = left - 1


def submit(candidate: Candidate) -> Submission:
    if candidate.name.startswith("bad"):
        return Submission(candidate, 0, fate="unreadable", reason="expected a readable file")
    return Submission(candidate, 1, candidate.name)


def candidates(*names: str) -> list[Candidate]:
    return [Candidate(name, Path(name)) for name in names]


def test_every_upload_is_awaited() -> None:
    seen: list[tuple[int, int]] = []
    submissions, outcomes = ingest(
        candidates("a", "bad", "b"),
        submit,
        Pipeline({"a": 2, "b": 0}).find,
        patience=60,
        progress=lambda uploaded, settled: seen.append((uploaded, settled)),
    )
    assert [submission.candidate.name for submission in submissions] == ["a", "bad", "b"]
    assert set(outcomes) == {"a", "b"}
    assert seen[-1] == (3, 3)
    assert seen == sorted(seen)


def test_a_picture_is_given_up_only_when_nothing_changes() -> None:
    _, outcomes = ingest(candidates("a", "b"), submit, Pipeline({"a": None, "b": 2}).find, patience=0.5)
    assert set(outcomes) == {"b"}


def test_patience_begins_when_the_last_upload_is_done() -> None:
    slow = threading.Event()

    def submit_slowly(candidate: Candidate) -> Submission:
        slow.wait(1.5)
        return submit(candidate)

    _, outcomes = ingest(candidates("a"), submit_slowly, Pipeline({"a": 0}).find, patience=0)
    assert set(outcomes) == {"a"}


def test_no_files_finish_at_once() -> None:
    assert ingest([], submit, Pipeline({}).find, patience=60) == ([], {})
