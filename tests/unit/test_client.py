"""The API client against a small HTTP service: retries, resuming, bounds, and the documented examples."""

import doctest
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import darkroom_client
import httpx
import pytest
from darkroom_client import (
    Api,
    Failed,
    Journal,
    RefusedError,
    RetryPolicy,
    Source,
    UndecidedError,
    UnreachableError,
    Uploaded,
    Uploader,
    files_below,
)
from darkroom_client.transfer import put_file
from upload_service import LOST_ANSWER, NO_ANSWER, PART_BYTES, SINGLE_BYTES, Fault, Service, running_service

QUICK = RetryPolicy(attempts=6, first_wait=0.001, longest_wait=0.002)
EXPIRED = (403, "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>")
DAMAGED = (400, "<Error><Code>BadDigest</Code><Message>did not match</Message></Error>")
TRANSIENT = [(503, "later"), (429, "slow down"), (500, ""), (NO_ANSWER, ""), DAMAGED]


@pytest.fixture
def service() -> Iterator[Service]:
    with running_service() as running:
        yield running


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.jpg"
    path.write_bytes(os.urandom(SINGLE_BYTES))
    return path


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large.jpg"
    path.write_bytes(os.urandom(12 * PART_BYTES + 345))
    return path


class Watch:
    """An observer that adds up."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.bytes = 0
        self.open = 0

    def started(self, source: Source) -> None:
        with self.lock:
            self.open += 1

    def sent(self, source: Source, size: int) -> None:
        with self.lock:
            self.bytes += size

    def ended(self, source: Source) -> None:
        with self.lock:
            self.open -= 1


def uploader(service: Service, journal: Path | None = None, watch: Watch | None = None, **options: int) -> Uploader:
    kept = Journal(journal, service.url) if journal else None
    return Uploader(Api(service.url, "a-token", policy=QUICK), journal=kept, observer=watch, **options)


def upload(service: Service, path: Path, journal: Path | None = None, watch: Watch | None = None) -> Uploaded:
    with uploader(service, journal, watch) as client:
        return client.upload(path)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.jpg", "image/jpeg"),
        ("A.JPEG", "image/jpeg"),
        ("a.webp", "image/webp"),
        ("a.avif", "image/avif"),
        ("a.heic", "image/heic"),
        ("a.tif", "image/tiff"),
        ("a.svg", "application/octet-stream"),
        ("a.html", "application/octet-stream"),
        ("no-suffix", "application/octet-stream"),
    ],
)
def test_content_types(name: str, expected: str) -> None:
    assert Source(Path(name), 0, 0).content_type == expected


@pytest.mark.parametrize("name", ["small", "large"])
def test_files_arrive_whole_and_every_byte_is_counted(
    service: Service, request: pytest.FixtureRequest, name: str
) -> None:
    path: Path = request.getfixturevalue(name)
    watch = Watch()
    done = upload(service, path, watch=watch)
    assert service.uploads[done.image_id].whole == path.read_bytes()
    assert (done.bytes, done.retries, done.before) == (path.stat().st_size, 0, False)
    assert (watch.bytes, watch.open) == (path.stat().st_size, 0)
    assert service.tokens == {"Bearer a-token"}


def test_empty_files_are_uploaded(service: Service, tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.write_bytes(b"")
    assert service.uploads[upload(service, path).image_id].whole == b""


@pytest.mark.parametrize("name", ["small", "large"])
@pytest.mark.parametrize("fault", TRANSIENT)
def test_transient_errors_are_retried_and_counted(
    service: Service, request: pytest.FixtureRequest, name: str, fault: Fault
) -> None:
    path: Path = request.getfixturevalue(name)
    watch = Watch()
    service.faults = {"api": [] if fault == DAMAGED else [fault, fault], "bucket": [fault, fault]}
    expected = sum(map(len, service.faults.values()))
    done = upload(service, path, watch=watch)
    assert service.uploads[done.image_id].whole == path.read_bytes()
    assert done.retries == expected
    assert watch.bytes == path.stat().st_size, "what a failed attempt sent counts no more"


def test_only_the_failed_part_is_sent_again(service: Service, large: Path) -> None:
    service.faults["bucket"] = [(503, "")]
    upload(service, large)
    puts = [path for method, path in service.requests if method == "PUT"]
    assert len(puts) == 13 + 1
    assert len(set(puts)) == 13


def test_expired_parts_are_signed_again(service: Service, large: Path) -> None:
    service.faults["bucket"] = [EXPIRED]
    done = upload(service, large)
    assert service.uploads[done.image_id].whole == large.read_bytes()
    signings = [path for _, path in service.requests if path.endswith("/parts")]
    assert len(signings) == 3 + 1, "13 parts in pages of five, and the one"


class Waits(threading.Event):
    """An event that records how long it would have been waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float | None] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.seconds.append(timeout)
        return False


