"""Questions put to the edge's access log: SQL files run by Athena, and the answers kept as Parquet."""

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import pyathena
from pyathena.error import Error as AthenaError
from pyathena.util import RetryConfig

from flows.reporting.asked import question_parameters
from flows.reporting.periods import Period
from flows.reporting.ways_out import with_way_out
from operations.discovery import Analytics

FOLDER = Path(__file__).parent / "sql"
_THROTTLES = ("ThrottlingException", "TooManyRequestsException", "RequestLimitExceeded")
_POLL_SECONDS = 0.25
_DTYPES = {
    "bigint": "Int64",
    "integer": "Int64",
    "smallint": "Int64",
    "double": "Float64",
    "float": "Float64",
    "real": "Float64",
    "boolean": "boolean",
    "varchar": "string",
}


class UnknownQuestionError(LookupError):
    """No SQL file has the name; the message lists those there are."""


class UnansweredError(RuntimeError):
    """Athena gave no answer to a question; the message is Athena's, with the way out."""


@dataclass(frozen=True)
class Question:
    """One SQL file: its first comment says what it answers and what it scans."""

    name: str

    @classmethod
    def all(cls) -> list["Question"]:
        """Return every question there is, by name."""
        return [cls(path.stem) for path in sorted(FOLDER.glob("*.sql"))]

    @cached_property
    def text(self) -> str:
        """The SQL, its parameters as ``%(name)s``.

        Raises:
            UnknownQuestionError: there is no such file.
        """
        path = FOLDER / f"{self.name}.sql"
        if not re.fullmatch(r"[a-z0-9_]+", self.name) or not path.is_file():
            known = ", ".join(question.name for question in self.all())
            raise UnknownQuestionError(f"expected one of the questions {known} but received {self.name!r}")
        return path.read_text(encoding="utf-8")

    @property
    def comment(self) -> str:
        """The comment at the head of the file, as one paragraph."""
        lines: list[str] = []
        for line in self.text.splitlines():
            if not line.startswith("--"):
                break
            lines.append(line.removeprefix("--").strip())
        return " ".join(lines)


@dataclass(frozen=True, slots=True)
class Answer:
    """Rows that answer a question, and what they cost.

    ``scanned_bytes`` is what Athena read and bills; ``seconds`` is from asking to the last row.
    """

    question: str
    rows: pd.DataFrame
    scanned_bytes: int
    seconds: float


def ask(
    question: Question, period: Period, analytics: Analytics, *, attempts: int, tenant: str | None = None
) -> Answer:
    """Put ``question`` about ``period`` to Athena and wait for the answer.

    Args:
        question: which SQL file.
        period: the days that it is about.
        analytics: where to ask, and the distribution that is asked about.
        attempts: tries of a call that Athena throttles, each waiting longer than the last.
        tenant: whose pictures alone; None for all.

    Raises:
        UnansweredError: Athena refused, failed or cancelled the query, or throttled every attempt.
    """
    began = time.monotonic()
    try:
        with _connect(analytics, attempts) as connection, connection.cursor() as cursor:
            cursor.execute(
                question.text,
                question_parameters(analytics.distribution, period, tenant, analytics.parameters),
            )
            rows = _frame(cursor.description, cursor.fetchall())
            scanned = int(cursor.data_scanned_in_bytes or 0)
    except AthenaError as error:
        raise UnansweredError(with_way_out(str(error))) from error
    return Answer(question.name, rows, scanned, time.monotonic() - began)


def _connect(analytics: Analytics, attempts: int) -> Any:
    return pyathena.connect(
        work_group=analytics.workgroup,
        schema_name=analytics.database,
        region_name=analytics.region,
        poll_interval=_POLL_SECONDS,
        retry_config=RetryConfig(exceptions=_THROTTLES, attempt=attempts, max_delay=60),
    )


def _frame(description: Iterable[tuple[Any, ...]], rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    """Return rows with a column type each that an empty answer has as well."""
    columns = {
        name: pd.array([row[place] for row in rows], dtype=_DTYPES.get(kind, "object"))  # type: ignore[call-overload]
        for place, (name, kind, *_) in enumerate(description)
    }
    return pd.DataFrame(columns)
