"""Tables of the Glue catalog: their columns, and their files, narrowed to partitions, fetched, and counted."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from sqlglot import exp

DUCKDB = "duckdb"
_FETCHES = 8
_PARQUET_INPUT = "MapredParquetInputFormat"
_SYMLINK_INPUT = "SymlinkTextInputFormat"
_MAP = re.compile(r"map<(\w+),\s*(\w+)>")
# Glue's types are Hive's; each is written as DuckDB writes it. Other types are read as strings.
_DUCKDB_TYPES = {
    "string": "VARCHAR",
    "int": "INTEGER",
    "integer": "INTEGER",
    "bigint": "BIGINT",
    "smallint": "SMALLINT",
    "tinyint": "TINYINT",
    "double": "DOUBLE",
    "float": "FLOAT",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
}


@dataclass(frozen=True, slots=True)
class CatalogTable:
    """A table over Parquet files in Hive-style folders.

    ``columns`` and ``partition_keys`` map names to Hive types; ``injected`` are the partition keys that a
    query must have a value for. Where ``listed``, files under the prefix are texts that list the data's files.
    """

    database: str
    name: str
    bucket: str
    prefix: str
    columns: dict[str, str]
    partition_keys: dict[str, str]
    injected: frozenset[str]
    listed: bool = False

    @property
    def types(self) -> dict[str, str]:
        """DuckDB's type of every column, partition keys last, as ``SELECT *`` gives them."""
        return {name: _duckdb_type(kind) for name, kind in (self.columns | self.partition_keys).items()}


def read_table(glue: Any, database: str, name: str) -> CatalogTable | None:
    """Return the table, or None if there is none or it is not over Parquet; those are left to the emulator."""
    try:
        table = glue.get_table(DatabaseName=database, Name=name)["Table"]
    except glue.exceptions.EntityNotFoundException:
        return None
    storage = table.get("StorageDescriptor", {})
    listed = storage.get("InputFormat", "").endswith(_SYMLINK_INPUT)
    if not listed and not storage.get("InputFormat", "").endswith(_PARQUET_INPUT):
        return None
    location = urlparse(storage["Location"])
    keys = {key["Name"]: key.get("Type", "string") for key in table.get("PartitionKeys", [])}
    properties = table.get("Parameters", {})
    projected = properties.get("projection.enabled") == "true"
    return CatalogTable(
        database=database,
        name=name,
        bucket=location.netloc,
        prefix=location.path.strip("/") + "/",
        columns={column["Name"]: column.get("Type", "string") for column in storage.get("Columns", [])},
        partition_keys=keys,
        injected=frozenset(key for key in keys if projected and properties.get(f"projection.{key}.type") == "injected"),
        listed=listed,
    )


def _duckdb_type(kind: str) -> str:
    if found := _MAP.fullmatch(kind):
        return f"MAP({_duckdb_type(found[1])}, {_duckdb_type(found[2])})"
    return _DUCKDB_TYPES.get(kind, "VARCHAR")


class UnboundPartitionError(ValueError):
    """A query has no condition on an injected partition key; Athena refuses it."""


@dataclass(slots=True)
class Scan:
    """One mention of a catalog table in a query.

    ``predicates`` are those conditions on partition keys alone that every row of the result meets.
    """

    table: CatalogTable
    columns: set[str] = field(default_factory=set)
    predicates: list[exp.Expr] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class DataFile:
    """An object of a table's data; ``values`` are its folder's, by partition key."""

    bucket: str
    key: str
    etag: str
    values: dict[str, str]


def list_files(s3: Any, table: CatalogTable) -> list[DataFile]:
    """Return every file of ``table`` in a folder that names each partition key; Athena reads no other."""
    found = _list_folder(s3, table)
    return [file for listing in found for file in _read_list(s3, listing)] if table.listed else found


def _read_list(s3: Any, listing: DataFile) -> list[DataFile]:
    text = s3.get_object(Bucket=listing.bucket, Key=listing.key)["Body"].read().decode()
    places = [urlparse(line.strip()) for line in text.splitlines() if line.strip()]
    keys = [(place.netloc, place.path.lstrip("/")) for place in places]
    return [
        DataFile(bucket, key, s3.head_object(Bucket=bucket, Key=key)["ETag"].strip('"'), {}) for bucket, key in keys
    ]


