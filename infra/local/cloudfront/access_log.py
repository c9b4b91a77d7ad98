"""The access log: a record for each request, files of records in the logs bucket, and counts of what was served.

Columns are those of CloudFront's standard log.
"""

import asyncio
import io
import logging
import uuid
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq
from botocore.exceptions import BotoCoreError, ClientError

from infra.constructs.edge.access_log import COLUMNS, partition_path
from infra.local.cloudfront.exchange import Response, ResultType, ViewerRequest
from lambdas.core.keys import MIME_TYPES

EDGE_LOCATION = "LOC50-P1"
_ABSENT = "-"


@dataclass(frozen=True, slots=True)
class Served:
    """A request that was answered.

    ``path`` is the one after the viewer-request function, ``origin_seconds`` what its origin took if one was asked,
    ``logged`` the functions' own data, by event type.
    """

    request: ViewerRequest
    path: str
    response: Response
    result_type: ResultType
    request_id: str
    origin_seconds: float | None = None
    logged: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Timing:
    """When a request came, in seconds since the epoch, and how many seconds its first and last byte took."""

    began_at: float
    first_byte_seconds: float
    whole_seconds: float

    @property
    def hour(self) -> datetime:
        """The UTC hour that the request belongs to."""
        return _hour(int(self.began_at) // 3600)


def access_record(served: Served, timing: Timing, domain_name: str) -> dict[str, str]:
    """Return the columns of the standard log that the local edge knows, "-" for absent values."""
    request, response = served.request, served.response
    date, clock = _date_and_time(int(timing.began_at))
    first, last = _range(response)
    return {
        "date": date,
        "time": clock,
        "x_edge_location": EDGE_LOCATION,
        "sc_bytes": str(response.sent_bytes),
        "c_ip": request.client_ip,
        "cs_method": request.method,
        "cs_host": domain_name,
        "cs_uri_stem": served.path,
        "sc_status": str(response.status),
        "cs_referer": _encoded(request.headers.get("referer")),
        "cs_user_agent": _encoded(request.headers.get("user-agent")),
        "x_edge_result_type": served.result_type,
        "x_edge_request_id": served.request_id,
        "x_host_header": _encoded(request.headers.get("host")),
        "cs_protocol": "http",
        "cs_bytes": str(request.received_bytes),
        "time_taken": f"{timing.whole_seconds:.3f}",
        "x_forwarded_for": _encoded(request.headers.get("x-forwarded-for")),
        "ssl_protocol": _ABSENT,
        "ssl_cipher": _ABSENT,
        "x_edge_response_result_type": served.result_type,
        "cs_protocol_version": f"HTTP/{request.http_version}",
        "fle_status": _ABSENT,
        "fle_encrypted_fields": _ABSENT,
        "c_port": str(request.client_port),
        "time_to_first_byte": f"{timing.first_byte_seconds:.3f}",
        "x_edge_detailed_result_type": served.result_type,
        "sc_content_type": _encoded(response.headers.get("content-type")),
        "sc_content_len": response.headers.get("content-length", _ABSENT),
        "sc_range_start": first,
        "sc_range_end": last,
        "origin_fbl": _ABSENT if served.origin_seconds is None else f"{served.origin_seconds:.3f}",
        "viewer_request_log_data": _custom(served.logged.get("viewer-request")),
        "viewer_response_log_data": _custom(served.logged.get("viewer-response")),
    }


# Consecutive requests share their second, and a few browsers and pages.
@lru_cache(maxsize=16)
def _date_and_time(seconds: int) -> tuple[str, str]:
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment:%Y-%m-%d}", f"{moment:%H:%M:%S}"


@lru_cache(maxsize=16)
def _hour(hours: int) -> datetime:
    return datetime.fromtimestamp(hours * 3600, UTC)


def _range(response: Response) -> tuple[str, str]:
    if response.status != 206:
        return _ABSENT, _ABSENT
    first, _, last = response.headers["content-range"].removeprefix("bytes ").partition("/")[0].partition("-")
    return first, last


@lru_cache(maxsize=4096)
def _encoded(value: str | None) -> str:
    """Percent-encode what would break a line of the log, as CloudFront does."""
    return quote(value, safe="!#$&'()*+,/:;<=>?@[]^_`{|}~-.%") if value else _ABSENT


