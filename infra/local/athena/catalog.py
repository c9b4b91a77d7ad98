"""Tables as the Glue catalog knows them."""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlparse

_PARQUET_INPUT = "MapredParquetInputFormat"
_SYMLINK_INPUT = "SymlinkTextInputFormat"
_MAP = re.compile(r"map<(\w+),\s*(\w+)>")
# Glue's types are Hive's; each is written as DuckDB writes it. Anything else is read as it stands in the file.
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
    question must name a value for. Where ``listed``, files under the prefix are texts that list the data's files.
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
    """Return the table, or None where the catalog has none or it is not over Parquet: such is the emulator's."""
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
