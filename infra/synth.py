"""Synthesize the templates for AWS, or with code for this machine; an assembly is reused until an input changes.

``python -m infra.synth OUTDIR [--target host] [--account 123456789012] [--stage dev]``
"""

import argparse
import fcntl
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import get_args

from infra.assets.packages import BUILD, PLATFORMS, ROOT, Target, compiler
from lambdas.core.settings import (
    DEFAULT_STAGE,
    FILE_VARIABLE,
    STAGE_VARIABLE,
    SettingsError,
    default_stage,
    settings_path,
)

NO_ACCOUNT = "000000000000"  # for reading templates without credentials; also the emulator's account
_CDK_FILE = ROOT / "cdk.json"
_FINGERPRINT_FILE = "fingerprint.txt"


class SynthesisError(RuntimeError):
    """The app rejected its settings, an asset, or a finding of cdk-nag; the message has the app's output."""


def synthesize(outdir: Path, *, target: Target = "aws", account: str = NO_ACCOUNT, stage: str = DEFAULT_STAGE) -> Path:
    """Write the cloud assembly of ``stage`` into ``outdir`` and return it, or keep the one that is up to date.

    Raises:
        SynthesisError: the app failed.
    """
    return keep_assembly(
        outdir, assembly_key(target, account, stage), lambda folder: _run_app(folder, target, account, stage)
    )


def assembly_key(target: Target, account: str, stage: str) -> str:
    """Return the key of a stage's assembly for :func:`keep_assembly`."""
    platform = PLATFORMS[target]
    bytecode = compiler(platform.python_version) is not None  # archives have bytecode only if this machine can write it
    return "\0".join((target, str(platform), str(bytecode), account, stage))


def keep_assembly(outdir: Path, key: str, write: Callable[[Path], None]) -> Path:
    """Have ``write`` make the assembly in ``outdir``, unless neither ``key`` nor any input of a synthesis has changed.

    One process at a time writes ``outdir``. If ``write`` fails, its previous content stays.
    """
    outdir.parent.mkdir(parents=True, exist_ok=True)
    with lock(outdir), tempfile.TemporaryDirectory(dir=outdir.parent, prefix=f".{outdir.name}-") as scratch:
        if is_current(outdir, key):
            return outdir
        fingerprint = _fingerprint(key)
        assembly = Path(scratch, "assembly")
        write(assembly)
        (assembly / _FINGERPRINT_FILE).write_text(fingerprint, encoding="utf-8")
        if outdir.exists():
            outdir.rename(Path(scratch, "previous"))
        assembly.rename(outdir)
    return outdir


def is_current(outdir: Path, key: str) -> bool:
    """Return whether ``outdir`` has the assembly of ``key`` and of today's inputs."""
    written = outdir / _FINGERPRINT_FILE
    return written.is_file() and written.read_text(encoding="utf-8") == _fingerprint(key)


@contextmanager
def lock(outdir: Path) -> Iterator[None]:
    """Wait until no other process holds the lock of ``outdir``, and hold it; it ends with the process at the latest."""
    BUILD.mkdir(parents=True, exist_ok=True)
    name = sha256(str(outdir.resolve()).encode()).hexdigest()[:16]
    with (BUILD / f".synth-{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _run_app(assembly: Path, target: Target, account: str, stage: str) -> None:
    # In a process of its own, called as the CDK's CLI does, so that the caller need not load the CDK.
    context = json.loads(_CDK_FILE.read_text(encoding="utf-8"))["context"]
    environment = os.environ | {
        STAGE_VARIABLE: stage,
        FILE_VARIABLE: str(settings_path().resolve()),
        "CDK_OUTDIR": str(assembly),
        "CDK_DEFAULT_ACCOUNT": account,
        "CDK_CONTEXT_JSON": json.dumps(context | {"target": target}),
    }
    command = [sys.executable, "-m", "infra.app"]
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if run.returncode:
        raise SynthesisError(
            f"Synthesizing stage {stage} for {target} failed with exit status {run.returncode}"
            f" (python -m infra.app):\n{run.stdout.strip()}\n{run.stderr.strip()}".rstrip()
        )


def _fingerprint(key: str) -> str:
    digest = sha256(key.encode())
    for path in _inputs():
        digest.update(f"\0{os.path.relpath(path, ROOT)}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _inputs() -> Iterator[Path]:
    """Return the files that templates and archives are made from."""
    yield from (_CDK_FILE, settings_path(), ROOT / "uv.lock")
    yield from sorted((ROOT / "operations" / "costs").glob("prices.*"))  # the dashboard's
    unread = {path for folder in ("local", "command") for path in (ROOT / "infra" / folder).rglob("*.py")}
    yield from sorted(set((ROOT / "infra").rglob("*.py")) - unread)
    suffixes = {".py", ".js", ".json", ".toml"}
    yield from sorted(path for path in (ROOT / "lambdas").rglob("*") if path.suffix in suffixes)


def main() -> None:
    """Parse the arguments, synthesize, print the folder."""
    parser = argparse.ArgumentParser(prog="python -m infra.synth", description="Synthesize Darkroom's templates.")
    parser.add_argument("outdir", nargs="?", type=Path, default=ROOT / "cdk.out")
    parser.add_argument("--target", choices=get_args(Target), default="aws", help="platform of the code assets")
    parser.add_argument("--account", default=os.environ.get("CDK_DEFAULT_ACCOUNT", NO_ACCOUNT))
    parser.add_argument("--stage", default=default_stage())
    options = parser.parse_args()
    try:
        print(synthesize(options.outdir, target=options.target, account=options.account, stage=options.stage))
    except (SynthesisError, SettingsError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