@lru_cache(maxsize=4096)
def _custom(value: str | None) -> str:
    """Percent-encode what a function logged, all but letters, digits and ``-._~``."""
    return quote(value, safe="") if value else _ABSENT


_SCHEMA = pa.schema([(column, pa.string()) for column in COLUMNS])
_MOST_WAITING = 1_000_000

logger = logging.getLogger(__name__)


class LogWriter:
    """Gathers records in memory and writes one file an hour of requests at every flush."""

    def __init__(self, s3: Any, bucket: str, distribution_id: str) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._distribution_id = distribution_id
        self._waiting: list[tuple[datetime, Mapping[str, str]]] = []
        self._flushing = asyncio.Lock()
        self.written = 0

    @property
    def waiting(self) -> int:
        """How many records are not yet in the bucket."""
        return len(self._waiting)

    def add(self, hour: datetime, record: Mapping[str, str]) -> None:
        """Add the record of a request of ``hour`` (UTC)."""
        self._waiting.append((hour, record))
        if len(self._waiting) > _MOST_WAITING:
            del self._waiting[: _MOST_WAITING // 2]
            logger.error("dropped %d records of the access log: its bucket refuses them", _MOST_WAITING // 2)

    async def flush(self) -> int:
        """Write the waiting records.

        Returns:
            How many records were written since the start. Those that the bucket refuses wait for the next flush.
        """
        async with self._flushing:
            taken, self._waiting = self._waiting, []
            by_hour: dict[datetime, list[Mapping[str, str]]] = defaultdict(list)
            for hour, record in taken:
                by_hour[hour].append(record)
            for hour, records in by_hour.items():
                try:
                    await asyncio.to_thread(self._write, hour, records)
                    self.written += len(records)
                except (BotoCoreError, ClientError) as error:
                    logger.warning("access log: expected %s to take a file but: %s", self._bucket, error)
                    self._waiting[:0] = [(hour, record) for record in records]
            return self.written

    def _write(self, hour: datetime, records: list[Mapping[str, str]]) -> None:
        name = f"{self._distribution_id}.{hour:%Y-%m-%d-%H}.{uuid.uuid4().hex[:8]}.parquet"
        self._s3.put_object(
            Bucket=self._bucket,
            Key=partition_path(self._distribution_id, hour) + name,
            Body=to_parquet(records),
            ContentType="application/vnd.apache.parquet",
        )


def to_parquet(records: list[Mapping[str, str]]) -> bytes:
    """Return ``records`` as a Parquet file with the log's columns, all of them strings."""
    # Column by column: other requests are served between two of them.
    table = pa.table([[record[column] for record in records] for column in COLUMNS], schema=_SCHEMA)
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="gzip")
    return buffer.getvalue()


_FORMATS = {mime_type: name for name, mime_type in MIME_TYPES.items()}
_HITS = ("Hit", "RefreshHit")


class Statistics:
    """Counts by result type, status and format ("none" for a response without a picture).

    Bytes are those sent, headers included.
    """

    def __init__(self) -> None:
        self.requests = 0
        self.bytes = 0
        self._results: Counter[str] = Counter()
        self._statuses: Counter[str] = Counter()
        self._formats: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def add(self, record: Mapping[str, str]) -> None:
        """Count one record of the access log."""
        sent, result = int(record["sc_bytes"]), record["x_edge_result_type"]
        self.requests += 1
        self.bytes += sent
        self._results[result] += 1
        self._statuses[record["sc_status"]] += 1
        form = self._formats[_FORMATS.get(record["sc_content_type"], "none")]
        form.update({"requests": 1, "hits": int(result in _HITS), "misses": int(result == "Miss"), "bytes": sent})

    def summary(self) -> dict[str, Any]:
        """Return the counts as JSON-ready data.

        The hit ratio is CloudFront's: hits among hits and misses, errors and the function's own responses left out.
        """
        hits = sum(self._results[result] for result in _HITS)
        cacheable = hits + self._results["Miss"]
        return {
            "requests": self.requests,
            "bytes": self.bytes,
            "hits": hits,
            "hit_ratio": round(hits / cacheable, 6) if cacheable else None,
            "results": dict(self._results),
            "statuses": dict(self._statuses),
            "formats": {name: dict(counts) for name, counts in self._formats.items()},
        }
