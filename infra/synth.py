"""Synthesize the templates: for AWS, or for the platform of this machine.

``python -m infra.synth OUTDIR [--target host] [--account 123456789012] [--stage dev]``
"""

import argparse
import fcntl
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import get_args

from infra.assets.packages import (
    BUILD,
    PLATFORMS,
    ROOT,
    Target,
)
from lambdas.core.settings import (
    DEFAULT_STAGE,
    FILE_VARIABLE,
    STAGE_VARIABLE,
    SettingsError,
    default_stage,
    settings_path,
)

NO_ACCOUNT = "000000000000"  # enough to read the templates where no credentials are, and the emulator's own
_CDK_FILE = ROOT / "cdk.json"
_FINGERPRINT_FILE = "fingerprint.txt"


class SynthesisError(RuntimeError):
    """The app refused its settings, an asset, or a finding of cdk-nag: the message is the app's own."""


def synthesize(outdir: Path, *, target: Target = "aws", account: str = NO_ACCOUNT, stage: str = DEFAULT_STAGE) -> Path:
    """Write the cloud assembly of ``stage`` into ``outdir`` and return it.

    An assembly that is there already is kept if nothing that goes into it has changed since; any
    other content of ``outdir`` is replaced, and stays if the synthesis fails.

    Raises:
        SynthesisError: the app did not succeed.
    """
    outdir.parent.mkdir(parents=True, exist_ok=True)
    with _alone(outdir), tempfile.TemporaryDirectory(dir=outdir.parent, prefix=f".{outdir.name}-") as scratch:
        fingerprint = _fingerprint(target, account, stage)
        written = outdir / _FINGERPRINT_FILE
        if written.is_file() and written.read_text(encoding="utf-8") == fingerprint:
            return outdir
        assembly = Path(scratch, "assembly")
        _run_app(assembly, target, account, stage)
        (assembly / _FINGERPRINT_FILE).write_text(fingerprint, encoding="utf-8")
        if outdir.exists():
            outdir.rename(Path(scratch, "previous"))
        assembly.rename(outdir)
    return outdir


@contextmanager
def _alone(outdir: Path) -> Iterator[None]:
    """Let one process at a time write ``outdir``; the lock ends with the process that holds it."""
    BUILD.mkdir(parents=True, exist_ok=True)
    name = sha256(str(outdir.resolve()).encode()).hexdigest()[:16]
    with (BUILD / f".synth-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _run_app(assembly: Path, target: Target, account: str, stage: str) -> None:
    # A process of its own, spoken to as the CDK's command does: whoever calls need not load the CDK.
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
            f"expected templates of stage {stage} for {target} but received exit status {run.returncode}"
            f" from python -m infra.app:\n{run.stdout.strip()}\n{run.stderr.strip()}".rstrip()
        )


def _fingerprint(target: Target, account: str, stage: str) -> str:
    digest = sha256("\0".join((target, str(PLATFORMS[target]), account, stage)).encode())
    for path in _inputs():
        digest.update(f"\0{os.path.relpath(path, ROOT)}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _inputs() -> Iterator[Path]:
    yield from (_CDK_FILE, settings_path(), ROOT / "uv.lock")
    yield from sorted((ROOT / "operations" / "costs").glob("prices.*"))
    unread = {path for folder in ("local", "command") for path in (ROOT / "infra" / folder).rglob("*.py")}
    yield from sorted(set((ROOT / "infra").rglob("*.py")) - unread)
    yield from sorted(path for path in (ROOT / "lambdas").rglob("*") if path.suffix in {".py", ".js", ".json"})


def main() -> None:
    """Read the command line, synthesize, print where."""
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
