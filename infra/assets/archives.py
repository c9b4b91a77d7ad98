"""Zip archives for Lambda: the same bytes for the same files, within a size budget.

Entries are sorted and have a fixed date and mode, so that a deployment updates only functions with changed code.
"""

import os
import tempfile
import time
import zipfile
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from infra.assets.packages import AssetError

MEGABYTE = 10**6
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the oldest date that a zip can hold
_FILE_MODE = 0o644
_MIN_AGE_SECONDS = 3600


class OverBudgetError(AssetError):
    """An archive exceeds its budget; the message says by how much."""


@dataclass(frozen=True, slots=True)
class Budget:
    """An archive's maximum sizes in MB (10**6 bytes); every cold start downloads and unpacks it.

    Bytecode, which not every machine can write, counts only in the zipped size.
    """

    zipped: float
    unzipped: float


@dataclass(frozen=True, slots=True)
class Archive:
    """A zip file with its sizes in bytes: zipped, unzipped, and unzipped without bytecode."""

    name: str
    path: Path
    zipped: int
    unzipped: int
    without_bytecode: int
    budget: Budget

    def __str__(self) -> str:
        return (
            f"{self.name}: {self.zipped / MEGABYTE:.1f} MB of {self.budget.zipped:g},"
            f" unpacked {self.without_bytecode / MEGABYTE:.1f} MB of {self.budget.unzipped:g},"
            f" and bytecode {(self.unzipped - self.without_bytecode) / MEGABYTE:.1f} MB"
        )


def write_archive(folder: Path, name: str, entries: dict[str, Path], budget: Budget) -> Archive:
    """Zip ``entries`` (path in the archive → file) into ``folder``, or reuse the archive of the same bytes.

    Raises:
        OverBudgetError: it exceeds ``budget``.
    """
    fingerprint = sha256()
    for entry in sorted(entries):
        fingerprint.update(f"{entry}\0{entries[entry].stat().st_size}\0".encode())
        fingerprint.update(entries[entry].read_bytes())
    path = folder / f"{name}-{fingerprint.hexdigest()[:16]}.zip"
    if not path.is_file():
        _zip(path, name, entries)
        _remove_old(folder, name)
    sizes = {entry: file.stat().st_size for entry, file in entries.items()}
    source = sum(size for entry, size in sizes.items() if not entry.endswith(".pyc"))
    archive = Archive(name, path, path.stat().st_size, sum(sizes.values()), source, budget)
    if archive.zipped > budget.zipped * MEGABYTE or source > budget.unzipped * MEGABYTE:
        raise OverBudgetError(
            f"expected an archive within its budget but received {archive}: leave out what is not needed"
            " (infra/assets/packages.py), or raise the budget (infra/assets/__init__.py)"
        )
    return archive


def _zip(path: Path, name: str, entries: dict[str, Path]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, scratch = tempfile.mkstemp(dir=path.parent, prefix=f".{name}-", suffix=".zip")
    try:
        with os.fdopen(descriptor, "wb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as zipped:
            for entry in sorted(entries):
                info = zipfile.ZipInfo(entry, _EPOCH)
                info.compress_type = zipfile.ZIP_DEFLATED
                info.external_attr = _FILE_MODE << 16
                zipped.writestr(info, entries[entry].read_bytes())
        Path(scratch).chmod(_FILE_MODE)
        Path(scratch).replace(path)
    finally:
        Path(scratch).unlink(missing_ok=True)


def _remove_old(folder: Path, name: str) -> None:
    """Remove old archives of ``name``, but none that a running synthesis may be reading."""
    for archive in folder.glob(f"{name}-*.zip"):
        if time.time() - archive.stat().st_mtime > _MIN_AGE_SECONDS:
            archive.unlink(missing_ok=True)
