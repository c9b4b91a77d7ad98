"""Both targets' templates, synthesized once a session and kept while their inputs do not change."""

import pytest
from production import production_settings, synthesize_production
from synthesized import Assembly

from infra.assets.packages import ROOT
from infra.names import Names
from infra.synth import NO_ACCOUNT, synthesize
from lambdas.core.settings import DEFAULT_STAGE, Settings, load_settings


@pytest.fixture(scope="session")
def settings() -> Settings:
    return load_settings(stage=DEFAULT_STAGE)


@pytest.fixture(scope="session")
def names(settings: Settings) -> Names:
    return Names(settings, NO_ACCOUNT)


@pytest.fixture(scope="session")
def aws() -> Assembly:
    return Assembly.read(synthesize(ROOT / "build" / "synth" / "aws", target="aws"))


@pytest.fixture(scope="session")
def host() -> Assembly:
    return Assembly.read(synthesize(ROOT / "build" / "synth" / "host", target="host"))


@pytest.fixture(scope="session")
def production(tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    return synthesize_production(tmp_path_factory.mktemp("production"), production_settings())
