"""The access log's files: records gathered, and written as Parquet where the log delivery would put them."""

import asyncio
import io
import logging
import uuid
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from botocore.exceptions import BotoCoreError, ClientError

from infra.constructs.access_log import COLUMNS, partition_path

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
        """Take a record of a request of ``hour`` (UTC)."""
        self._waiting.append((hour, record))
        if len(self._waiting) > _MOST_WAITING:
            del self._waiting[: _MOST_WAITING // 2]
            logger.error("dropped %d records of the access log: its bucket takes none", _MOST_WAITING // 2)

    async def flush(self) -> int:
        """Write whatever waits.

        Returns:
            How many records are in the bucket since the start. Those that it does not take wait for the next flush.
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
    # Column by column: requests are answered between one and the next.
    table = pa.table([[record[column] for record in records] for column in COLUMNS], schema=_SCHEMA)
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="gzip")
    return buffer.getvalue()
