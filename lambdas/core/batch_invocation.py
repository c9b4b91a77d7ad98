"""What S3 Batch Operations hands to the function, and what it expects back: invocation schema 2.0; no AWS."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal
from urllib.parse import unquote

from pydantic import Field, ValidationError

from lambdas.core.keys import FORMATS, MalformedKeyError, Variant
from lambdas.core.messages import Message
from lambdas.core.settings import Settings

SCHEMA = "2.0"
VARIANTS_ARGUMENT, BEFORE_ARGUMENT = "variants", "before"
LONGEST_ARGUMENT = 1024  # characters of one user argument, as of a task's result: LambdaInvokeOperation of the S3 API

ResultCode = Literal["Succeeded", "TemporaryFailure", "PermanentFailure"]


class MalformedTaskError(ValueError):
    """A task or its job's arguments cannot be worked on, now or later: the message says what was expected."""


class Task(Message):
    """One object of a job's manifest."""

    bucket: str = Field(alias="s3Bucket", min_length=1)
    url_encoded_key: str = Field(alias="s3Key", min_length=1)

    @property
    def key(self) -> str:
        """The object's key."""
        return unquote(self.url_encoded_key)


class Result(Message):
    """What became of a task: the code decides whether it is tried again, the text stands in the job's report."""

    code: ResultCode
    text: str


class Done(Message):
    """The text of a task that succeeded, as JSON."""

    made: int = Field(description="Derivatives drawn and stored by this task.")
    kept: int = Field(description="Derivatives that stood there already, drawn with the current encoder settings.")
    bytes: int = Field(description="Size of those made.")
    seconds: float = Field(description="What the task took.")


def parse_task(task: Any) -> Task:
    """Read one task.

    Raises:
        MalformedTaskError: it names no object.
    """
    try:
        return Task.model_validate(task)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()[:3])
        raise MalformedTaskError(f"expected a task of schema {SCHEMA} but received: {faults}") from error


def parse_variants(arguments: Any, settings: Settings) -> tuple[Variant, ...]:
    """Return the variants that a job's user arguments ask for: texts, separated by spaces.

    Raises:
        MalformedTaskError: there are none, or one that may not exist.
    """
    text = arguments.get(VARIANTS_ARGUMENT) if isinstance(arguments, dict) else None
    if not isinstance(text, str) or not text.strip():
        raise MalformedTaskError(f"expected variants in the user argument {VARIANTS_ARGUMENT!r} but received {text!r}")
    return tuple(dict.fromkeys(ladder_variant(each, settings) for each in text.split()))


def parse_before(arguments: Any) -> datetime | None:
    """Return the moment before which derivatives count as none, whatever their encoder settings; None where all count.

    Raises:
        MalformedTaskError: it is no moment with an offset (ISO 8601).
    """
    text = arguments.get(BEFORE_ARGUMENT) if isinstance(arguments, dict) else None
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        moment = None
    if moment is None or moment.tzinfo is None:
        raise MalformedTaskError(f"expected a moment with an offset in {BEFORE_ARGUMENT!r} but received {text!r}")
    return moment


def ladder_variant(text: str, settings: Settings) -> Variant:
    """Return ``text`` as a variant that may exist.

    Raises:
        MalformedTaskError: none is written like that, or it is not on the ladder.
    """
    try:
        variant = Variant.parse(text)
    except MalformedKeyError as error:
        raise MalformedTaskError(str(error)) from error
    if not settings.ladder.allows(variant):
        heights = [0, *(settings.ladder.height(variant.width, ratio) for ratio in settings.ladder.aspect_ratios)]
        on_it = variant.width in settings.ladder.widths
        expected = f"a height of {heights}" if on_it else f"a width of {list(settings.ladder.widths)}"
        raise MalformedTaskError(
            f"expected {expected}, as the ladder has it, in {'|'.join(FORMATS)}, but received {text!r}"
        )
    return variant


def answer(event: Any, results: Sequence[tuple[str, Result]]) -> dict[str, Any]:
    """Return what S3 Batch Operations is told: ``results`` by the ids of their tasks."""
    return {
        "invocationSchemaVersion": SCHEMA,
        "treatMissingKeysAs": "PermanentFailure",
        "invocationId": event.get("invocationId", "") if isinstance(event, dict) else "",
        "results": [
            {"taskId": task_id, "resultCode": result.code, "resultString": result.text[:LONGEST_ARGUMENT]}
            for task_id, result in results
        ],
    }