def _list_folder(s3: Any, table: CatalogTable) -> list[DataFile]:
    files = []
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=table.bucket, Prefix=table.prefix):
        for found in page.get("Contents", []):
            *folders, name = found["Key"][len(table.prefix) :].split("/")
            values = dict(folder.split("=", 1) for folder in folders if "=" in folder)
            if name and not name.startswith(("_", ".")) and table.partition_keys.keys() <= values.keys():
                files.append(DataFile(table.bucket, found["Key"], found["ETag"].strip('"'), values))
    return files


def check_injected(scan: Scan) -> None:
    """Refuse a scan without a value for an injected partition key.

    Raises:
        UnboundPartitionError: with Athena's message.
    """
    bound = {
        str(predicate.this.name)
        for predicate in scan.predicates
        if isinstance(predicate, exp.EQ | exp.In) and isinstance(predicate.this, exp.Column)
    }
    for key in sorted(scan.table.injected - bound):
        raise UnboundPartitionError(
            f"CONSTRAINT_VIOLATION: For the injected projected partition column {key}, the WHERE clause must contain "
            "only static equality conditions, and at least one such condition must be present."
        )


def select_files(files: Sequence[DataFile], scan: Scan) -> list[DataFile]:
    """Return the ``files`` in partitions that meet every predicate of ``scan``."""
    if not files or not scan.predicates:
        return list(files)
    keys = list(scan.table.partition_keys)
    typed = ", ".join(f'CAST("{key}" AS {scan.table.types[key]}) AS "{key}"' for key in keys)
    condition = " AND ".join(f"({predicate.sql(dialect=DUCKDB)})" for predicate in scan.predicates)
    with duckdb.connect(":memory:") as connection:
        places = {"place": list(range(len(files)))}
        connection.register("folders", pa.table(places | {key: [file.values[key] for file in files] for key in keys}))
        chosen = connection.execute(
            f"SELECT place FROM (SELECT place, {typed} FROM folders) WHERE {condition}"  # noqa: S608
        ).fetchall()
    return [files[place] for (place,) in sorted(chosen)]


def fetch_files(s3: Any, table: CatalogTable, files: Iterable[DataFile], cache: Path) -> list[Path]:
    """Copy ``files`` into ``cache``, each once, in folders that still name its partition; return the paths."""

    def fetch(file: DataFile) -> Path:
        folders = "/".join(f"{key}={file.values[key]}" for key in table.partition_keys)
        name = hashlib.sha256(f"{file.key} {file.etag}".encode()).hexdigest()[:32]
        path = cache / file.bucket / folders / f"{name}.parquet"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            body = s3.get_object(Bucket=file.bucket, Key=file.key)["Body"].read()
            part = path.with_suffix(f".{id(file)}.part")
            part.write_bytes(body)
            part.replace(path)
        return path

    with ThreadPoolExecutor(_FETCHES) as pool:
        return list(pool.map(fetch, files))


def count_bytes(paths: Iterable[Path], columns: set[str]) -> int:
    """Return the stored bytes of ``columns`` in the Parquet files ``paths``: what Athena reads and bills."""
    total = 0
    for path in paths:
        metadata = pq.read_metadata(path)
        for group in range(metadata.num_row_groups):
            chunks = (metadata.row_group(group).column(index) for index in range(metadata.num_columns))
            # A nested column is stored as several, named like column.key_value.key.
            total += sum(
                chunk.total_compressed_size for chunk in chunks if chunk.path_in_schema.partition(".")[0] in columns
            )
    return total


def relation(table: CatalogTable, paths: Sequence[Path]) -> str:
    """Return DuckDB's SQL of a relation with the table's columns over ``paths``."""
    if not paths:
        nothing = ", ".join(f'CAST(NULL AS {kind}) AS "{name}"' for name, kind in table.types.items())
        return f"(SELECT {nothing} WHERE FALSE)"
    files = ", ".join(f"'{str(path).replace(chr(39), chr(39) * 2)}'" for path in paths)
    kinds = ", ".join(f"'{key}': {table.types[key]}" for key in table.partition_keys)
    hive = f"hive_partitioning = true, hive_types = {{{kinds}}}" if kinds else "hive_partitioning = false"
    columns = ", ".join(f'"{name}"' for name in table.types)
    return f"(SELECT {columns} FROM read_parquet([{files}], union_by_name = true, {hive}))"  # noqa: S608 - paths of our own
