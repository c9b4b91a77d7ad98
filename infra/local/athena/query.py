"""Queries in Athena's dialect: parsed, bound, typed, and written in DuckDB's."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlglot import exp, parse_one
from sqlglot.errors import OptimizeError, ParseError, TokenError
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.pushdown_predicates import pushdown_predicates
from sqlglot.optimizer.pushdown_projections import pushdown_projections
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, traverse_scope
from sqlglot.optimizer.simplify import simplify
from sqlglot.schema import MappingSchema

from infra.local.athena.tables import DUCKDB, CatalogTable, Scan

_URL = r"^(?:[a-z][a-z0-9+.-]*:)?(?://(?:[^@/?#]*@)?([^:/?#]*)(?::([0-9]+))?)?([^?#]*)(?:\?([^#]*))?(?:#(.*))?$"


def _part_of_url(group: int) -> str:
    return f"regexp_extract($a, '{_URL}', {group}, 'i')"


_TEMPLATES = {
    "AT_TIMEZONE": "timezone($b, $a)",
    "E": "exp(1)",
    "EVERY": "bool_and($a)",
    "HAMMING_DISTANCE": "hamming($a, $b)",
    "MAP_AGG": "map(list($a), list($b))",
    "TO_ISO8601": "strftime($a, '%Y-%m-%dT%H:%M:%S.%g')",
    "URL_EXTRACT_FRAGMENT": _part_of_url(5),
    "URL_EXTRACT_HOST": _part_of_url(1),
    "URL_EXTRACT_PARAMETER": (
        "CASE WHEN regexp_matches($a, '[?&]' || $b || '(=|&|#|$)')"
        " THEN url_decode(regexp_extract($a, '[?&]' || $b || '=([^&#]*)', 1)) END"
    ),
    "URL_EXTRACT_PATH": _part_of_url(3),
    "URL_EXTRACT_PORT": f"try_cast({_part_of_url(2)} AS bigint)",
    "URL_EXTRACT_QUERY": _part_of_url(4),
}
"""Trino's function → an expression of DuckDB; ``$a``, ``$b``, … are the arguments in order."""

# In Trino, cardinality() takes maps as well as arrays.
_SIZE_OF_MAP = "len(map_keys($a))"

# Without a match, Trino returns null and DuckDB an empty string.
_REGEXP_EXTRACT = "CASE WHEN regexp_matches($a, $b) THEN regexp_extract($a, $b, $c) END"

# Trino divides whole numbers to a whole number and refuses a zero; DuckDB's ``/`` gives a fraction.
_DIVISION = "CASE WHEN $b = 0 THEN CAST(error('DIVISION_BY_ZERO: Division by zero') AS bigint) ELSE $a // $b END"


def replace_functions(query: exp.Expr) -> exp.Expr:
    """Replace functions that DuckDB lacks, in place; ``query`` must carry types for whole-number division."""
    for node in reversed(list(query.find_all(exp.Anonymous, exp.ArraySize, exp.Div, exp.RegexpExtract))):
        if isinstance(node, exp.RegexpExtract):
            group = node.args.get("group") or exp.Literal.number(0)
            template, arguments = _REGEXP_EXTRACT, [node.this, node.expression, group]
        elif isinstance(node, exp.ArraySize):
            if not node.this.is_type(exp.DataType.Type.MAP):
                continue
            template, arguments = _SIZE_OF_MAP, [node.this]
        elif isinstance(node, exp.Div):
            if not all(side.is_type(*exp.DataType.INTEGER_TYPES) for side in (node.left, node.right)):
                continue
            template, arguments = _DIVISION, [node.left, node.right]
        elif node.name.upper() in _TEMPLATES:
            template, arguments = _TEMPLATES[node.name.upper()], node.expressions
        else:
            continue
        named = {chr(ord("a") + index): argument.copy() for index, argument in enumerate(arguments)}
        node.replace(exp.paren(exp.replace_placeholders(parse_one(template, dialect="duckdb"), **named), copy=False))
    return query


ATHENA = "athena"
_SCAN = "scan"

Lookup = Callable[[str, str], CatalogTable | None]


class MalformedQueryError(ValueError):
    """The text is no valid query; the message gives the position, as Athena's does."""


@dataclass(slots=True)
class Query:
    """A parsed query and its scans; :meth:`to_duckdb` writes it once the scans' files are known.

    If it was not ``understood``, its scans read whole tables.
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
    """Parse ``text``, its ``?`` replaced by ``parameters``; return None if it is no SELECT.

    Raises:
        MalformedQueryError: it cannot be parsed, or the number of ``?`` differs.
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
    simplify(tree, dialect=ATHENA)  # as Trino does: an always-true condition reads no column
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
        understood, typed = False, tree.copy()  # such as an unknown column: DuckDB reports it
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
    """Return whether every row of the result has a row of ``source``: not so on the other side of an outer join."""
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
    """Name each unnamed column ``_col0``, ``_col1``, … by its place."""
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
