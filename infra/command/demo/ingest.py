"""Files into the upload API, several at a time, and the wait for what becomes of each."""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from infra.command.demo.records import Candidate, Outcome, Submission

_UPLOADS_AT_ONCE = 2 * (os.cpu_count() or 1)
_POLL_SECONDS = 0.4

Submit = Callable[[Candidate], Submission]
"""Uploads one file; a file that cannot be read or is refused comes back as a submission that says so."""

FindOutcomes = Callable[[Iterable[str]], Iterator[Outcome]]
"""Yields the outcomes of those image ids that have one."""

Progress = Callable[[int, int], None]
"""Told how many files are uploaded and how many of them have an outcome."""


def ingest(
    candidates: Sequence[Candidate],
    submit: Submit,
    find_outcomes: FindOutcomes,
    *,
    patience: float,
    progress: Progress = lambda _uploaded, _settled: None,
) -> tuple[list[Submission], dict[str, Outcome]]:
    """Upload ``candidates`` and wait until each has an outcome, or none has had one for ``patience`` seconds.

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
            # The table cannot be waited on: it is asked again after a pause.
            time.sleep(_POLL_SECONDS)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return [upload.result() for upload in uploads], outcomes
