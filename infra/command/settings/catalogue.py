"""Every setting of the model: its effective value and where that comes from, its default and its meaning."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from lambdas.core.settings import FILE_NAME, Settings, SettingsError, SettingsFile

_HEAD = f"""# Settings

Every setting with its default and its meaning, made from the model by `make settings`. `{FILE_NAME}` sets what differs:

```toml
limits.max_bytes = 209_715_200 # for every stage

[stage.production]
limits.max_bytes = 104_857_600 # for this stage alone
```

`darkroom settings` prints what the file sets for a stage, `darkroom settings --all` every value, and `make lint` checks
all stages. The file is the one that `DARKROOM_SETTINGS` names, or the nearest `{FILE_NAME}` of the current folder and
those above it, or the checkout's. A function reads only what it needs, from its own archive: a change of any other
setting deploys no function again.
"""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its table, such as ``formats.avif``, its key, its value as TOML, its source and its meaning."""

    table: str
    key: str
    value: str
    source: str
    meaning: str

    @property
    def path(self) -> str:
        """The table and the key: ``formats.avif.quality``."""
        return f"{self.table}.{self.key}".lstrip(".")


def checked_stages(file: SettingsFile) -> list[str]:
    """Return the names of the stages of ``file``, all of which are valid.

    Raises:
        SettingsError: one is not, or there is none; names what is wrong with each.
    """
    faults = [] if file.stages else [f"{file.source}: expected at least one table [stage.NAME] but received none"]
    for stage in file.stages:
        try:
            file.settings(stage)
        except SettingsError as error:
            faults.append(str(error))
    if faults:
        raise SettingsError("\n".join(faults))
    return list(file.stages)


def effective_settings(file: SettingsFile, stage: str) -> list[Setting]:
    """Return every setting of ``stage`` as it is in effect, in the order of the model.

    Raises:
        SettingsError: the stage is unknown, or its settings are wrong.
    """
    sources = {f"[stage.{stage}]": file.stages.get(stage, {}), file.source: file.tables}

    def source(path: tuple[str, ...]) -> str:
        return next((name for name, tables in sources.items() if _sets(tables, path)), "default")

    def walk(model: BaseModel, table: tuple[str, ...]) -> Iterator[Setting]:
        nested: list[tuple[BaseModel, tuple[str, ...]]] = []
        for name, field in type(model).model_fields.items():
            value, path = getattr(model, name), (*table, name)
            if isinstance(value, BaseModel):
                nested.append((value, path))
            elif isinstance(value, dict) and any(isinstance(each, BaseModel) for each in value.values()):
                nested += [(each, (*path, key)) for key, each in value.items()]
            elif path != ("stage",):
                yield Setting(".".join(table), name, format_value(value), source(path), field.description or "")
        for each, path in nested:
            yield from walk(each, path)

    return list(walk(file.settings(stage), ()))


def reference() -> str:
    """Return ``docs/settings.md``: every setting of the model with its default."""
    return "\n".join([_HEAD, *_reference_of(Settings, "")])


def format_value(value: Any) -> str:
    """Return ``value`` as TOML; "unset" for None, which TOML does not have."""
    match value:
        case None:
            return "unset"
        case bool():
            return str(value).lower()
        case int():
            return f"{value:_}" if value >= 10_000 else str(value)
        case float():
            return f"{value:g}"
        case date():
            return value.isoformat()
        case list() | tuple():
            return f"[{', '.join(map(format_value, value))}]"
        case dict():
            fields = ", ".join(f"{key} = {format_value(each)}" for key, each in value.items())
            return f"{{ {fields} }}" if fields else "{}"
    return f'"{value}"'


def _sets(tables: Mapping[str, Any], path: tuple[str, ...]) -> bool:
    """Return whether ``tables`` have a value at ``path``."""
    found: Any = tables
    for key in path:
        if not isinstance(found, dict) or key not in found:
            return False
        found = found[key]
    return True


def _reference_of(model: type[BaseModel], table: str) -> Iterator[str]:
    """Yield the lines of ``model``'s own keys, then those of the tables in it."""
    tables: dict[str, type[BaseModel]] = {}
    lines: list[str] = []
    for name, field in model.model_fields.items():
        inner, path = _model_of(field), f"{table}.{name}".lstrip(".")
        if inner is not None:
            by_name = isinstance(field.default, dict)
            tables[f"{path}.NAME" if by_name else path] = inner
        if inner is None or field.default is None:
            if path != "stage":
                lines.append(f"| `{name}` | {_default(field)} | {field.description} |")
        elif isinstance(field.default, dict) and field.description:
            lines.append(f"| `{name}` | {_default_tables(field.default)} | {field.description} |")
    if table:
        yield f"## {table}\n\n{(model.__doc__ or '').splitlines()[0]}\n"
    if lines:
        yield from ("| key | default | meaning |", "|---|---|---|", *lines, "")
    for path, inner in tables.items():
        yield from _reference_of(inner, path)


def _model_of(field: FieldInfo) -> type[BaseModel] | None:
    """Return the model of a field that is a table, an optional one, or several by name."""
    for kind in (field.annotation, *get_args(field.annotation)):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
    return None


def _default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "–"
    text = format_value(field.default)
    return "unset" if text == "unset" else f"`{text}`"


def _default_tables(default: Mapping[str, BaseModel]) -> str:
    written = ((name, format_value(each.model_dump(exclude_none=True))) for name, each in default.items())
    return "<br>".join(f"`{name} = {text}`" for name, text in written)