def test_retry_after_is_respected(service: Service, small: Path) -> None:
    service.headers = {"Retry-After": "3"}
    service.faults["api"] = [(429, "")]
    api = Api(service.url, "t", policy=RetryPolicy(attempts=2, first_wait=0, longest_wait=10))
    api.stopped = waits = Waits()
    with Uploader(api) as client:
        client.upload(small)
    assert waits.seconds == [3]


def answering(*states: str, retry_after: str = "2") -> httpx.Client:
    """Return an HTTP client of an API in which an image has one of ``states`` after the other, the last for good."""
    left = list(states)

    def answer(request: httpx.Request) -> httpx.Response:
        assert (request.method, request.url.path) == ("GET", "/images/a")
        state = left.pop(0) if len(left) > 1 else left[0]
        headers = {"Retry-After": retry_after} if state in ("expected", "processing") else {}
        return httpx.Response(200, headers=headers, json={"image_id": "a", "state": state})

    return httpx.Client(transport=httpx.MockTransport(answer))


@pytest.mark.parametrize("outcome", ["ready", "rejected", "held"])
@pytest.mark.parametrize(
    ("before", "waited"), [([], []), (["expected", "processing", "processing"], [2, 2, 2])], ids=["at-once", "later"]
)
def test_an_outcome_is_awaited_as_the_api_asks(outcome: str, before: list[str], waited: list[int]) -> None:
    with Api("http://api", "t", http=answering(*before, outcome)) as api:
        api.stopped = waits = Waits()
        assert api.await_image("a")["state"] == outcome
    assert waits.seconds == waited


def test_an_outcome_that_does_not_come_is_an_error() -> None:
    with Api("http://api", "t", http=answering("processing")) as api:
        with pytest.raises(UndecidedError, match="expected an outcome of a within 0 s but it is processing"):
            api.await_image("a", 0)
        api.stopped.set()
        with pytest.raises(UndecidedError, match="within 60 s"):
            api.await_image("a", 60)


def test_waits_grow_exponentially_with_jitter(service: Service, small: Path) -> None:
    service.faults["api"] = [(503, "")] * 9
    api = Api(service.url, "t", policy=RetryPolicy(attempts=10, first_wait=1, longest_wait=20))
    api.stopped = waits = Waits()
    with Uploader(api) as client:
        client.upload(small)
    for number, seconds in enumerate(waits.seconds):
        assert seconds is not None
        assert 0 <= seconds <= min(20, 2**number)
    assert len(set(waits.seconds)) == 9


CONFLICT = (409, "<Error><Code>ConditionalRequestConflict</Code><Message>m</Message></Error>")
LOST = (LOST_ANSWER, "")


@pytest.mark.parametrize(
    ("faults", "retries"),
    [
        ([LOST], 1),
        ([LOST, LOST], 2),
        ([LOST, (503, "")], 2),
        ([(NO_ANSWER, ""), LOST], 2),
        ([CONFLICT, LOST], 2),
        ([CONFLICT], 1),
    ],
)
def test_a_file_whose_answer_was_lost_has_arrived(
    service: Service, small: Path, faults: list[Fault], retries: int
) -> None:
    service.faults["bucket"] = list(faults)
    watch = Watch()
    done = upload(service, small, watch=watch)
    assert service.uploads[done.image_id].whole == small.read_bytes()
    assert done.retries == retries
    assert watch.bytes == small.stat().st_size


@pytest.mark.parametrize("faults", [[], [CONFLICT], [DAMAGED], [(429, "")]])
def test_a_url_that_another_client_used_is_an_error(service: Service, small: Path, faults: list[Fault]) -> None:
    service.faults["bucket"] = [*faults, (412, "<Error><Code>PreconditionFailed</Code><Message>m</Message></Error>")]
    watch = Watch()
    with pytest.raises(RefusedError, match=r"^Upload 0{32} has already arrived") as caught:
        upload(service, small, watch=watch)
    assert caught.value.status == 412
    assert watch.bytes == 0


