"""Snapshots of the images table in Parquet, and the list of the current one's files, which the Glue table reads."""

import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain, count, islice
from pathlib import Path
from typing import Any, Self, get_args
from urllib.parse import urlparse

import pyarrow as pa
import pyarrow.parquet as pq

from lambdas.core.life import Outcome, State
from lambdas.core.records import COLUMNS, image_row
from operations.inventory import batches

SNAPSHOTS = "snapshots"
_ROWS_A_GROUP = 50_000  # held in memory; sorted by tenant, so that a query about one skips the groups of others
_ROWS_A_FILE = 1_000_000
_DELETED_AT_ONCE = 1000  # maximum of one DeleteObjects
_KEPT = timedelta(days=1)  # longer than any query that reads an older snapshot
_WITHOUT_OUTCOME = frozenset(get_args(State)) - frozenset(get_args(Outcome))
_STAMP = "%Y%m%dT%H%M%S%fZ"
_TYPES: dict[str, pa.DataType] = {
    "string": pa.string(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "boolean": pa.bool_(),
    "timestamp": pa.timestamp("ms"),
    "map<string,bigint>": pa.map_(pa.string(), pa.int64()),
}
SCHEMA = pa.schema([(column.name, _TYPES[column.type]) for column in COLUMNS])


@dataclass
class Tally:
    """What was read: number of images by outcome, and the faults of malformed items by their id.

    Images without an outcome, not yet or no longer, are no rows.
    """

    images: Counter[str] = field(default_factory=Counter)
    skipped: dict[str, str] = field(default_factory=dict)

    def rows(self, pages: Iterable[Iterable[Mapping[str, Any]]]) -> Iterator[dict[str, Any]]:
        """Yield a row for every valid item of ``pages``."""
        for item in chain.from_iterable(pages):
            if item.get("state") in _WITHOUT_OUTCOME:
                continue
            try:
                row = image_row(item)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                self.skipped[str(item.get("image_id"))] = repr(error)
                continue
            self.images[row["outcome"]] += 1
            yield row


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A snapshot: files under their own prefix, which are not read until they are published.

    ``list_key`` is the object in ``bucket`` that lists the files of the current snapshot, one per line.
    """

    bucket: str
    list_key: str
    stamp: str

    @classmethod
    def begin(cls, list_address: str, now: datetime) -> Self:
        """Begin a snapshot at ``now``, to be published in the list at ``list_address`` (``s3://bucket/…``)."""
        address = urlparse(list_address)
        return cls(address.netloc, address.path.lstrip("/"), now.astimezone(UTC).strftime(_STAMP))

    @property
    def _root(self) -> str:
        return f"{Path(self.list_key).parent.parent}/{SNAPSHOTS}/"

    @property
    def prefix(self) -> str:
        """The prefix of its files, with a slash at the end."""
        return f"{self._root}{self.stamp}/"

    def write(self, s3: Any, name: str, rows: Iterable[Mapping[str, Any]]) -> list[str]:
        """Write ``rows`` to files named after ``name``; return their keys.

        Raises:
            S3UploadFailedError: S3 refused; a retry may help.
        """
        keys = []
        with tempfile.TemporaryDirectory() as folder:
            for number, path in enumerate(_write_files(Path(folder), rows)):
                key = f"{self.prefix}{name}-{number:05}.parquet"
                s3.upload_file(str(path), self.bucket, key)
                path.unlink()
                keys.append(key)
        return keys

    def publish(self, s3: Any, keys: Sequence[str]) -> None:
        """Switch the Glue table to ``keys`` by replacing one object.

        Raises:
            ClientError: S3 refused; the table still reads the previous snapshot.
        """
        text = "".join(f"s3://{self.bucket}/{key}\n" for key in sorted(keys))
        s3.put_object(Bucket=self.bucket, Key=self.list_key, Body=text.encode(), ContentType="text/plain")

    def discard(self, s3: Any) -> None:
        """Delete its files.

        Raises:
            ClientError: S3 refused; the files stay but are not read.
        """
        self._delete(s3, _keys_under(s3, self.bucket, self.prefix))

    def remove_older(self, s3: Any) -> int:
        """Delete the files of snapshots more than a day older; return their number.

        Raises:
            ClientError: S3 refused; the next snapshot tries again.
        """
        newest = datetime.strptime(self.stamp, _STAMP) - _KEPT
        return self._delete(
            s3,
            (
                key
                for key in _keys_under(s3, self.bucket, self._root)
                if key.removeprefix(self._root).partition("/")[0] < newest.strftime(_STAMP)
            ),
        )

    def _delete(self, s3: Any, keys: Iterable[str]) -> int:
        deleted = 0
        for some in batches(keys, _DELETED_AT_ONCE):
            s3.delete_objects(Bucket=self.bucket, Delete={"Objects": [{"Key": key} for key in some], "Quiet": True})
            deleted += len(some)
        return deleted


def _keys_under(s3: Any, bucket: str, prefix: str) -> Iterator[str]:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for item in page.get("Contents", []):
            yield item["Key"]


def _write_files(folder: Path, rows: Iterable[Mapping[str, Any]]) -> Iterator[Path]:
    """Write ``rows`` to Parquet files of up to a million rows; yield each when it is complete."""
    left = iter(rows)
    for number in count():
        path = folder / f"{number}.parquet"
        if not _fill(path, islice(left, _ROWS_A_FILE)):
            return
        yield path


def _fill(path: Path, rows: Iterator[Mapping[str, Any]]) -> bool:
    """Write ``rows`` to a file; return whether there were any."""
    filled = False
    with pq.ParquetWriter(path, SCHEMA, compression="zstd") as writer:
        while group := list(islice(rows, _ROWS_A_GROUP)):
            ordered = sorted(group, key=lambda row: (row["tenant"], row["image_id"]))
            writer.write_table(pa.Table.from_pylist([dict(row) for row in ordered], schema=SCHEMA))
            filled = True
    return filled
