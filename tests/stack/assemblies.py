"""Every assembly that these tests read, synthesized and linted by one process and kept until an input changes.

Run as a script, it loads the CDK once and writes those that are out of date.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from production import production_settings
from synthesized import Assembly

from infra.assets.packages import ROOT, Target
from infra.synth import NO_ACCOUNT, assembly_key, is_current, keep_assembly, lock
from lambdas.core.settings import DEFAULT_STAGE, Settings, load_settings

FOLDER = ROOT / "build" / "synth"
DEDICATED_TENANT = "acme"  # has a lane of its own in production's settings
REFUSAL = "refusal.txt"
"""In the assembly ``unacknowledged``: the error that ended its synthesis."""
LINTED = "cfn-lint.json"
"""In the assembly ``linted``: what cfn-lint finds in templates of ``aws`` and ``production``, by their names."""
# Parts of production that dev has not, or has otherwise.
LINTED_OF_PRODUCTION = ("Alarms-us-east-1", "Delivery", "Storage", "EdgeLog-eu-central-1")
# The CDK adds a redundant dependency of functions on their roles.
_IGNORED = ["W3005"]


def without_dedicated_tenant(settings: Settings) -> Settings:
    others = {name: tenant for name, tenant in settings.tenants.items() if name != DEDICATED_TENANT}
    return settings.model_copy(update={"tenants": others})


def keys() -> dict[str, str]:
    """Return each assembly's name and the key that, beside the repository's files, decides what is in it."""
    own = "\0".join(
        path.read_text(encoding="utf-8") for path in (Path(__file__), Path(__file__).with_name("production.py"))
    )
    production = production_settings().model_dump_json()
    return {
        # The local stack deploys `host`; both are as `darkroom up` and `make synth` write them.
        "aws": assembly_key("aws", NO_ACCOUNT, DEFAULT_STAGE),
        "host": assembly_key("host", NO_ACCOUNT, DEFAULT_STAGE),
        "production": production,
        "without-dedicated-tenant": f"{production}\0without",
        "unacknowledged": own,
        "linted": own,
    }


def findings(template: dict[str, Any], region: str) -> list[str]:
    """Return what cfn-lint finds in ``template``."""
    from cfnlint.api import ManualArgs, lint  # takes seconds to import

    config = ManualArgs(ignore_checks=_IGNORED, regions=[region])
    return [str(match) for match in lint(json.dumps(template), config=config)]


def synthesize_all() -> None:
    """Bring every assembly up to date; one process at a time does, and others wait for it."""
    with lock(FOLDER / "tests"):
        if all(is_current(FOLDER / name, key) for name, key in keys().items()):
            return
        run = subprocess.run([sys.executable, __file__], cwd=ROOT, capture_output=True, text=True, check=False)
        assert run.returncode == 0, f"synthesizing failed:\n{run.stdout}\n{run.stderr}"


def main() -> None:
    dev, production = load_settings(DEFAULT_STAGE), production_settings()
    fewer = without_dedicated_tenant(production)
    write: dict[str, Callable[[Path], None]] = {
        "aws": partial(_write, dev, "aws"),
        "host": partial(_write, dev, "host"),
        "production": partial(_write, production, "host"),
        "without-dedicated-tenant": partial(_write, fewer, "host", code_of=production, check=False),
        "unacknowledged": _write_unacknowledged,
        "linted": partial(_write_linted, dev.regions.primary),  # after those that it reads
    }
    for name, key in keys().items():
        keep_assembly(FOLDER / name, key, write[name])


def _write(
    settings: Settings, target: Target, folder: Path, *, code_of: Settings | None = None, check: bool = True
) -> None:
    """Write templates of ``settings`` with the code of ``code_of``, by default of the same: code has tenants' names."""
    import aws_cdk as cdk

    from infra.app import add_stacks, check_findings
    from infra.assets import Assets

    context = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]
    app = cdk.App(outdir=str(folder), analytics_reporting=False, context=context | {"target": target})
    add_stacks(app, settings, NO_ACCOUNT, Assets(target, code_of or settings))
    if check:
        check_findings(app)
    app.synth()


def _write_unacknowledged(folder: Path) -> None:
    """Synthesize a bucket with a finding of cdk-nag that nothing acknowledges."""
    import aws_cdk as cdk
    from aws_cdk import aws_s3

    from infra.app import check_findings

    app = cdk.App(outdir=str(folder))
    aws_s3.Bucket(cdk.Stack(app, "Unacknowledged"), "Bucket")
    check_findings(app)
    try:
        app.synth()
    except RuntimeError as error:
        (folder / REFUSAL).write_text(str(error), encoding="utf-8")


def _write_linted(region: str, folder: Path) -> None:
    """Lint once for each change of a template: that takes longer than all other tests of templates."""
    production = Assembly.read(FOLDER / "production").templates
    linted = Assembly.read(FOLDER / "aws").templates | {
        name: production[name] for name in (f"DarkroomProduction{kind}" for kind in LINTED_OF_PRODUCTION)
    }
    folder.mkdir()
    found = {name: findings(template, region) for name, template in linted.items()}
    (folder / LINTED).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
