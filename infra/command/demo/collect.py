"""The files of a person's folder: all of them, however named, hidden ones aside."""

import os
from pathlib import Path

from infra.command.demo.records import Candidate
from infra.local.errors import LocalStackError


class NothingToShowError(LocalStackError):
    """The folder cannot be used; the message says what was expected and what was found."""


def collect(folder: Path) -> list[Candidate]:
    """Return every file below ``folder``, in the order of their names; links to folders are not followed.

    Raises:
        NothingToShowError: there is no such folder, or it holds no file.
    """
    if not folder.exists():
        raise NothingToShowError(f"expected a folder of pictures but {folder} does not exist")
    if folder.is_file():
        return [Candidate(folder.name, folder)]
    found = []
    for root, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(root, name) for name in files if not name.startswith(".")]
    regular = [path for path in found if path.is_file() or not path.exists()]
    if not regular:
        raise NothingToShowError(f"expected at least one file in {folder} but found none that is not hidden")
    return [Candidate(_shown(path.relative_to(folder)), path) for path in sorted(regular)]


def _shown(path: Path) -> str:
    """Return a name that can be printed, whatever bytes the file system holds."""
    return os.fsencode(path).decode("utf-8", "replace")
