"""The archives that Lambda gets: handlers' code, the layers and the edge's single file."""

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from infra.assets.archives import Archive, Budget, OverBudgetError, write_archive
from infra.assets.packages import BUILD, PLATFORMS, ROOT, AssetError, Target, compile_tree, compiler, installed_packages
from lambdas.core.settings import ARCHIVED_NAME, Settings, archived_settings

# About a tenth above today's sizes, zipped with bytecode, so that unintended growth fails the build.
BUDGETS = {
    "code": Budget(zipped=6.7, unzipped=10.5),
    "libvips": Budget(zipped=19, unzipped=49),
    "signatures": Budget(zipped=6, unzipped=17),
    "origin-request": Budget(zipped=1, unzipped=1),  # Lambda@Edge takes 50, but it is copied to every region
}
LIBVIPS_ENVIRONMENT = {
    # After 150 photographs a process holds 0.2 GB; with 4 arenas 0.4 GB, with glibc's default 0.6 GB.
    "MALLOC_ARENA_MAX": "2",
    "VIPS_BLOCK_UNTRUSTED": "1",
}
"""Environment of every process that draws with the libvips layer."""

_LAMBDA_UNZIPPED_BYTES = 250 * 2**20  # "Lambda quotas": a function's code and its layers together
_EDGE_HANDLER = ROOT / "lambdas" / "edge" / "origin_request.py"


@dataclass(frozen=True)
class Assets:
    """The archives of one stage for one target, each built when it is first needed and kept under ``build/``."""

    target: Target
    settings: Settings
    built: list[Archive] = field(default_factory=list)

    @cached_property
    def code(self) -> Path:
        """All handlers, the settings that they read, and the light packages; never boto3, which the runtime has.

        Raises:
            AssetError: uv is missing, no registry can be reached, or a budget is exceeded.
        """
        interpreter = compiler(PLATFORMS[self.target].python_version)
        with tempfile.TemporaryDirectory() as scratch:
            handlers = _handlers(Path(scratch), interpreter, self.settings)
            return self._built("code", dict(_tree(installed_packages("lambdas", self.target))) | dict(handlers))

    @cached_property
    def libvips_layer(self) -> Path:
        """The libvips wheel and its Python binding, below ``python/`` as layers require.

        Raises:
            AssetError: uv is missing, no registry can be reached, or a budget is exceeded.
        """
        return self._built("libvips", dict(_layer(installed_packages("drawing", self.target))))

    @cached_property
    def signatures_layer(self) -> Path:
        """The package that verifies RS256 and ES256, below ``python/`` as layers require.

        Raises:
            AssetError: uv is missing, no registry can be reached, or a budget is exceeded.
        """
        return self._built("signatures", dict(_layer(installed_packages("signatures", self.target))))

    @cached_property
    def origin_request(self) -> Path:
        """The Lambda@Edge handler alone: it needs only the standard library and the runtime's boto3."""
        if not _EDGE_HANDLER.is_file():
            raise AssetError(f"No Lambda@Edge handler in {_EDGE_HANDLER.relative_to(ROOT)}")
        return self._built("origin-request", {_EDGE_HANDLER.name: _EDGE_HANDLER})

    def _built(self, kind: str, entries: dict[str, Path]) -> Path:
        name = kind if kind == "origin-request" else f"{kind}-{self.target}"
        archive = write_archive(BUILD, name, entries, BUDGETS[kind])
        self.built.append(archive)
        if (unzipped := sum(each.unzipped for each in self.built)) > _LAMBDA_UNZIPPED_BYTES:
            raise OverBudgetError(
                f"expected code and layers of at most {_LAMBDA_UNZIPPED_BYTES} bytes unzipped, Lambda's limit for a"
                f" function, but received {unzipped}"
            )
        return archive.path


def _tree(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in folder.rglob("*"):
        if path.is_file():
            yield path.relative_to(folder).as_posix(), path


def _layer(folder: Path) -> Iterator[tuple[str, Path]]:
    for name, path in _tree(folder):
        yield f"python/{name}", path


def _handlers(folder: Path, interpreter: str | None, settings: Settings) -> Iterator[tuple[str, Path]]:
    """Copy the handlers into ``folder``, compile them if ``interpreter`` is given, and write what they read there."""
    for name, path in _tree(ROOT / "lambdas"):
        # The edge's code is deployed by itself: changing it changes no handler.
        if path.suffix in {".py", ".json", ".toml"} and not name.startswith("edge/"):
            copy = folder / "lambdas" / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
    (folder / ARCHIVED_NAME).write_text(archived_settings(settings), encoding="utf-8")
    if interpreter is not None:
        compile_tree(folder, interpreter)
    return _tree(folder)
