"""The demonstration from end to end, against a stack that runs."""

import shutil
import time
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

from darkroom_client import ClientError, RefusedError, Uploader
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from infra.command.demo.contact_sheet import write_contact_sheet
from infra.command.demo.ingest import ingest
from infra.command.demo.outcomes import find_outcomes
from infra.command.demo.records import (
    Candidate,
    Outcome,
    Picture,
    Submission,
)
from infra.command.demo.rows import picture_row
from infra.command.demo.viewing import Viewer
from infra.local.stack import LocalStack
from infra.local.tenant import tenant_uploader

PAGE = "contact-sheet.html"
PAGE_FILES = "contact-sheet-files"
_PATIENCE_SECONDS = 120.0


def run_demo(
    stack: LocalStack,
    candidates: list[Candidate],
    out: Path,
    console: Console,
    *,
    tenant: str,
    patience: float = _PATIENCE_SECONDS,
) -> list[Picture]:
    """Upload ``candidates`` for ``tenant``, await their outcomes, view them, and write the contact sheet into ``out``.

    Gives up on a picture when no other has had an outcome for ``patience`` seconds either.
    """
    made, started = datetime.now().astimezone(), time.monotonic()
    files = out / PAGE_FILES
    shutil.rmtree(files, ignore_errors=True)
    files.mkdir(parents=True)
    with _progress(console) as progress:
        submissions, outcomes = _ingest(stack, candidates, tenant, patience, progress)
        ready = [image_id for image_id, outcome in outcomes.items() if outcome.outcome == "ready"]
        viewed = progress.add_task("Viewed at the edge", total=len(ready))
        viewer = Viewer(stack.edge_url, files, stack.settings.ladder)
        try:
            answers = viewer.view_all(ready, lambda: progress.advance(viewed))
        finally:
            viewer.close()
        compared = progress.add_task("Compared with originals", total=len(submissions))
        pictures = []
        for each in submissions:
            image_id = each.image_id or ""
            pictures.append(picture_row(each, outcomes.get(image_id), answers.get(image_id, ()), files))
            progress.advance(compared)
    write_contact_sheet(pictures, out / PAGE, made=made, seconds=time.monotonic() - started)
    return pictures


def _progress(console: Console) -> Progress:
    columns = (SpinnerColumn(), TextColumn("{task.description:<24}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, TimeElapsedColumn(), console=console)


def _ingest(
    stack: LocalStack, candidates: list[Candidate], tenant: str, patience: float, progress: Progress
) -> tuple[list[Submission], dict[str, Outcome]]:
    table, database = stack.parameter("images-table"), stack.client("dynamodb")
    uploading = progress.add_task("Uploaded", total=len(candidates))
    settling = progress.add_task("Through the pipeline", total=len(candidates))

    def show(uploaded: int, settled: int) -> None:
        progress.update(uploading, completed=uploaded)
        progress.update(settling, completed=settled)

    def find(image_ids: Iterable[str]) -> Iterator[Outcome]:
        return find_outcomes(database, table, image_ids)

    with tenant_uploader(stack, tenant) as uploader:
        return ingest(candidates, lambda each: submit(uploader, each), find, patience=patience, progress=show)


def submit(uploader: Uploader, candidate: Candidate) -> Submission:
    """Upload one file; whatever keeps it from becoming an original is said in what is returned."""
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
