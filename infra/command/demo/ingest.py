"""Files into the upload API: collect them, upload several at a time, and wait for each outcome."""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer
from darkroom_client import ClientError, RefusedError, Uploader

from infra.command.demo.records import Candidate, Outcome, Submission
from infra.local.errors import LocalStackError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_UPLOADS_AT_ONCE = 2 * (os.cpu_count() or 1)
_POLL_SECONDS = 0.4
_BATCH_KEYS = 100  # BatchGetItem's limit

Submit = Callable[[Candidate], Submission]
"""Uploads one file; a file that cannot be read or is refused is returned as a submission with that fate."""

FindOutcomes = Callable[[Iterable[str]], Iterator[Outcome]]
"""Yields the outcomes of those image ids that have one."""

Progress = Callable[[int, int], None]
"""Called with the number of files uploaded, and of those that have an outcome."""


class NothingToShowError(LocalStackError):
    """The folder does not exist or has no files."""


def collect(folder: Path) -> list[Candidate]:
    """Return every file below ``folder`` except hidden ones, by name; folder links are not followed.

    Raises:
        NothingToShowError: the folder does not exist or has no files.
    """
    if not folder.exists():
        raise NothingToShowError(f"expected a folder of pictures but {folder} does not exist")
    if folder.is_file():
        return [Candidate(folder.name, folder)]
    found = []
    for root, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(root, name) for name in files if not name.startswith(".")]
    regular = [path for path in found if path.is_file() or not path.exists()]
    if not regular:
        raise NothingToShowError(f"expected at least one file in {folder} but found none that is not hidden")
    return [Candidate(_printable(path.relative_to(folder)), path) for path in sorted(regular)]


def _printable(path: Path) -> str:
    # A file name may be bytes that are not UTF-8.
    return os.fsencode(path).decode("utf-8", "replace")


def submit(uploader: Uploader, candidate: Candidate) -> Submission:
    """Upload one file; a failure is returned as the submission's fate and reason."""
    size = 0
    try:
        size = candidate.path.stat().st_size
        uploaded = uploader.upload(candidate.path)
    except OSError as error:
        reason = f"expected a readable file but received: {error.strerror or error}"
        return Submission(candidate, size, fate="unreadable", reason=reason)
    except RefusedError as error:
        return Submission(candidate, size, fate="refused", reason=str(error))
    except ClientError as error:
        return Submission(candidate, size, fate="not uploaded", reason=str(error))
    return Submission(candidate, uploaded.bytes, uploaded.image_id)


def ingest(
    candidates: Sequence[Candidate],
    submit: Submit,
    find_outcomes: FindOutcomes,
    *,
    patience: float,
    progress: Progress = lambda _uploaded, _settled: None,
) -> tuple[list[Submission], dict[str, Outcome]]:
    """Upload ``candidates`` and wait until each has an outcome, or none has changed for ``patience`` seconds.

    Returns the submissions in the candidates' order, and the outcomes by image id.
    """
    outcomes: dict[str, Outcome] = {}
    pool = ThreadPoolExecutor(_UPLOADS_AT_ONCE, thread_name_prefix="upload")
    try:
        uploads = [pool.submit(submit, candidate) for candidate in candidates]
        last_change, seen = time.monotonic(), (0, 0)
        while True:
            uploaded = [upload.result() for upload in uploads if upload.done()]
            waiting = [each.image_id for each in uploaded if each.image_id and each.image_id not in outcomes]
            outcomes.update({outcome.image_id: outcome for outcome in find_outcomes(waiting)})
            unsettled = [image_id for image_id in waiting if image_id not in outcomes]
            counts = len(uploaded), len(uploaded) - len(unsettled)
            progress(*counts)
            if counts != seen:
                last_change, seen = time.monotonic(), counts
            if len(uploaded) == len(uploads) and not unsettled:
                break
            if len(uploaded) == len(uploads) and time.monotonic() - last_change > patience:
                break
            time.sleep(_POLL_SECONDS)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return [upload.result() for upload in uploads], outcomes


def find_outcomes(client: "DynamoDBClient", table: str, image_ids: Iterable[str]) -> Iterator[Outcome]:
    """Yield the outcome of each of ``image_ids`` that has one in the images table.

    Raises:
        ClientError: the table cannot be read.
    """
    keys: list[Any] = [{"image_id": {"S": image_id}} for image_id in image_ids]
    for start in range(0, len(keys), _BATCH_KEYS):
        request: Any = {table: {"Keys": keys[start : start + _BATCH_KEYS], "ConsistentRead": True}}
        while request:
            response = client.batch_get_item(RequestItems=request)
            for item in response["Responses"].get(table, []):
                if "recorded_at" in item:
                    yield _parse_outcome(item)
            request = response.get("UnprocessedKeys")


def _parse_outcome(item: Any) -> Outcome:
    deserialize = TypeDeserializer().deserialize
    plain = {name: deserialize(value) for name, value in item.items()}
    uploaded, recorded = (datetime.fromisoformat(plain[name]) for name in ("uploaded_at", "recorded_at"))
    return Outcome.model_validate({**plain, "seconds": (recorded - uploaded).total_seconds()})
