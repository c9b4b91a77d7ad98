"""Settings: every choice of the platform, with its default, its bounds and its meaning.

``darkroom.toml`` sets what differs from the defaults, for all stages or in a table ``[stage.NAME]``. Each module
here is one concern; ``darkroom settings`` lists them all.
"""

from lambdas.core.settings.ingest import Auth, Issuer
from lambdas.core.settings.lanes import FunctionName, FunctionSettings
from lambdas.core.settings.loading import (
    ARCHIVED_NAME,
    DEFAULT_STAGE,
    FILE_NAME,
    FILE_VARIABLE,
    STAGE_VARIABLE,
    SettingsError,
    SettingsFile,
    archived_settings,
    default_stage,
    laid_over,
    load_settings,
    parse_settings,
    runs_from_archive,
    settings_path,
)
from lambdas.core.settings.model import Settings
from lambdas.core.settings.operations import Analytics
from lambdas.core.settings.storage import EDGE_REGION

__all__ = [
    "ARCHIVED_NAME",
    "DEFAULT_STAGE",
    "EDGE_REGION",
    "FILE_NAME",
    "FILE_VARIABLE",
    "STAGE_VARIABLE",
    "Analytics",
    "Auth",
    "FunctionName",
    "FunctionSettings",
    "Issuer",
    "Settings",
    "SettingsError",
    "SettingsFile",
    "archived_settings",
    "default_stage",
    "laid_over",
    "load_settings",
    "parse_settings",
    "settings_path",
]

if runs_from_archive():
    load_settings()  # a function without its stage fails to start, and its first request waits for no settings
