"""Plans a client's SQL: translates it, narrows its tables to partitions, counts the bytes that it reads."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.local.athena.query import parse_query, plan_query
from infra.local.athena.tables import (
    CatalogTable,
    DataFile,
    UnboundPartitionError,
    check_injected,
    count_bytes,
    fetch_files,
    list_files,
    read_table,
    relation,
    select_files,
)

_NOTHING = "SELECT 1 WHERE FALSE"


@dataclass(frozen=True, slots=True)
class Execution:
    """One query as its client sees it.

    ``scanned_bytes`` is what it reads; ``failure`` is a final state that the emulator
    does not reach by itself (FAILED or CANCELLED) with its reason, or None.
    """

    text: str
    scanned_bytes: int = 0
    failure: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """SQL for the emulator, what is known of the execution before it runs, and the files that it reads."""

    sql: str
    execution: Execution
    files: tuple[DataFile, ...] = ()


class Planner:
    """Plans queries over the tables of one region's Glue catalog.

    Args:
        client: makes a client of the emulator's service of that name.
        cache: folder for copies of the files that queries read.
    """

    def __init__(self, client: Callable[[str], Any], cache: Path) -> None:
        self._glue = client("glue")
        self._s3 = client("s3")
        self._athena = client("athena")
        self._cache = cache

    def plan(self, text: str, database: str, workgroup: str, parameters: Sequence[str] = ()) -> Plan:
        """Return what to run for ``text``; any other statement than a query runs unchanged.

        Raises:
            MalformedQueryError: Athena would refuse the text at once.
        """
        tree = parse_query(text, parameters)
        if tree is None:
            return Plan(text, Execution(text))
        query = plan_query(tree, database, self._lookup)
        relations, scanned_bytes, read = [], 0, []
        for scan in query.scans:
            try:
                if query.understood:
                    check_injected(scan)
            except UnboundPartitionError as error:
                return Plan(_NOTHING, Execution(text, failure=("FAILED", str(error))))
            files = select_files(list_files(self._s3, scan.table), scan)
            paths = fetch_files(self._s3, scan.table, files, self._cache)
            scanned_bytes += count_bytes(paths, scan.columns)
            read += files
            relations.append(relation(scan.table, paths))
        limit = self._scan_limit(workgroup)
        if limit and scanned_bytes > limit:
            failure = ("CANCELLED", "Bytes scanned limit was exceeded")
            return Plan(_NOTHING, Execution(text, limit, failure), tuple(read))
        return Plan(query.to_duckdb(relations), Execution(text, scanned_bytes), tuple(read))

    def _lookup(self, database: str, name: str) -> CatalogTable | None:
        return read_table(self._glue, database, name)

    def _scan_limit(self, workgroup: str) -> int:
        configuration = self._athena.get_work_group(WorkGroup=workgroup)["WorkGroup"].get("Configuration", {})
        return int(configuration.get("BytesScannedCutoffPerQuery") or 0)
