"""A stage as one would be in production, with every part that is there by setting; of a fixed configuration."""

import json
from pathlib import Path

import aws_cdk as cdk
from synthesized import Assembly

from infra.app import add_stacks, check_findings
from infra.assets import Assets
from infra.assets.packages import ROOT
from infra.synth import NO_ACCOUNT
from lambdas.core.settings import Settings, parse_settings

CONFIGURATION = Path(__file__).with_name("snapshots") / "configuration.toml"
STAGE = "production"


def production_settings() -> Settings:
    """Return the settings: what ``configuration.toml`` sets, and for what is newer, the defaults."""
    return parse_settings(CONFIGURATION.read_text(encoding="utf-8"), STAGE)


def synthesize_production(folder: Path, settings: Settings, *, judged: bool = True) -> Assembly:
    """Write the templates of ``settings`` into ``folder``, ``judged`` by cdk-nag as those of every stage are."""
    context = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]
    app = cdk.App(outdir=str(folder), analytics_reporting=False, context=context)
    add_stacks(app, settings, NO_ACCOUNT, Assets("host", settings))
    if judged:
        check_findings(app)
    app.synth()
    return Assembly.read(folder)
