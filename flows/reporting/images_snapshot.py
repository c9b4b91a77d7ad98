"""Snapshots of the images table in Parquet, and the list of the newest one's files, which its Glue table reads."""

import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain, count, islice
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlparse

import pyarrow as pa
import pyarrow.parquet as pq

from lambdas.core.records import COLUMNS, image_row

SNAPSHOTS = "snapshots"
_ROWS_A_GROUP = 50_000  # held in memory; sorted by tenant, so that a question about one skips the groups of others
_ROWS_A_FILE = 1_000_000
_DELETED_AT_ONCE = 1000  # what one request may name
_KEPT = timedelta(days=1)  # a question that began on an older snapshot is over by then
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
    """What was read of the table: images by outcome, and items that are none as they should be, with the fault."""

    images: Counter[str] = field(default_factory=Counter)
    skipped: dict[str, str] = field(default_factory=dict)

    def rows(self, pages: Iterable[Iterable[Mapping[str, Any]]]) -> Iterator[dict[str, Any]]:
        """Yield the row of every item of ``pages``."""
        for item in chain.from_iterable(pages):
            try:
                row = image_row(item)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                self.skipped[str(item.get("image_id"))] = repr(error)
                continue
            self.images[row["outcome"]] += 1
            yield row


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A snapshot in the making: files under a prefix of its own, which nobody reads before they are listed.

    ``list_key`` is the object in ``bucket`` that names the files of the newest snapshot, one a line.
    """

    bucket: str
    list_key: str
    stamp: str

    @classmethod
    def begin(cls, list_address: str, now: datetime) -> Self:
        """Name a snapshot of ``now`` that is to stand in the list at ``list_address`` (``s3://bucket/…``)."""
        place = urlparse(list_address)
        return cls(place.netloc, place.path.lstrip("/"), now.astimezone(UTC).strftime(_STAMP))

    @property
    def _root(self) -> str:
        return f"{Path(self.list_key).parent.parent}/{SNAPSHOTS}/"

    @property
    def prefix(self) -> str:
        """Where its files stand in the bucket, slash at the end."""
        return f"{self._root}{self.stamp}/"

    def write(self, s3: Any, name: str, rows: Iterable[Mapping[str, Any]]) -> list[str]:
        """Write ``rows`` into files called after ``name``; return their keys.

        Raises:
            S3UploadFailedError: S3 takes no file; a retry may help.
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
        """Have the Glue table read ``keys`` from now on, and nothing else: one object takes another's place.

        Raises:
            ClientError: S3 refuses; the table reads what it read before.
        """
        text = "".join(f"s3://{self.bucket}/{key}\n" for key in sorted(keys))
        s3.put_object(Bucket=self.bucket, Key=self.list_key, Body=text.encode(), ContentType="text/plain")

    def discard(self, s3: Any) -> None:
        """Delete its files.

        Raises:
            ClientError: S3 refuses; they stay, and nobody reads them.
        """
        self._delete(s3, _keys_under(s3, self.bucket, self.prefix))

    def remove_older(self, s3: Any) -> int:
        """Delete the files of snapshots that were made more than a day before this one; return how many.

        Raises:
            ClientError: S3 refuses; the next snapshot's turn comes.
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
        left = iter(keys)
        while some := list(islice(left, _DELETED_AT_ONCE)):
            s3.delete_objects(Bucket=self.bucket, Delete={"Objects": [{"Key": key} for key in some], "Quiet": True})
            deleted += len(some)
        return deleted


def _keys_under(s3: Any, bucket: str, prefix: str) -> Iterator[str]:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for item in page.get("Contents", []):
            yield item["Key"]


def _write_files(folder: Path, rows: Iterable[Mapping[str, Any]]) -> Iterator[Path]:
    """Write ``rows`` into Parquet files of up to a million each; yield each as it is whole."""
    left = iter(rows)
    for number in count():
        path = folder / f"{number}.parquet"
        if not _fill(path, islice(left, _ROWS_A_FILE)):
            return
        yield path


def _fill(path: Path, rows: Iterator[Mapping[str, Any]]) -> bool:
    """Write ``rows`` into a file; return whether there were any."""
    filled = False
    with pq.ParquetWriter(path, SCHEMA, compression="zstd") as writer:
        while group := list(islice(rows, _ROWS_A_GROUP)):
            ordered = sorted(group, key=lambda row: (row["tenant"], row["image_id"]))
            writer.write_table(pa.Table.from_pylist([dict(row) for row in ordered], schema=SCHEMA))
            filled = True
    return filled
