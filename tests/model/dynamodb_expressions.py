"""DynamoDB's expressions: conditions, updates and projections, compiled once for each text.

The grammar is that of the developer guide's "Condition and filter expressions" and "Using update expressions".
"""

import base64
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from simulated_s3 import AwsError

Value = dict[str, Any]
Item = dict[str, Value]

_TOKEN = re.compile(r"\s*(?:(<>|<=|>=|[=<>(),.+\-\[\]])|([#:]?[A-Za-z_0-9]+))")
_RESERVED = frozenset((files("moto") / "dynamodb/parsing/reserved_keywords.txt").read_text(encoding="utf-8").split())


class Attributes(NamedTuple):
    """What an expression's placeholders mean."""

    names: Mapping[str, str]
    values: Item


Path = tuple[str | int, ...]
Condition = Callable[[Item, Attributes], bool]
Operand = Callable[[Item, Attributes], Value | None]


def _invalid(message: str) -> AwsError:
    return AwsError("ValidationException", 400, message)


def compare_values(value: Value) -> Any:
    """Return what DynamoDB compares of a string, number or binary value."""
    ((kind, held),) = value.items()
    return Decimal(held) if kind == "N" else held


# ---- Compiled texts


@cache
def condition_of(text: str) -> Condition:
    """Compile a condition, filter or key condition."""
    parser = _Parser(text)
    found = parser.condition()
    parser.end()
    return found


@dataclass(frozen=True)
class Update:
    """The clauses of an update expression."""

    set: tuple[tuple[Path, Operand], ...] = ()
    remove: tuple[Path, ...] = ()
    add: tuple[tuple[Path, Operand], ...] = ()
    delete: tuple[tuple[Path, Operand], ...] = ()


@cache
def update_of(text: str) -> Update:
    """Compile an update expression."""
    parser = _Parser(text)
    clauses: dict[str, tuple[Any, ...]] = {}
    while not parser.done:
        name = parser.take().upper()
        if name not in ("SET", "REMOVE", "ADD", "DELETE") or name.lower() in clauses:
            raise _invalid(f"Invalid UpdateExpression: Syntax error at {name}")
        clauses[name.lower()] = tuple(parser.separated(getattr(parser, f"{name.lower()}_action")))
    return Update(**clauses)


@cache
def _projection_of(text: str) -> tuple[Path, ...]:
    parser = _Parser(text)
    paths = tuple(parser.separated(parser.path))
    parser.end()
    return paths


@cache
def _placeholders(text: str) -> frozenset[str]:
    return frozenset(token for token in _tokens(text) if token[0] in "#:")


def check_placeholders(attributes: Attributes, **expressions: str | None) -> None:
    """Raise unless the expressions use exactly the placeholders that there are."""
    used = frozenset[str]().union(*(_placeholders(text) for text in expressions.values() if text))
    given = {*attributes.names, *attributes.values}
    if used != given:
        raise _invalid(f"undefined {sorted(used - given)}, unused {sorted(given - used)} in the expressions")


