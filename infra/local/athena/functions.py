"""Functions of Athena engine 3 (Trino) that neither DuckDB nor sqlglot's translation knows.

Meaning of each: "Functions and operators" of Trino's documentation.
"""

from sqlglot import exp, parse_one

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

# Trino counts the entries of a map as it counts those of an array.
_SIZE_OF_MAP = "len(map_keys($a))"

# Where nothing fits, Trino's is null and DuckDB's is empty.
_REGEXP_EXTRACT = "CASE WHEN regexp_matches($a, $b) THEN regexp_extract($a, $b, $c) END"

# Trino divides whole numbers to a whole number and refuses a zero; DuckDB's ``/`` gives a fraction.
_DIVISION = "CASE WHEN $b = 0 THEN CAST(error('DIVISION_BY_ZERO: Division by zero') AS bigint) ELSE $a // $b END"


def replace_functions(query: exp.Expr) -> exp.Expr:
    """Write what DuckDB lacks in other words, in place; ``query`` must carry types for whole-number division."""
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
