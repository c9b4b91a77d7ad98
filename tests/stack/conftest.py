"""The synthesized assemblies as fixtures."""

import pytest
from assemblies import FOLDER, synthesize_all
from synthesized import Assembly

from infra.names import Names
from infra.synth import NO_ACCOUNT
from lambdas.core.settings import DEFAULT_STAGE, Settings, load_settings


@pytest.fixture(scope="session")
def settings() -> Settings:
    return load_settings(stage=DEFAULT_STAGE)


@pytest.fixture(scope="session")
def names(settings: Settings) -> Names:
    return Names(settings, NO_ACCOUNT)


@pytest.fixture(scope="session")
def assemblies() -> dict[str, Assembly]:
    synthesize_all()
    return {folder.name: Assembly.read(folder) for folder in FOLDER.iterdir() if not folder.name.startswith(".")}


@pytest.fixture(scope="session")
def aws(assemblies: dict[str, Assembly]) -> Assembly:
    """The stage dev with code for AWS."""
    return assemblies["aws"]


@pytest.fixture(scope="session")
def host(assemblies: dict[str, Assembly]) -> Assembly:
    """The stage dev with code for this machine, as the local stack deploys it."""
    return assemblies["host"]


@pytest.fixture(scope="session")
def production(assemblies: dict[str, Assembly]) -> Assembly:
    """A stage with every optional part; see ``production.py``."""
    return assemblies["production"]