def _tokens(text: str) -> list[str]:
    tokens, place = [], 0
    text = text.rstrip()
    while place < len(text):
        match = _TOKEN.match(text, place)
        if not match:
            raise _invalid(f"Syntax error in {text!r} at {text[place:]!r}")
        tokens.append(match[1] or match[2])
        place = match.end()
    return tokens


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._place = 0

    @property
    def done(self) -> bool:
        return self._place == len(self._tokens)

    def peek(self) -> str:
        return "" if self.done else self._tokens[self._place]

    def take(self, expected: str | None = None) -> str:
        token = self.peek()
        if not token or (expected is not None and token.upper() != expected):
            raise _invalid(f"Syntax error: expected {expected or 'more'} but received {token!r}")
        self._place += 1
        return token

    def next_is(self, *words: str) -> bool:
        if self.peek().upper() not in words:
            return False
        self._place += 1
        return True

    def end(self) -> None:
        if not self.done:
            raise _invalid(f"Syntax error at {self.peek()!r}")

    def separated(self, part: Callable[[], Any]) -> Iterable[Any]:
        yield part()
        while self.next_is(","):
            yield part()

    # ---- Conditions

    def condition(self) -> Condition:
        left = self._conjunction()
        while self.next_is("OR"):
            left = _either(left, self._conjunction())
        return left

    def _conjunction(self) -> Condition:
        left = self._negation()
        while self.next_is("AND"):
            left = _both(left, self._negation())
        return left

    def _negation(self) -> Condition:
        if self.next_is("NOT"):
            inner = self._negation()
            return lambda item, attributes: not inner(item, attributes)
        return self._comparison()

    def _comparison(self) -> Condition:
        if self.peek() == "(":
            self.take()
            inner = self.condition()
            self.take(")")
            return inner
        following = self._tokens[self._place + 1 : self._place + 2]
        if following == ["("] and self.peek() != "size":
            return self._function()
        left = self.operand()
        if self.next_is("BETWEEN"):
            low = self.operand()
            self.take("AND")
            high = self.operand()
            return _both(_compared(left, ">=", low), _compared(left, "<=", high))
        if self.next_is("IN"):
            self.take("(")
            choices = list(self.separated(self.operand))
            self.take(")")
            return lambda item, attributes: any(_compared(left, "=", each)(item, attributes) for each in choices)
        operator = self.take()
        if operator not in _OPERATORS:
            raise _invalid(f"Syntax error: expected a comparator but received {operator!r}")
        return _compared(left, operator, self.operand())

    def _function(self) -> Condition:
        name = self.take()
        self.take("(")
        if name in ("attribute_exists", "attribute_not_exists"):
            path = self.path()
            self.take(")")
            wanted = name == "attribute_exists"
            return lambda item, attributes: (_resolve(item, path, attributes) is not None) == wanted
        if name not in _FUNCTIONS:
            raise _invalid(f"Invalid function name; function: {name}")
        first = self.operand()
        self.take(",")
        second = self.operand()
        self.take(")")
        function = _FUNCTIONS[name]

        def check(item: Item, attributes: Attributes) -> bool:
            left, right = first(item, attributes), second(item, attributes)
            return left is not None and right is not None and function(left, right)

        return check

    # ---- Paths and operands

    def path(self) -> Path:
        parts: list[str | int] = [self._name()]
        while self.peek() in (".", "["):
            if self.take() == ".":
                parts.append(self._name())
            else:
                parts.append(int(self.take()))
                self.take("]")
        return tuple(parts)

    def _name(self) -> str:
        token = self.take()
        if token.startswith("#"):
            return token
        if token.startswith(":") or not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", token):
            raise _invalid(f"Syntax error: expected a name but received {token!r}")
        if token.upper() in _RESERVED:
            raise _invalid(f"Attribute name is a reserved keyword; reserved keyword: {token}")
        return token

    def operand(self) -> Operand:
        token = self.peek()
        if token.startswith(":"):
            self.take()
            return lambda _item, attributes: attributes.values[token]
        if token == "size" and self._tokens[self._place + 1 : self._place + 2] == ["("]:
            self.take()
            self.take("(")
            path = self.path()
            self.take(")")
            return lambda item, attributes: _size(_resolve(item, path, attributes))
        path = self.path()
        return lambda item, attributes: _resolve(item, path, attributes)

    # ---- Updates

    def set_action(self) -> tuple[Path, Operand]:
        path = self.path()
        self.take("=")
        left = self._set_operand()
        if self.peek() in ("+", "-"):
            sign = 1 if self.take() == "+" else -1
            return path, _sum(left, sign, self._set_operand())
        return path, left

    def _set_operand(self) -> Operand:
        if self._tokens[self._place + 1 : self._place + 2] != ["("]:
            return _required(self.operand())
        name = self.take()
        self.take("(")
        if name == "if_not_exists":
            path = self.path()
            self.take(",")
            other = self._set_operand()
            self.take(")")
            return lambda item, attributes: _resolve(item, path, attributes) or other(item, attributes)
        if name == "list_append":
            first = self._set_operand()
            self.take(",")
            second = self._set_operand()
            self.take(")")
            return _joined(first, second)
        raise _invalid(f"Invalid function name; function: {name}")

    def remove_action(self) -> Path:
        return self.path()

    def add_action(self) -> tuple[Path, Operand]:
        return self.path(), self.operand()

    delete_action = add_action


