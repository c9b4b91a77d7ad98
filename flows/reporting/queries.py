"""Queries of the edge's access log: the SQL files in ``sql/``, run by Athena.

To add a query, put a file into ``sql/``: a header comment, then one SELECT. The header asks the question that the query
answers and lists ``Parameters:``, ``Columns:`` and ``Scans:``; the unit tests compare it with the SQL. To show the
query in a report, name it in ``reports.py``.
"""

import re
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
import pandas as pd
import pyathena
from pyathena.error import Error as AthenaError
from pyathena.util import RetryConfig

from flows.reporting.periods import Period
from lambdas.core.settings import EDGE_REGION, Settings
from operations.costs.prices import PRICES
from operations.discovery import look_up

FOLDER = Path(__file__).parent / "sql"
ROW_LIMIT = 50
"""Rows of a result that lists the first of many."""
_THROTTLES = ("ThrottlingException", "TooManyRequestsException", "RequestLimitExceeded")
_POLL_SECONDS = 0.25
_CONNECTING = threading.Lock()  # a session makes clients for one thread at a time
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
_REMEDIES = (
    (
        "bytes scanned limit",
        "query fewer days or one tenant, or raise [analytics] scan_limit_bytes of darkroom.toml",
    ),
    (
        "throttl|toomanyrequests|requestlimitexceeded|too many requests",
        "run it again later, or lower [analytics] concurrent_queries of darkroom.toml",
    ),
    ("accessdenied|not authorized|insufficient permissions", "allow the role that runs flows to use the workgroup"),
)


class UnknownQueryError(LookupError):
    """No SQL file has the name; the message lists those that exist."""


class QueryFailedError(RuntimeError):
    """Athena returned no result; the message is Athena's, with a remedy where one is known."""


@dataclass(frozen=True, slots=True)
class Analytics:
    """Where Athena queries the logs and reports are stored; ``parameters`` are those that come from the settings."""

    distribution: str
    workgroup: str
    database: str
    reports_bucket: str
    region: str = EDGE_REGION
    parameters: Mapping[str, float | str] = field(default_factory=dict)


def find_analytics(settings: Settings, ssm: Any = None) -> Analytics:
    """Return what the stage of ``settings`` deployed for analytics.

    Args:
        settings: of the stage.
        ssm: a boto3 client; one of the edge's region if None.

    Raises:
        NotDeployedError: a parameter is missing.
    """
    things = {
        "distribution": "distribution-id",
        "workgroup": "athena-workgroup",
        "database": "glue-database",
        "reports_bucket": "reports-bucket",
    }
    return Analytics(**look_up(settings, things, EDGE_REGION, ssm), parameters=settings_parameters(settings))


@dataclass(frozen=True)
class Query:
    """One SQL file, by its name."""

    name: str

    @classmethod
    def all(cls) -> list["Query"]:
        """Return every query, by name."""
        return [cls(path.stem) for path in sorted(FOLDER.glob("*.sql"))]

    @cached_property
    def text(self) -> str:
        """The SQL, with parameters as ``%(name)s``.

        Raises:
            UnknownQueryError: there is no such file.
        """
        path = FOLDER / f"{self.name}.sql"
        if not re.fullmatch(r"[a-z0-9_]+", self.name) or not path.is_file():
            known = ", ".join(query.name for query in self.all())
            raise UnknownQueryError(f"expected one of the queries {known} but received {self.name!r}")
        return path.read_text(encoding="utf-8")

    @property
    def header(self) -> str:
        """The comment at the top of the file, as one paragraph."""
        lines: list[str] = []
        for line in self.text.splitlines():
            if not line.startswith("--"):
                break
            lines.append(line.removeprefix("--").strip())
        return " ".join(lines)

    @property
    def purpose(self) -> str:
        """What it answers: the header up to its parameters."""
        return self.header.partition(" Parameters: ")[0]


