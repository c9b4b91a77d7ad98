"""Queries in Athena's dialect: parsed, bound, typed, and written in DuckDB's."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlglot import exp, parse_one
from sqlglot.errors import OptimizeError, ParseError, TokenError
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.pushdown_predicates import pushdown_predicates
from sqlglot.optimizer.pushdown_projections import pushdown_projections
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, traverse_scope
from sqlglot.optimizer.simplify import simplify
from sqlglot.schema import MappingSchema

from infra.local.athena.catalog import CatalogTable
from infra.local.athena.functions import replace_functions

ATHENA, DUCKDB = "athena", "duckdb"
_SCAN = "scan"

Lookup = Callable[[str, str], CatalogTable | None]


class MalformedQueryError(ValueError):
    """The text is no query of Athena's; the message says where, as Athena's does."""


@dataclass(slots=True)
class Scan:
    """One mention of a catalog table in a query.

    ``predicates`` are those conditions on partition keys alone that every row of the answer meets.
    """

    table: CatalogTable
    columns: set[str] = field(default_factory=set)
    predicates: list[exp.Expr] = field(default_factory=list)


@dataclass(slots=True)
class Query:
    """A parsed query and its scans; :meth:`to_duckdb` writes it once the scans' files are known.

    Where it was not ``understood``, nothing is known of what its scans read: they read everything.
    """

    tree: exp.Query
    scans: list[Scan]
    understood: bool

    def to_duckdb(self, relations: Sequence[str]) -> str:
        """Return DuckDB's SQL, with the mention of each scan's table replaced by its relation (SQL as well)."""
        tree = self.tree.copy()
        for node in list(tree.find_all(exp.Table)):
            if _SCAN in node.meta:
                relation = parse_one(relations[node.meta[_SCAN]], dialect=DUCKDB)
                node.replace(exp.alias_(relation, node.alias_or_name, table=True, quoted=True))
        return tree.sql(dialect=DUCKDB)


def parse_query(text: str, parameters: Sequence[str] = ()) -> exp.Query | None:
    """Return the query that ``text`` is, its ``?`` replaced by ``parameters``; None where it is no SELECT.

    Raises:
        MalformedQueryError: it cannot be parsed, or has another number of ``?``.
    """
    try:
        tree = parse_one(text, dialect=ATHENA)
        values = [parse_one(parameter, dialect=ATHENA) for parameter in parameters]
    except (ParseError, TokenError) as error:
        raise MalformedQueryError(_first_fault(error)) from error
    if not isinstance(tree, exp.Query):
        return None
    places = [node for node in tree.find_all(exp.Placeholder, bfs=False) if not node.this]
    if len(places) != len(values):
        raise MalformedQueryError(f"Incorrect number of parameters: expected {len(places)} but found {len(values)}")
    for place, value in zip(places, values, strict=True):
        place.replace(value)
    return tree


def plan_query(tree: exp.Query, database: str, lookup: Lookup) -> Query:
    """Type ``tree`` by the catalog and find its scans. A query that does not fit the catalog stays as it is.

    Args:
        tree: from :func:`parse_query`; the tables in it are marked.
        database: where a table without one is looked for.
        lookup: finds a catalog table by database and name.
    """
    simplify(tree, dialect=ATHENA)  # as Trino does: a condition that says nothing reads nothing
    _name_columns_as_athena(tree)
    scans = _mark_scans(tree, database, lookup)
    schema = MappingSchema(dialect=ATHENA)
    for scan in scans:
        schema.add_table(exp.table_(scan.table.name, scan.table.database), dict(scan.table.types))
    try:
        typed = annotate_types(
            qualify(tree.copy(), schema=schema, db=database, dialect=ATHENA), schema=schema, dialect=ATHENA
        )
        narrowed = pushdown_projections(pushdown_predicates(typed.copy(), dialect=ATHENA))
    except OptimizeError:
        understood, typed = False, tree.copy()  # such as a column that nobody has: DuckDB says so in its own words
    else:
        understood = True
        _read_scans(narrowed, scans)
    planned = replace_functions(typed)
    assert isinstance(planned, exp.Query)  # noqa: S101 - replaced in place
    return Query(planned, scans, understood)


def _mark_scans(tree: exp.Query, database: str, lookup: Lookup) -> list[Scan]:
    scans: list[Scan] = []
    for scope in traverse_scope(tree):
        for source in scope.sources.values():
            if not isinstance(source, exp.Table) or _SCAN in source.meta:
                continue
            table = lookup((source.db or database).lower(), source.name.lower())
            if table is not None:
                source.meta[_SCAN] = len(scans)
                scans.append(Scan(table))
    return scans


def _read_scans(narrowed: exp.Expr, scans: Sequence[Scan]) -> None:
    """Note on each scan the columns that are read of it and the conditions on its partitions."""
    for scope in traverse_scope(narrowed):
        for alias, source in scope.sources.items():
            if not isinstance(source, exp.Table) or _SCAN not in source.meta:
                continue
            scan = scans[source.meta[_SCAN]]
            scan.columns.update(column.name for column in scope.columns if column.table == alias)
            if _is_required(source):
                scan.predicates.extend(_partition_conditions(scope, alias, scan.table.partition_keys))


def _is_required(source: exp.Table) -> bool:
    """Tell whether a row of the answer always comes with one of ``source``: not so on an outer join's other side."""
    select = source.parent_select
    return select is not None and not any(join.side for join in select.args.get("joins") or [])


def _partition_conditions(scope: Scope, alias: str, keys: Mapping[str, str]) -> list[exp.Expr]:
    where = scope.expression.args.get("where")
    if where is None:
        return []
    conditions = []
    for condition in where.this.flatten() if isinstance(where.this, exp.And) else [where.this]:
        columns = list(condition.find_all(exp.Column))
        if columns and all(column.table == alias and column.name in keys for column in columns):
            bare = condition.copy()
            for column in list(bare.find_all(exp.Column)):
                column.set("table", None)
                column.set("db", None)
            if not bare.find(exp.Query):
                conditions.append(bare)
    return conditions


def _name_columns_as_athena(tree: exp.Query) -> None:
    """Call each unnamed column ``_col0``, ``_col1``, … by its place."""
    for select in tree.find_all(exp.Select):
        for place, projection in enumerate(list(select.expressions)):
            if not isinstance(projection, exp.Alias | exp.Column | exp.Star):
                projection.replace(exp.alias_(projection.copy(), f"_col{place}"))


def _first_fault(error: ParseError | TokenError) -> str:
    faults = getattr(error, "errors", None)
    if not faults:
        return str(error)
    fault = faults[0]
    return f"line {fault['line']}:{fault['col']}: {fault['description']}"