def test_the_url_of_a_small_file_is_signed_for_its_bytes(service: Service, small: Path) -> None:
    with uploader(service) as client:
        begun = client.api.create_upload("image/jpeg", SINGLE_BYTES, sha256=Source.of(small).whole.sha256)
        small.write_bytes(os.urandom(SINGLE_BYTES))
        with pytest.raises(UnreachableError, match="400 BadDigest"):
            put_file(client.api, begun, Source.of(small).whole, lambda _size: None, lambda: None)
    assert service.uploads[begun["image_id"]].whole is None


def test_persistent_errors_are_raised_after_the_last_attempt(service: Service, small: Path) -> None:
    service.faults["bucket"] = [(503, "<Error><Code>SlowDown</Code><Message>m</Message></Error>")] * 100
    with pytest.raises(UnreachableError, match=r"expected small\.jpg in the bucket within 6 attempts .* 503 SlowDown"):
        upload(service, small)
    assert len(service.faults["bucket"]) == 94


@pytest.mark.parametrize(
    ("place", "fault", "expected"),
    [
        ("api", (415, '{"detail": "expected a, b but received c"}'), r"^expected a, b but received c$"),
        ("api", (401, '{"detail": "expected a token"}'), r"^expected a token$"),
        ("api", (404, "<html>"), "expected success from the API but received 404"),
        ("bucket", (400, "<Error><Code>EntityTooLarge</Code><Message>m</Message></Error>"), "400 EntityTooLarge: m"),
        ("bucket", (403, "no XML"), "expected the bucket to accept the upload but received 403"),
    ],
)
@pytest.mark.parametrize("name", ["small", "large"])
def test_refusals_are_not_retried(
    service: Service, request: pytest.FixtureRequest, name: str, place: str, fault: Fault, expected: str
) -> None:
    service.faults[place] = [fault]
    with pytest.raises(RefusedError, match=expected) as caught:
        upload(service, request.getfixturevalue(name))
    assert caught.value.status == fault[0]