@dataclass(frozen=True, slots=True)
class QueryResult:
    """The rows of a query; ``scanned_bytes`` as billed by Athena, ``seconds`` from the start to the last row."""

    query: str
    rows: pd.DataFrame
    scanned_bytes: int
    seconds: float


def settings_parameters(settings: Settings) -> dict[str, float | str]:
    """Return the parameters from prices and settings: each price by its name, and ``listed_hosts``.

    That is a regular expression of the sites allowed by ``[waf] referers``, subdomains included; empty if all are.
    """
    prices = {name: value for name, value in PRICES.model_dump().items() if isinstance(value, float)}
    sites = "|".join(map(re.escape, settings.waf.referers))
    return {**prices, "listed_hosts": rf"^(.*\.)?({sites})$" if sites else ""}


def query_parameters(
    distribution: str,
    period: Period,
    tenant: str | None,
    from_settings: Mapping[str, float | str],
    row_limit: int = ROW_LIMIT,
) -> dict[str, Any]:
    """Return every parameter that a SQL file may use.

    Args:
        distribution: id of the CloudFront distribution.
        period: the days.
        tenant: restricts the query to the pictures of one tenant; None for all.
        from_settings: from :func:`settings_parameters`.
        row_limit: rows of a result that lists the first of many.
    """
    return {
        **from_settings,
        **period.parameters,
        "distribution": distribution,
        "tenant": tenant,
        "row_limit": row_limit,
    }


def run_query(
    query: Query, period: Period, analytics: Analytics, *, attempts: int, tenant: str | None = None
) -> QueryResult:
    """Run ``query`` and wait for its result.

    Args:
        query: the SQL file.
        period: the days.
        analytics: the workgroup and the distribution.
        attempts: tries of a throttled call, with increasing delays.
        tenant: restricts the query to the pictures of one tenant; None for all.

    Raises:
        QueryFailedError: Athena refused, failed or cancelled the query, or throttled every attempt.
    """
    began = time.monotonic()
    try:
        with _connect(analytics, attempts) as connection, connection.cursor() as cursor:
            cursor.execute(query.text, query_parameters(analytics.distribution, period, tenant, analytics.parameters))
            rows = _frame(cursor.description, cursor.fetchall())
            scanned = int(cursor.data_scanned_in_bytes or 0)
    except AthenaError as error:
        raise QueryFailedError(with_remedy(str(error))) from error
    return QueryResult(query.name, rows, scanned, time.monotonic() - began)


def with_remedy(reason: str) -> str:
    """Return Athena's ``reason`` with what to do about it, where that is known."""
    for pattern, remedy in _REMEDIES:
        if re.search(pattern, reason, re.IGNORECASE):
            return f"{reason.rstrip(' .')}: {remedy}"
    return reason


def _session() -> boto3.Session:
    # One for all queries, the flow's: each session parses the SDK's data files again, which takes longer than a query.
    if boto3.DEFAULT_SESSION is None:
        boto3.setup_default_session()
    assert boto3.DEFAULT_SESSION is not None  # noqa: S101 - it has just been set up
    return boto3.DEFAULT_SESSION


def _connect(analytics: Analytics, attempts: int) -> Any:
    with _CONNECTING:
        return pyathena.connect(
            work_group=analytics.workgroup,
            schema_name=analytics.database,
            region_name=analytics.region,
            poll_interval=_POLL_SECONDS,
            retry_config=RetryConfig(exceptions=_THROTTLES, attempt=attempts, max_delay=60),
            session=_session(),
        )


def _frame(description: Iterable[tuple[Any, ...]], rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    """Return rows with typed columns, also for an empty result."""
    columns = {
        name: pd.array([row[place] for row in rows], dtype=_DTYPES.get(kind, "object"))  # type: ignore[call-overload]
        for place, (name, kind, *_) in enumerate(description)
    }
    return pd.DataFrame(columns)
