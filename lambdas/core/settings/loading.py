"""Read settings: from ``darkroom.toml`` for one of its stages, or in a function from the archive it runs from.

A function's archive carries one file of the settings that functions read, made by :func:`archived_settings` for
one stage. Everywhere else :func:`settings_path` finds ``darkroom.toml``.
"""

import json
import os
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Self

from pydantic import ValidationError

from lambdas.core.settings.model import CHECKED, Settings

STAGE_VARIABLE = "DARKROOM_STAGE"
FILE_VARIABLE = "DARKROOM_SETTINGS"
DEFAULT_STAGE = "dev"  # of the command, flows and notebooks; a function has no default
FILE_NAME = "darkroom.toml"
ARCHIVED_NAME = "darkroom-settings.json"

_ROOT = Path(__file__).resolve().parents[3]  # of the checkout or of a function's archive

# What functions read, table by table: True is all of it. A test compares it with their code.
_READ_BY_FUNCTIONS: dict[str, Any] = {
    "stage": True,
    "name": True,
    "regions": True,
    "ladder": True,
    "formats": True,
    "rendering": True,
    "limits": True,
    "metadata": True,
    "uploads": {
        "link_seconds", "content_types", "forms", "single_max_bytes", "parts", "part_min_bytes", "part_max_bytes",
        "parts_per_page",
    },
    "inspection": {"function"},
    "api": True,
    "auth": True,
    "image_tokens": True,
    "pipeline": {"group_seconds", "derive_concurrency", "execution_seconds", "max_deaths"},
    "delivery": {
        "max_age_seconds", "stale_while_revalidate_seconds", "stale_if_error_seconds", "judged_fallback_reads",
    },
    "storage": {"object_lock"},
}  # fmt: skip


class SettingsError(ValueError):
    """Settings cannot be used: each line of the message says which field, what was expected and what it holds."""


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """A settings file: the tables for every stage, and each stage's own, which are laid over them."""

    source: str
    """Its name in messages."""
    tables: dict[str, Any]
    stages: dict[str, dict[str, Any]]

    @classmethod
    def parse(cls, text: str, source: str = FILE_NAME) -> Self:
        """Read TOML ``text``.

        Raises:
            SettingsError: the text is not TOML.
        """
        try:
            tables = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise SettingsError(f"{source}: expected TOML but received: {error}") from error
        stages = tables.pop("stage", {})
        if not isinstance(stages, dict) or not all(isinstance(table, dict) for table in stages.values()):
            raise SettingsError(f"{source}: expected tables [stage.NAME] but received {stages!r}")
        return cls(source, tables, stages)

    @classmethod
    def read(cls, path: Path | None = None) -> Self:
        """Read the file at ``path``, or the one that :func:`settings_path` finds.

        Raises:
            SettingsError: there is no such file, or it is not TOML.
        """
        path = path or settings_path()
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise SettingsError(f"expected the settings at {path} but received {error.strerror}") from error
        return cls.parse(text, path.name)

    def settings(self, stage: str) -> Settings:
        """Return the settings of ``stage``.

        Raises:
            SettingsError: the file has no such stage, or a field is wrong; names every wrong field, what was
                expected for it and what was received.
        """
        if stage not in self.stages:
            known = ", ".join(self.stages) or "none"
            raise SettingsError(f"{self.source}: expected one of its stages ({known}) but received {stage!r}")
        try:
            return Settings.model_validate({**laid_over(self.tables, self.stages[stage]), "stage": stage})
        except ValidationError as error:
            lines = []
            for fault in error.errors():
                field = ".".join(map(str, fault["loc"])) or "the file as a whole"
                expected = fault["msg"].removeprefix("Value error, ")
                received = "" if fault["type"] == "value_error" else f" but received {fault['input']!r}"
                lines.append(f"{self.source} (stage {stage}): {field}: {expected[0].lower()}{expected[1:]}{received}")
            raise SettingsError("\n".join(lines)) from error


def laid_over(base: dict[str, Any], overrides: dict[str, Any]) -> dict[str, Any]:
    """Return ``base`` with the values of ``overrides`` in place of its own, table by table."""
    merged = dict(base)
    for key, value in overrides.items():
        both_tables = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = laid_over(merged[key], value) if both_tables else value
    return merged


def parse_settings(text: str, stage: str) -> Settings:
    """Return the settings of ``stage`` by TOML ``text``.

    Raises:
        SettingsError: see :class:`SettingsFile`.
    """
    return SettingsFile.parse(text).settings(stage)


def settings_path() -> Path:
    """Return the settings file: ``DARKROOM_SETTINGS``, or ``darkroom.toml`` here, further up, or in the checkout.

    Raises:
        SettingsError: there is none.
    """
    if named := os.environ.get(FILE_VARIABLE):
        return Path(named)
    here = Path.cwd()
    for folder in (here, *here.parents, _ROOT):
        if (path := folder / FILE_NAME).is_file():
            return path
    raise SettingsError(f"No {FILE_NAME} in {here} or above it: change the folder, or name the file in {FILE_VARIABLE}")


def default_stage() -> str:
    """Return the stage for the command and flows where none is given: the environment's, else ``dev``."""
    return os.environ.get(STAGE_VARIABLE) or DEFAULT_STAGE


def load_settings(stage: str | None = None) -> Settings:
    """Return the settings of ``stage``, read once per process; without it, of the environment's ``DARKROOM_STAGE``.

    Raises:
        SettingsError: no stage is given, the file is missing, has no such stage, or a field is wrong.
    """
    chosen = stage or os.environ.get(STAGE_VARIABLE)
    if not chosen:
        raise SettingsError(f"expected a stage in the environment variable {STAGE_VARIABLE} but it is not set")
    return _loaded(chosen, os.environ.get(FILE_VARIABLE))


@cache
def _loaded(stage: str, _named: str | None) -> Settings:
    archived = _ROOT / ARCHIVED_NAME
    if archived.is_file():
        return read_archived(archived.read_text(encoding="utf-8"), stage)
    return SettingsFile.read().settings(stage)


def runs_from_archive() -> bool:
    """Return whether this is a function's archive, which carries its settings, and not a checkout or a wheel."""
    return (_ROOT / ARCHIVED_NAME).is_file()


def archived_settings(settings: Settings) -> str:
    """Return what a function's archive carries of ``settings``, as JSON: a change of any other setting is no change.

    Of tenants it is the names alone, since functions only ask whether one exists.
    """
    carried = settings.model_dump(mode="json", include=_READ_BY_FUNCTIONS)
    return json.dumps({**carried, "tenants": {name: {} for name in settings.tenants}}, indent=1, sort_keys=True)


def read_archived(text: str, stage: str) -> Settings:
    """Return the settings of a function's archive; what it does not carry has its default and is not to be read.

    Raises:
        SettingsError: the archive was made for another stage.
    """
    carried = json.loads(text)
    if carried["stage"] != stage:
        raise SettingsError(f"expected the stage {carried['stage']}, as the archive has it, but received {stage!r}")
    return Settings.model_validate(carried, context=CHECKED)
