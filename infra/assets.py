"""The archives that Lambda gets: handlers' code, the libvips layer and the edge's single file.

Same input, same bytes: entries are sorted, dated alike and carry the same modes, so that a deploy
touches only the functions whose code has changed.
"""

import os
import tempfile
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path

from infra.packages import BUILD, ROOT, AssetError, Target, installed_packages

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the oldest date that a zip can hold
_FILE_MODE = 0o644
_KEPT_SECONDS = 3600
_EDGE_HANDLER = ROOT / "lambdas" / "edge" / "origin_request.py"


@dataclass(frozen=True)
class Assets:
    """The archives for one target, each built when it is first asked for and kept under ``build/``."""

    target: Target

    @cached_property
    def code(self) -> Path:
        """All handlers, the settings file and the light packages; never boto3, which the runtime has.

        Raises:
            AssetError: uv is missing or no registry is within reach.
        """
        entries = dict(_tree(installed_packages("lambdas", self.target)))
        entries.update(_sources())
        return _archive(f"code-{self.target}", entries)

    @cached_property
    def libvips_layer(self) -> Path:
        """The libvips wheel and its Python binding, below ``python/`` as a layer must have it.

        Raises:
            AssetError: uv is missing or no registry is within reach.
        """
        entries = {f"python/{name}": path for name, path in _tree(installed_packages("drawing", self.target))}
        return _archive(f"libvips-{self.target}", entries)

    @cached_property
    def signatures_layer(self) -> Path:
        """What checks RS256 and ES256, below ``python/`` as a layer must have it.

        Raises:
            AssetError: uv is missing or no registry is within reach.
        """
        entries = {f"python/{name}": path for name, path in _tree(installed_packages("signatures", self.target))}
        return _archive(f"signatures-{self.target}", entries)

    @cached_property
    def origin_request(self) -> Path:
        """The Lambda@Edge handler, alone: it runs on the standard library and the runtime's boto3."""
        if not _EDGE_HANDLER.is_file():
            raise AssetError(f"expected the handler {_EDGE_HANDLER.relative_to(ROOT)} but received no such file")
        return _archive("origin-request", {_EDGE_HANDLER.name: _EDGE_HANDLER})


def _tree(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in folder.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path.relative_to(folder).as_posix(), path


def _sources() -> Iterator[tuple[str, Path]]:
    for name, path in _tree(ROOT / "lambdas"):
        if path.suffix in {".py", ".js", ".json"}:
            yield f"lambdas/{name}", path
    yield "darkroom.toml", ROOT / "darkroom.toml"


def _archive(name: str, entries: dict[str, Path]) -> Path:
    """Zip ``entries`` (path in the archive → file), or return the archive made earlier of the same bytes."""
    fingerprint = sha256()
    for entry in sorted(entries):
        fingerprint.update(f"{entry}\0{entries[entry].stat().st_size}\0".encode())
        fingerprint.update(entries[entry].read_bytes())
    archive = BUILD / f"{name}-{fingerprint.hexdigest()[:16]}.zip"
    if archive.is_file():
        return archive
    BUILD.mkdir(parents=True, exist_ok=True)
    descriptor, scratch = tempfile.mkstemp(dir=BUILD, prefix=f".{name}-", suffix=".zip")
    try:
        with os.fdopen(descriptor, "wb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as zipped:
            for entry in sorted(entries):
                info = zipfile.ZipInfo(entry, _EPOCH)
                info.compress_type = zipfile.ZIP_DEFLATED
                info.external_attr = _FILE_MODE << 16
                zipped.writestr(info, entries[entry].read_bytes())
        Path(scratch).chmod(_FILE_MODE)
        Path(scratch).replace(archive)
    finally:
        Path(scratch).unlink(missing_ok=True)
    _forget_old(name)
    return archive


def _forget_old(name: str) -> None:
    """Remove what earlier states of the code left behind, but nothing that a synthesis may be reading now."""
    for archive in BUILD.glob(f"{name}-*.zip"):
        if time.time() - archive.stat().st_mtime > _KEPT_SECONDS:
            archive.unlink(missing_ok=True)
