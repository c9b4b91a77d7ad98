import sqlite3
from contextlib import closing
from pathlib import Path

import prefect

from infra.local.prefect import provide_database


def rows(database: Path) -> list[tuple[str]]:
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute("SELECT name FROM flows").fetchall()


def write(database: Path, name: str) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")  # as Prefect's: what was written last is in another file
        connection.execute("CREATE TABLE IF NOT EXISTS flows (name TEXT)")
        connection.execute("INSERT INTO flows VALUES (?)", (name,))
        connection.commit()


def test_a_new_home_gets_the_template_of_this_version(tmp_path: Path) -> None:
    write(tmp_path / f"{prefect.__version__}.db", "template")
    provide_database(tmp_path, tmp_path / "home")
    assert rows(tmp_path / "home" / "prefect.db") == [("template",)]


def test_an_existing_database_is_left_alone(tmp_path: Path) -> None:
    write(tmp_path / f"{prefect.__version__}.db", "template")
    (tmp_path / "home").mkdir()
    write(tmp_path / "home" / "prefect.db", "kept")
    provide_database(tmp_path, tmp_path / "home")
    assert rows(tmp_path / "home" / "prefect.db") == [("kept",)]
