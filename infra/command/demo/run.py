"""The demo from end to end, on a running stack."""

import shutil
import time
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from infra.command.demo.contact_sheet import write_contact_sheet
from infra.command.demo.ingest import find_outcomes, ingest, submit
from infra.command.demo.inspection import inspect_served, write_as_stored
from infra.command.demo.records import Answer, Candidate, Inspection, Outcome, Picture, Submission
from infra.command.demo.viewing import Viewer
from infra.local.stack import LocalStack
from infra.local.tenant import tenant_uploader
from lambdas.imaging.engine import pyvips

PAGE = "contact-sheet.html"
PAGE_FILES = "contact-sheet-files"
_PATIENCE_SECONDS = 120.0
_HELD = "not served until it is released"
_NO_OUTCOME = "the pipeline recorded no outcome in time; to see why: darkroom dead-letters"


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

    Pictures without an outcome are given up when nothing has changed for ``patience`` seconds.
    """
    made, started = datetime.now().astimezone(), time.monotonic()
    files = out / PAGE_FILES
    shutil.rmtree(files, ignore_errors=True)
    files.mkdir(parents=True)
    with _progress(console) as progress:
        submissions, outcomes = _ingest(stack, candidates, tenant, patience, progress)
        ready = [image_id for image_id, outcome in outcomes.items() if outcome.state == "ready"]
        viewed = progress.add_task("Requested from the edge", total=len(ready))
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
    settling = progress.add_task("Processed", total=len(candidates))

    def show(uploaded: int, settled: int) -> None:
        progress.update(uploading, completed=uploaded)
        progress.update(settling, completed=settled)

    def find(image_ids: Iterable[str]) -> Iterator[Outcome]:
        return find_outcomes(database, table, image_ids)

    with tenant_uploader(stack, tenant) as uploader:
        return ingest(candidates, lambda each: submit(uploader, each), find, patience=patience, progress=show)


def picture_row(submission: Submission, outcome: Outcome | None, answers: tuple[Answer, ...], files: Path) -> Picture:
    """Return the result of one file. ``files`` is the folder for a preview of the original as stored."""
    if submission.fate is not None:
        return Picture(submission, submission.fate, reason=submission.reason)
    if outcome is None:
        return Picture(submission, "no outcome", reason=_NO_OUTCOME)
    if outcome.state == "held":
        return Picture(submission, "held", reason=_HELD, seconds=outcome.seconds)
    if outcome.rejection is not None:
        return Picture(
            submission,
            "rejected",
            code=outcome.rejection.code,
            reason=outcome.rejection.message,
            seconds=outcome.seconds,
        )
    original = submission.candidate.path
    faults = _answer_faults(answers)
    inspection, as_stored = None, None
    try:
        inspection = _inspect(original, answers)
        as_stored = files / outcome.image_id / "as-stored.jpg"
        as_stored.parent.mkdir(parents=True, exist_ok=True)
        write_as_stored(original, as_stored)
    except (pyvips.Error, OSError) as error:
        cause = error.strerror if isinstance(error, OSError) else str(error).strip().splitlines()[-1].strip()
        faults.append(f"cannot be compared with its original: {cause}")
        as_stored = None
    if inspection:
        faults += _inspection_faults(inspection)
    return Picture(
        submission,
        "ready",
        seconds=outcome.seconds,
        answers=answers,
        inspection=inspection,
        as_stored=as_stored,
        faults=tuple(faults),
    )


def _inspect(original: Path, answers: tuple[Answer, ...]) -> Inspection | None:
    whole = [answer for answer in answers if answer.correct and answer.file]
    # The widest uncropped picture first: it is the one compared with the original.
    whole.sort(key=lambda answer: (answer.variant.height > 0, -answer.variant.width))
    served = list(dict.fromkeys(answer.file for answer in whole if answer.file))
    return inspect_served(original, served) if served else None


def _answer_faults(answers: tuple[Answer, ...]) -> list[str]:
    return [
        f"{answer.ask.browser.name}, {'&'.join(f'{k}={v}' for k, v in answer.ask.query().items())}: expected 200 and "
        f"{answer.variant.mime_type} but received {answer.status} and {answer.content_type or answer.cache}"
        for answer in answers
        if not answer.correct
    ]


def _inspection_faults(inspection: Inspection) -> list[str]:
    faults = [f"expected served pictures without {leak} but received one with it" for leak in inspection.leaks]
    if not inspection.upright:
        faults.append("expected the picture upright but received it turned or mirrored")
    if not inspection.faithful:
        faults.append(
            f"expected the original's colours but received a mean difference of ΔE {inspection.color_difference:.1f}"
        )
    return faults
