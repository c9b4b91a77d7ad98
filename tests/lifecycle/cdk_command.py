"""The CDK's own command, through ``make`` and at the version that the Makefile pins, against the emulator."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from infra.local.cloudformation.assembly import Template
from infra.local.cloudformation.template_filter import Stripped, filter_template
from infra.local.endpoint import Endpoint
from infra.local.state import CHECKOUT

SECONDS = 900  # after which a command hangs
_MAKEFILE = (CHECKOUT / "Makefile").read_text(encoding="utf-8")
_COPIED = ("Makefile", "cdk.json", "darkroom.toml", "infra", "lambdas", "operations", "pyproject.toml", "uv.lock")
_STACK = re.compile(r"^Stack (\S+)")
_RESOURCE = re.compile(r"^\[[~+-]\] (AWS::\S+) .*?(\w+)(?: (?:replace|destroy|orphan|may be replaced))?$")
_TEMPLATE_SUFFIX = ".template.json"
_PROPERTY = re.compile(r"^ [├└]─ \[[~+-]\] (\S+)")

Changes = dict[str, dict[tuple[str, str], set[str]]]
"""By stack, the properties that differ of every changed resource: of its type and logical id."""


@dataclass(frozen=True, slots=True)
class CdkCommand:
    """``make`` in ``checkout``, with an environment that points at the emulator."""

    endpoint: Endpoint
    checkout: Path = CHECKOUT

    def make(self, *arguments: str, fails: bool = False) -> str:
        """Return what ``make`` printed; its set-up is done, for a test runs."""
        return self._run("make", "--old-file", f"{sys.prefix}/.ready", *arguments, fails=fails)

    def bootstrap(self) -> str:
        return self.make("bootstrap", "OPTIONS=--ci")

    def deploy(self, assembly: Path, *, fails: bool = False) -> str:
        options = f"OPTIONS=--app {assembly} --require-approval never --concurrency 4 --ci"
        return self.make("deploy", options, fails=fails)

    def destroy(self, assembly: Path, *, fails: bool = False) -> str:
        return self.make("destroy", f"OPTIONS=--app {assembly} --force --ci", fails=fails)

    def changes(self, assembly: Path) -> Changes:
        return parse_diff(self.make("diff", f"OPTIONS=--app {assembly} --ci"))

    def _run(self, *command: str, fails: bool) -> str:
        run = subprocess.run(
            command,
            cwd=self.checkout,
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert bool(run.returncode) is fails, f"{' '.join(command)}\n{run.stdout}\n{run.stderr}"
        return run.stdout + run.stderr

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            **self.endpoint.environment(),
            "UV_PROJECT_ENVIRONMENT": sys.prefix,
            # Where the machine has no uv, make's own: a copy of the checkout has none.
            "PATH": os.pathsep.join([f"{sys.prefix}/bin", str(CHECKOUT / ".uv" / "bin"), os.environ["PATH"]]),
            "NO_COLOR": "1",
        }


def pinned_version() -> str:
    """Return the version of aws-cdk that the Makefile names."""
    found = re.search(r"^CDK_VERSION := (\S+)$", _MAKEFILE, re.MULTILINE)
    assert found
    return found[1]


def why_unavailable() -> str | None:
    """Return why the command cannot be run here, if it cannot."""
    command = [f"{sys.prefix}/bin/npx", "--yes", f"aws-cdk@{pinned_version()}", "--version"]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return f"no answer within {SECONDS} s"
    return run.stderr.strip() if run.returncode else None


def copied_checkout(folder: Path, change: Callable[[str], str]) -> Path:
    """Return a copy of what a synthesis reads, darkroom.toml after a ``change``; built assets stay shared."""
    folder.mkdir()
    for name in _COPIED:
        source, copy = CHECKOUT / name, folder / name
        subprocess.run(["cp", "-pR", source, copy], check=True)
    (folder / "build").mkdir()
    (folder / "build" / "assets").symlink_to(CHECKOUT / "build" / "assets")
    context = json.loads((folder / "cdk.json").read_text(encoding="utf-8"))
    context["context"]["target"] = "host"  # this machine's assets, not AWS's
    (folder / "cdk.json").write_text(json.dumps(context), encoding="utf-8")
    toml = (folder / "darkroom.toml").read_text(encoding="utf-8")
    (folder / "darkroom.toml").write_text(change(toml), encoding="utf-8")
    return folder


def write_filtered_assembly(
    assembly: Path, outdir: Path, change: Callable[[str, Template], None] = lambda _stack, _template: None
) -> list[Stripped]:
    """Write the ``assembly`` into ``outdir``, its templates filtered and all else as links, and return what was cut.

    ``change`` is given each stack's name and its template, which it may change.

    Raises:
        FilterError: a resource that stays refers to one that is stripped.
        FileExistsError: ``outdir`` exists.
    """
    outdir.mkdir(parents=True)
    stripped, hashes = [], {}
    for path in sorted(assembly.glob(f"*{_TEMPLATE_SUFFIX}")):
        text = path.read_text(encoding="utf-8")
        template, taken = filter_template(json.loads(text))
        change(path.name.removesuffix(_TEMPLATE_SUFFIX), template)
        written = json.dumps(template)
        (outdir / path.name).write_text(written, encoding="utf-8")
        hashes[sha256(text.encode()).hexdigest()] = sha256(written.encode()).hexdigest()
        stripped += taken
    for path in sorted(assembly.iterdir()):
        if path.name == "manifest.json" or path.name.endswith(".assets.json"):
            # A template that is published already is not published again.
            text = path.read_text(encoding="utf-8")
            for before, after in hashes.items():
                text = text.replace(before, after)
            (outdir / path.name).write_text(text, encoding="utf-8")
        elif not path.name.endswith(_TEMPLATE_SUFFIX):
            (outdir / path.name).symlink_to(path.resolve())
    return stripped


def parse_diff(printed: str) -> Changes:
    """Return what ``cdk diff`` says of every stack."""
    changes: Changes = {}
    resources: dict[tuple[str, str], set[str]] = {}
    properties: set[str] = set()
    for line in printed.splitlines():
        if stack := _STACK.match(line):
            resources = changes.setdefault(stack[1], {})
        elif resource := _RESOURCE.match(line):
            properties = resources.setdefault((resource[1], resource[2]), set())
        elif changed := _PROPERTY.match(line):
            properties.add(changed[1])
    return changes
