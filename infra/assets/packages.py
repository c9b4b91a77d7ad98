"""Install the locked packages of a dependency group for the platform where they will run, with bytecode.

Lambda's file system is read-only: without bytecode in the archive, each cold start compiles what it imports. Bytecode
fits one version of Python. Where that version is not installed, archives have source alone: functions work, and start
more slowly.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "assets"
Target = Literal["aws", "host"]

_FROM_SOURCE = ("pyvips",)  # has no wheel; without libvips' headers it is plain Python, for any platform
_STRIPPED = (
    "__pycache__", "tests", "test", "bin", "*.dist-info", "*.pyi", "*.pyc", "*.h", "*.map", ".lock",
    "swagger-ui*",  # Powertools' Swagger UI; the OpenAPI document does not need it
    # Pillow carries the arrays of pi-heif, and reads and writes animations (imaging/motion.py): PNG and AVIF alone.
    "PIL/_imagingcms*", "PIL/_imagingft*", "PIL/_imagingmath*", "PIL/_imagingmorph*",
    "PIL/_imagingtk*", "PIL/_webp*",
    "pillow.libs/libbrotli*", "pillow.libs/libfreetype*", "pillow.libs/libharfbuzz*",
    "pillow.libs/liblcms2*", "pillow.libs/libpng*", "pillow.libs/libsharpyuv*", "pillow.libs/libwebp*",
    # libjxl is called without imagecodecs' own modules, and they alone need NumPy.
    "imagecodecs", "numpy", "numpy.libs",
)  # fmt: skip
# Folders of which nothing else is kept.
_KEPT = {"imagecodecs.libs": ("libbrotli*", "libjxl-*", "libjxl_cms-*")}


class AssetError(RuntimeError):
    """An asset cannot be built; the message says which one and why."""


@dataclass(frozen=True, slots=True)
class Platform:
    """Where packages will run: uv's name of the platform, and the Python version."""

    python_platform: str | None
    python_version: str

    @property
    def uv_options(self) -> list[str]:
        """The options of ``uv pip install`` for this platform."""
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
        raise AssetError("No uv on the PATH or in .uv/bin, which building assets needs; run: make synth")
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    run = subprocess.run([executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True)  # noqa: PLW1510
    if run.returncode:
        raise AssetError(
            f"uv {' '.join(arguments[:2])} failed with exit status {run.returncode};"
            f" check that a package registry can be reached\n{run.stderr.strip()}"
        )
    return run.stdout


def locked_requirements(group: str) -> str:
    """Return the packages of ``group`` as ``uv.lock`` pins them, with their hashes.

    Raises:
        AssetError: uv is missing, or ``uv.lock`` does not match ``pyproject.toml``.
    """
    return _uv("export", "--frozen", "--only-group", group, "--no-emit-project", "--no-header", "--no-annotate")


@cache
def compiler(version: str) -> str | None:
    """Return this machine's interpreter of Python ``version``, such as ``3.13``, or None."""
    for candidate in (sys.executable, shutil.which(f"python{version}")):
        if candidate and _version_of(candidate) == version:
            return candidate
    return None


def compile_tree(folder: Path, interpreter: str) -> None:
    """Write bytecode beside every module below ``folder``: the same bytes for the same sources.

    It is never compared with its source again, because in an archive both change together. A file that does not
    compile, such as a template for another version, is skipped.
    """
    command = [interpreter, "-m", "compileall", "-qq", "-s", str(folder), "--invalidation-mode", "unchecked-hash"]
    environment = {**os.environ, "PYTHONHASHSEED": "0"}  # a fixed order of sets
    subprocess.run([*command, str(folder)], env=environment, capture_output=True, check=False)


def _version_of(interpreter: str) -> str | None:
    command = [interpreter, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    except OSError:
        return None
    return ran.stdout.strip() or None


def installed_packages(group: str, target: Target) -> Path:
    """Return a folder with the packages of ``group`` for ``target``; installed again only if their lock changes.

    Raises:
        AssetError: uv is missing, or no registry can be reached.
    """
    platform = PLATFORMS[target]
    requirements = locked_requirements(group)
    interpreter = compiler(platform.python_version)
    recipe = "\n".join(
        (requirements, str(platform), *_FROM_SOURCE, *_STRIPPED, str(_KEPT), str(interpreter is not None))
    )
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
        except OSError:  # another process was first, with the same result
            if not folder.is_dir():
                raise
    return folder


def _strip(folder: Path) -> None:
    for pattern in _STRIPPED:
        for found in list(folder.rglob(pattern)):
            if found.is_dir():
                shutil.rmtree(found)
            elif found.exists():
                found.unlink()
    for name, patterns in _KEPT.items():
        for file in (folder / name).glob("*"):
            if not any(file.match(pattern) for pattern in patterns):
                file.unlink()
