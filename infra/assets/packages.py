"""Install the locked packages of a dependency group for the platform where they will run."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Literal

from infra.assets.bytecode import compile_tree, compiler

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "assets"
Target = Literal["aws", "host"]

_FROM_SOURCE = ("pyvips",)  # has no wheel; without libvips' headers its source is plain Python, fit for any platform
_SUPERFLUOUS = (
    "__pycache__", "tests", "test", "bin", "*.dist-info", "*.pyi", "*.pyc", "*.h", "*.map", ".lock",
    "swagger-ui*",  # Powertools' page that shows an API's description; the description itself needs none of it
    # Pillow is there for the arrays that pi-heif hands over: nothing is drawn, written or read with it.
    "PIL/_avif*", "PIL/_imagingcms*", "PIL/_imagingft*", "PIL/_imagingmath*", "PIL/_imagingmorph*",
    "PIL/_imagingtk*", "PIL/_webp*",
    "pillow.libs/libavif*", "pillow.libs/libbrotli*", "pillow.libs/libfreetype*", "pillow.libs/libharfbuzz*",
    "pillow.libs/liblcms2*", "pillow.libs/libpng*", "pillow.libs/libsharpyuv*", "pillow.libs/libwebp*",
)  # fmt: skip


class AssetError(RuntimeError):
    """An asset cannot be built: the message says which, and what was missing."""


@dataclass(frozen=True, slots=True)
class Platform:
    """Where packages will run: uv's name of a platform, and a Python version."""

    python_platform: str | None
    python_version: str

    @property
    def uv_options(self) -> list[str]:
        """What tells ``uv pip install`` to install for this platform."""
        if self.python_platform is None:
            return ["--python", sys.executable]
        return ["--python-platform", self.python_platform, "--python-version", self.python_version]

    def __str__(self) -> str:
        return f"{self.python_platform or sysconfig.get_platform()}-{self.python_version}"


PLATFORMS: dict[Target, Platform] = {
    # Lambda's python3.13 is Amazon Linux 2023, whose glibc is new enough for the libvips wheel.
    "aws": Platform("aarch64-manylinux_2_28", "3.13"),
    "host": Platform(None, f"{sys.version_info.major}.{sys.version_info.minor}"),
}


def _uv(*arguments: str) -> str:
    executable = shutil.which("uv") or shutil.which("uv", path=str(ROOT / ".uv" / "bin"))
    if executable is None:
        raise AssetError("expected uv on the PATH or in .uv/bin for building assets but received none; run: make synth")
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    run = subprocess.run([executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True)  # noqa: PLW1510
    if run.returncode:
        raise AssetError(
            f"expected success of uv {' '.join(arguments[:2])} but received exit status {run.returncode}:"
            f" is a package registry within reach?\n{run.stderr.strip()}"
        )
    return run.stdout


def locked_requirements(group: str) -> str:
    """Return the packages of ``group`` as ``uv.lock`` pins them, with their hashes.

    Raises:
        AssetError: uv is missing, or the lock file does not fit ``pyproject.toml``.
    """
    return _uv("export", "--frozen", "--only-group", group, "--no-emit-project", "--no-header", "--no-annotate")


def installed_packages(group: str, target: Target) -> Path:
    """Return a folder with the packages of ``group`` for ``target``, installed once for each lock of them.

    Raises:
        AssetError: uv is missing or no registry is within reach.
    """
    platform = PLATFORMS[target]
    requirements = locked_requirements(group)
    interpreter = compiler(platform.python_version)
    recipe = "\n".join((requirements, str(platform), *_FROM_SOURCE, *_SUPERFLUOUS, str(interpreter is not None)))
    folder = BUILD / f"packages-{group}-{target}-{sha256(recipe.encode()).hexdigest()[:16]}"
    if folder.is_dir():
        return folder
    BUILD.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILD, prefix=f".{group}-") as scratch:
        listed = Path(scratch, "requirements.txt")
        listed.write_text(requirements, encoding="utf-8")
        installed = Path(scratch, "installed")
        sources = [option for package in _FROM_SOURCE for option in ("--no-binary", package)]
        _uv(
            "pip", "install", "--target", str(installed), "--requirement", str(listed), "--require-hashes", "--no-deps",
            "--only-binary", ":all:", *sources, "--no-config", "--link-mode", "copy", *platform.uv_options,
        )  # fmt: skip
        _strip(installed)
        if interpreter is not None:
            compile_tree(installed, interpreter)
        try:
            installed.rename(folder)
        except OSError:  # another process was first; what it built is the same
            if not folder.is_dir():
                raise
    return folder


def _strip(folder: Path) -> None:
    for pattern in _SUPERFLUOUS:
        for found in list(folder.rglob(pattern)):
            if found.is_dir():
                shutil.rmtree(found)
            elif found.exists():
                found.unlink()