def test_interrupted_uploads_are_resumed(service: Service, large: Path, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    service.faults["bucket"] = [(403, "no")]
    with pytest.raises(RefusedError):
        upload(service, large, journal)
    (image_id,) = service.uploads
    had = set(service.uploads[image_id].parts)
    service.requests.clear()
    watch = Watch()
    done = upload(service, large, journal, watch)
    assert done.image_id == image_id
    assert service.uploads[image_id].whole == large.read_bytes()
    assert done.parts_before == len(had)
    assert sum(method == "PUT" for method, _ in service.requests) == 13 - len(had)
    assert watch.bytes == large.stat().st_size


def test_arrived_parts_with_other_bytes_are_sent_again(service: Service, large: Path, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    service.faults["bucket"] = [(403, "no")]
    with pytest.raises(RefusedError):
        upload(service, large, journal)
    (stored,) = service.uploads.values()
    stored.parts = {7: b"x" * PART_BYTES, 13: b"short"}
    upload(service, large, journal)
    assert stored.whole == large.read_bytes()


def test_a_changed_file_is_a_new_upload(service: Service, large: Path, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    service.faults["bucket"] = [(403, "no")]
    with pytest.raises(RefusedError):
        upload(service, large, journal)
    large.write_bytes(os.urandom(5000))
    done = upload(service, large, journal)
    assert len(service.uploads) == 2
    assert service.uploads[done.image_id].whole == large.read_bytes()


def test_an_upload_unknown_to_the_api_starts_again(service: Service, large: Path, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    service.faults["bucket"] = [(403, "no")]
    with pytest.raises(RefusedError):
        upload(service, large, journal)
    service.uploads["gone"] = service.uploads.pop(f"{0:032x}")
    done = upload(service, large, journal)
    assert service.uploads[done.image_id].whole == large.read_bytes()


def test_a_second_run_uploads_only_the_files_that_failed(service: Service, tmp_path: Path) -> None:
    folder, journal = tmp_path / "folder", tmp_path / "journal"
    folder.mkdir()
    for number in range(20):
        (folder / f"{number}.jpg").write_bytes(os.urandom(100))
    service.faults["bucket"] = [(403, "no")]
    with uploader(service, journal) as client:
        first = list(client.upload_all(files_below([folder])))
    assert sum(isinstance(result, Failed) for result in first) == 1
    assert len(service.uploads) == 20
    with uploader(service, journal) as client:
        second = [result for result in client.upload_all(files_below([folder])) if isinstance(result, Uploaded)]
    assert sum(result.before for result in second) == 19
    assert len(service.uploads) == 21
    assert sum(stored.whole is not None for stored in service.uploads.values()) == 20


def test_a_finished_folder_can_be_uploaded_again(service: Service, small: Path, tmp_path: Path) -> None:
    for _ in range(2):
        with uploader(service, tmp_path / "journal") as client:
            (result,) = client.upload_all([small])
            assert isinstance(result, Uploaded)
            assert not result.before
    assert len(service.uploads) == 2


def test_unreadable_files_do_not_stop_the_others(service: Service, small: Path, tmp_path: Path) -> None:
    with uploader(service) as client:
        results = list(client.upload_all([tmp_path / "gone", small]))
    failed = [result for result in results if isinstance(result, Failed)]
    assert [type(result.error) for result in failed] == [FileNotFoundError]
    assert len(results) == 2


def test_connections_and_pending_paths_are_bounded(service: Service, tmp_path: Path) -> None:
    for number in range(30):
        (tmp_path / f"{number}.jpg").write_bytes(os.urandom(3 * PART_BYTES))
    taken = 0

    def names() -> Iterator[Path]:
        nonlocal taken
        for path in files_below([tmp_path]):
            taken += 1
            yield path

    finished = 0
    with uploader(service, files_at_once=3, connections=2) as client:
        for _ in client.upload_all(names()):
            finished += 1
            assert taken - finished <= 2 * 3
    assert finished == 30
    assert service.most_under_way <= 3 + 2


def test_a_stopped_uploader_ends_soon_and_can_be_resumed(service: Service, large: Path, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    service.faults["bucket"] = [(503, "")] * 1000
    policy = RetryPolicy(attempts=1000, first_wait=60, longest_wait=60)
    client = Uploader(Api(service.url, "t", policy=policy), journal=Journal(journal, service.url))
    with client:
        failing = threading.Thread(target=lambda: list(client.upload_all([large])))
        failing.start()
        while len(service.faults["bucket"]) == 1000:
            assert failing.is_alive()
        client.stop()
        failing.join(timeout=30)
        assert not failing.is_alive()
    service.faults["bucket"] = []
    done = upload(service, large, journal)
    assert service.uploads[done.image_id].whole == large.read_bytes()
    assert len(service.uploads) == 1


def test_folders_are_walked_by_name_without_hidden_files_and_links(tmp_path: Path) -> None:
    for name in ("b/2.jpg", "b/1.jpg", "a.jpg", ".hidden", ".cache/x.jpg"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    (tmp_path / "loop").symlink_to(tmp_path)
    names = [str(path.relative_to(tmp_path)) for path in files_below([tmp_path, tmp_path / "b" / "2.jpg"])]
    assert names == ["a.jpg", "b/1.jpg", "b/2.jpg", "b/2.jpg"]


@pytest.fixture
def documented(service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Service:
    """Prepare the environment and the files that the examples name."""
    monkeypatch.setenv("DARKROOM_API", service.url)
    monkeypatch.setenv("DARKROOM_TOKEN", "a-token")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    for name in ("photo.jpg", "photos/1.jpg", "photos/2.jpg"):
        (tmp_path / name).write_bytes(os.urandom(100))
    return service


def test_the_docstring_example_runs(documented: Service) -> None:
    assert doctest.testmod(darkroom_client, raise_on_error=True).attempted >= 4
    assert [stored.whole for stored in documented.uploads.values()] == [Path("photo.jpg").read_bytes()]


@pytest.mark.parametrize("document", ["clients/python/README.md", "docs/upload-api.md"])
def test_documented_examples_run(
    documented: Service, document: str, pytestconfig: pytest.Config, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (pytestconfig.rootpath / document).read_text(encoding="utf-8")
    (example,) = [block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "Uploader(" in block]
    exec(compile(example, document, "exec"), {"url": documented.url, "token": "a-token"})
    assert len(documented.uploads) == 2
    assert all(stored.whole for stored in documented.uploads.values())
    assert "photos/1.jpg" in capsys.readouterr().out
