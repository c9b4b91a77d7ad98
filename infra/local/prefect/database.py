"""Prefect's database, ready made: its hundred migrations run once a version, not at every start."""

import asyncio
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import prefect


def provide_database(templates: Path, home: Path) -> None:
    """Put an empty database into ``home``, Prefect's own folder, from the template of this version.

    A database that is there already is left as it is. ``templates`` is the folder of templates; this version's is made
    where there is none.
    """
    database = home / "prefect.db"
    if database.is_file():
        return
    template = templates / f"{prefect.__version__}.db"
    if not template.is_file():
        templates.mkdir(parents=True, exist_ok=True)
        _make(template)
    home.mkdir(parents=True, exist_ok=True)
    _copy(template, database)


def _make(template: Path) -> None:
    # Made aside, and put in place in one step: another stack may be starting at the same time.
    # Imported late: heavy, and a template is made once.
    from prefect.server.database import provide_database_interface
    from prefect.settings import PREFECT_API_DATABASE_CONNECTION_URL, temporary_settings

    part = template.with_name(f"{template.stem}-{os.getpid()}.part")
    whole = part.with_suffix(".whole")
    with temporary_settings({PREFECT_API_DATABASE_CONNECTION_URL: f"sqlite+aiosqlite:///{part}"}):
        asyncio.run(provide_database_interface().create_db())
    _copy(part, whole)
    whole.replace(template)
    for rest in part.parent.glob(f"{part.name}*"):
        rest.unlink()


def _copy(source: Path, target: Path) -> None:
    """Copy a database as a whole, what stands in its write-ahead log included."""
    with closing(sqlite3.connect(source)) as read, closing(sqlite3.connect(target)) as write:
        read.backup(write)
