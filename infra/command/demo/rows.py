"""Everything learned of each file put together into rows, with whatever the edge served wrongly."""

from pathlib import Path

from infra.command.demo.inspection import inspect_served, write_as_stored
from infra.command.demo.pixels import Error
from infra.command.demo.records import (
    Answer,
    Inspection,
    Outcome,
    Picture,
    Submission,
)
from lambdas.imaging.engine import reason

_NO_OUTCOME = "the pipeline recorded no outcome for it in time; its queue and its dead letters may say why"


def picture_row(submission: Submission, outcome: Outcome | None, answers: tuple[Answer, ...], files: Path) -> Picture:
    """Return the row of one file. ``files`` is the folder in which the picture as it was stored is kept."""
    if submission.fate is not None:
        return Picture(submission, submission.fate, reason=submission.reason)
    if outcome is None:
        return Picture(submission, "no outcome", reason=_NO_OUTCOME)
    if outcome.rejection is not None:
        why = outcome.rejection
        return Picture(submission, "rejected", code=why.code, reason=why.message, seconds=outcome.seconds)
    original = submission.candidate.path
    faults = _faults(answers)
    inspection, as_stored = None, None
    try:
        inspection = _inspect(original, answers)
        as_stored = files / outcome.image_id / "as-stored.jpg"
        as_stored.parent.mkdir(parents=True, exist_ok=True)
        write_as_stored(original, as_stored)
    except (Error, OSError) as error:
        cause = reason(error) if isinstance(error, Error) else error.strerror
        faults.append(f"expected to compare it with its original but received: {cause}")
        as_stored = None
    if inspection:
        faults += _unfit(inspection)
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


def _faults(answers: tuple[Answer, ...]) -> list[str]:
    return [
        f"{answer.ask.browser.name}, {'&'.join(f'{k}={v}' for k, v in answer.ask.query().items())}: expected 200 and "
        f"{answer.variant.mime_type} but received {answer.status} and {answer.content_type or answer.cache}"
        for answer in answers
        if not answer.correct
    ]


def _unfit(inspection: Inspection) -> list[str]:
    faults = [f"expected served pictures without {leak} but received one with it" for leak in inspection.leaks]
    if not inspection.upright:
        faults.append("expected the picture upright but received it turned or mirrored")
    if not inspection.faithful:
        faults.append(
            f"expected the original's colours but received a mean difference of ΔE {inspection.color_difference:.1f}"
        )
    return faults
