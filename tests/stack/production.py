"""The settings of a production stage with every optional part, from a fixed configuration."""

from pathlib import Path

from lambdas.core.settings import Settings, parse_settings

CONFIGURATION = Path(__file__).with_name("snapshots") / "configuration.toml"
STAGE = "production"


def production_settings() -> Settings:
    """Return the settings: what ``configuration.toml`` sets, and for what is newer, the defaults."""
    return parse_settings(CONFIGURATION.read_text(encoding="utf-8"), STAGE)
