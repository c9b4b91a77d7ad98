"""Input and output of a function that S3 Batch Operations invokes (invocation schema 2.0); no AWS."""

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
MAX_ARGUMENT_LENGTH = 1024  # characters of a user argument, and of a task's result (S3 API, LambdaInvokeOperation)

ResultCode = Literal["Succeeded", "TemporaryFailure", "PermanentFailure"]


class MalformedTaskError(ValueError):
    """A task or its job's arguments are invalid: the message says what was expected."""


class Task(Message):
    """One object of a job's manifest."""

    bucket: str = Field(alias="s3Bucket", min_length=1)
    url_encoded_key: str = Field(alias="s3Key", min_length=1)

    @property
    def key(self) -> str:
        """The object's key."""
        return unquote(self.url_encoded_key)


class Result(Message):
    """The result of a task: the code decides whether it is retried, the text appears in the job's report."""

    code: ResultCode
    text: str


class Done(Message):
    """The text of a task that succeeded, as JSON."""

    made: int = Field(description="Derivatives drawn and stored by this task.")
    kept: int = Field(description="Derivatives that already existed with the current encoder settings.")
    bytes: int = Field(description="Size of the derivatives made.")
    seconds: float = Field(description="Duration of the task.")


def parse_task(task: Any) -> Task:
    """Read one task.

    Raises:
        MalformedTaskError: it does not name an object.
    """
    try:
        return Task.model_validate(task)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()[:3])
        raise MalformedTaskError(f"expected a task of schema {SCHEMA} but received: {faults}") from error


def parse_variants(arguments: Any, settings: Settings) -> tuple[Variant, ...]:
    """Return the variants in a job's user arguments, where they are separated by spaces.

    Raises:
        MalformedTaskError: there are none, or one is not on the ladder.
    """
    text = arguments.get(VARIANTS_ARGUMENT) if isinstance(arguments, dict) else None
    if not isinstance(text, str) or not text.strip():
        raise MalformedTaskError(f"expected variants in the user argument {VARIANTS_ARGUMENT!r} but received {text!r}")
    return tuple(dict.fromkeys(ladder_variant(each, settings) for each in text.split()))


def parse_before(arguments: Any) -> datetime | None:
    """Return the moment before which stored derivatives count as missing; None if the job sets none.

    Raises:
        MalformedTaskError: it is not a date and time with an offset (ISO 8601).
    """
    text = arguments.get(BEFORE_ARGUMENT) if isinstance(arguments, dict) else None
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        moment = None
    if moment is None or moment.tzinfo is None:
        raise MalformedTaskError(f"expected a time with an offset in {BEFORE_ARGUMENT!r} but received {text!r}")
    return moment


def ladder_variant(text: str, settings: Settings) -> Variant:
    """Return ``text`` as a variant on the ladder.

    Raises:
        MalformedTaskError: it is malformed, or not on the ladder.
    """
    try:
        variant = Variant.parse(text)
    except MalformedKeyError as error:
        raise MalformedTaskError(str(error)) from error
    if not settings.ladder.allows(variant):
        heights = settings.ladder.heights(variant.width)
        on_it = variant.width in settings.ladder.widths
        expected = f"a height of {heights}" if on_it else f"a width of {list(settings.ladder.widths)}"
        raise MalformedTaskError(f"expected {expected} of the ladder, in {'|'.join(FORMATS)}, but received {text!r}")
    return variant


def format_response(event: Any, results: Sequence[tuple[str, Result]]) -> dict[str, Any]:
    """Return the function's response: ``results`` are pairs of task id and result."""
    return {
        "invocationSchemaVersion": SCHEMA,
        "treatMissingKeysAs": "PermanentFailure",
        "invocationId": event.get("invocationId", "") if isinstance(event, dict) else "",
        "results": [
            {"taskId": task_id, "resultCode": result.code, "resultString": result.text[:MAX_ARGUMENT_LENGTH]}
            for task_id, result in results
        ],
    }