def _both(left: Condition, right: Condition) -> Condition:
    return lambda item, attributes: left(item, attributes) and right(item, attributes)


def _either(left: Condition, right: Condition) -> Condition:
    return lambda item, attributes: left(item, attributes) or right(item, attributes)


_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: a == b,
    "<>": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
_ORDERED = frozenset({"S", "N", "B"})


def _compared(left: Operand, operator: str, right: Operand) -> Condition:
    compare = _OPERATORS[operator]

    def check(item: Item, attributes: Attributes) -> bool:
        a, b = left(item, attributes), right(item, attributes)
        if a is None or b is None:
            # A missing attribute equals nothing; <> holds if one of both is missing.
            return operator == "<>" and not (a is None and b is None)
        ((kind, held),) = a.items()
        ((other_kind, other),) = b.items()
        if operator in ("=", "<>"):
            return compare(_comparable(kind, held), _comparable(other_kind, other))
        return kind == other_kind and kind in _ORDERED and compare(compare_values(a), compare_values(b))

    return check


def _comparable(kind: str, held: Any) -> Any:
    if kind == "N":
        return kind, Decimal(held)
    if kind in ("SS", "NS", "BS"):
        return kind, sorted(held)
    return kind, held


def _begins_with(left: Value, right: Value) -> bool:
    return "S" in left and "S" in right and left["S"].startswith(right["S"])


def _contains(left: Value, right: Value) -> bool:
    ((kind, held),) = left.items()
    ((other_kind, other),) = right.items()
    if kind == "S":
        return other_kind == "S" and other in held
    if kind in ("SS", "NS", "BS"):
        return other_kind == kind[0] and other in held
    return kind == "L" and right in held


_FUNCTIONS: dict[str, Callable[[Value, Value], bool]] = {
    "begins_with": _begins_with,
    "contains": _contains,
    "attribute_type": lambda left, right: right.get("S") in left,
}


def _size(value: Value | None) -> Value | None:
    if value is None:
        return None
    ((kind, held),) = value.items()
    if kind in ("N", "BOOL", "NULL"):
        return None
    size = len(held.encode()) if kind == "S" else len(base64.b64decode(held)) if isinstance(held, str) else len(held)
    return {"N": str(size)}


def _required(operand: Operand) -> Operand:
    def read(item: Item, attributes: Attributes) -> Value:
        value = operand(item, attributes)
        if value is None:
            raise _invalid("The provided expression refers to an attribute that does not exist in the item")
        return value

    return read


def _sum(left: Operand, sign: int, right: Operand) -> Operand:
    def read(item: Item, attributes: Attributes) -> Value:
        a, b = left(item, attributes), right(item, attributes)
        if a is None or b is None or "N" not in a or "N" not in b:
            raise _invalid("An operand in the update expression has an incorrect data type")
        return {"N": _number(Decimal(a["N"]) + sign * Decimal(b["N"]))}

    return read


def _joined(left: Operand, right: Operand) -> Operand:
    def read(item: Item, attributes: Attributes) -> Value:
        a, b = left(item, attributes), right(item, attributes)
        if a is None or b is None or "L" not in a or "L" not in b:
            raise _invalid("An operand in the update expression has an incorrect data type")
        return {"L": [*a["L"], *b["L"]]}

    return read


def _number(value: Decimal) -> str:
    return format(value.normalize(), "f")


# ---- Items


def copied(value: Any) -> Any:
    """Return a copy that shares no map or list with ``value``, nor two of its own parts one."""
    if isinstance(value, dict):
        return {name: copied(each) for name, each in value.items()}
    return [copied(each) for each in value] if isinstance(value, list) else value


def _named(path: Path, attributes: Attributes) -> Path:
    return tuple(attributes.names[part] if isinstance(part, str) and part[0] == "#" else part for part in path)


def _resolve(item: Item, path: Path, attributes: Attributes) -> Value | None:
    return _at({"M": item}, _named(path, attributes))


def _at(value: Value | None, path: Path) -> Value | None:
    for part in path:
        if value is None:
            return None
        if isinstance(part, int):
            held = value.get("L", [])
            value = held[part] if part < len(held) else None
        else:
            value = value.get("M", {}).get(part)
    return value


def apply_update(item: Item, update: Update, attributes: Attributes) -> set[str]:
    """Change ``item`` as ``update`` says; return the names of the attributes it touches.

    Every operand is read before anything is written.

    Raises:
        AwsError: two paths overlap, or one leads through what is not there.
    """
    sets = [(_named(path, attributes), operand(item, attributes)) for path, operand in update.set]
    adds = [(_named(path, attributes), operand(item, attributes)) for path, operand in update.add]
    deletes = [(_named(path, attributes), operand(item, attributes)) for path, operand in update.delete]
    removed = [_named(path, attributes) for path in update.remove]
    paths = [*(path for path, _ in (*sets, *adds, *deletes)), *removed]
    for place, path in enumerate(paths):
        if any(_overlap(path, other) for other in paths[:place]):
            raise _invalid("Two document paths overlap with each other")
    root: Value = {"M": item}
    for path, value in sets:
        _put(root, path, value)
    for path, value in adds:
        _put(root, path, _added(_at(root, path), value or {}))
    for path, value in deletes:
        _subtract(root, path, value or {})
    for path in sorted(removed, key=lambda each: [part for part in each if isinstance(part, int)], reverse=True):
        _take_out(root, path)
    return {str(path[0]) for path in paths}


def _overlap(path: Path, other: Path) -> bool:
    shorter = min(len(path), len(other))
    return path[:shorter] == other[:shorter]


def _parent(root: Value, path: Path) -> Any:
    parent, last = _at(root, path[:-1]), path[-1]
    held = None if parent is None else parent.get("L" if isinstance(last, int) else "M")
    if held is None:
        raise _invalid("The document path provided in the update expression is invalid for update")
    return held


def _put(root: Value, path: Path, value: Value | None) -> None:
    held, last = _parent(root, path), path[-1]
    if isinstance(last, int) and last >= len(held):
        held.append(copied(value))
    else:
        held[last] = copied(value)


def _take_out(root: Value, path: Path) -> None:
    held, last = _parent(root, path), path[-1]
    if isinstance(last, int):
        if last < len(held):
            del held[last]
    else:
        held.pop(last, None)


def _added(old: Value | None, value: Value) -> Value:
    ((kind, held),) = value.items()
    if kind == "N":
        if old is not None and "N" not in old:
            raise _invalid("An operand in the update expression has an incorrect data type")
        return {"N": _number(Decimal(old["N"] if old else 0) + Decimal(held))}
    if kind not in ("SS", "NS", "BS") or (old is not None and kind not in old):
        raise _invalid("An operand in the update expression has an incorrect data type")
    known = old[kind] if old else []
    return {kind: [*known, *(each for each in held if each not in known)]}


def _subtract(root: Value, path: Path, value: Value) -> None:
    ((kind, held),) = value.items()
    old = _at(root, path)
    if kind not in ("SS", "NS", "BS") or (old is not None and kind not in old):
        raise _invalid("An operand in the update expression has an incorrect data type")
    if old is None:
        return
    left = [each for each in old[kind] if each not in held]
    if left:
        _put(root, path, {kind: left})
    else:
        _take_out(root, path)


def project(item: Item, text: str, attributes: Attributes) -> Item:
    """Return what a projection expression of attributes leaves of ``item``."""
    root: Value = {"M": {}}
    for path in _projection_of(text):
        named = _named(path, attributes)
        value = _at({"M": item}, named)
        if value is None:
            continue
        target = root
        for part in named[:-1]:
            if isinstance(part, int):
                raise NotImplementedError("a projection into a list is not simulated")
            target = target["M"].setdefault(part, {"M": {}})
        if isinstance(named[-1], int):
            raise NotImplementedError("a projection into a list is not simulated")
        target["M"][named[-1]] = value
    projected: Item = root["M"]
    return projected
