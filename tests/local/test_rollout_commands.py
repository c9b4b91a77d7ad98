"""What make runs beside the CDK's command, on the local stack."""

import pytest
from typer.testing import CliRunner

from infra.command import app
from infra.local.stack import LocalStack
from infra.local.state import HOME_VARIABLE


@pytest.fixture(autouse=True)
def _home(stack: LocalStack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(stack.folder.home))


def test_preflight_finds_no_blocker(stack: LocalStack) -> None:
    result = CliRunner().invoke(app, ["preflight"])
    assert result.exit_code == 0, result.output
    assert "quota of 1000, 0 to reserve" in result.stdout  # everything is reserved already
    assert "0 blocker" not in result.stdout.splitlines()[-1]
    assert "not checked" in result.stdout  # Service Quotas, which the emulator has not


def test_preflight_fails_where_a_region_is_not_bootstrapped(stack: LocalStack) -> None:
    ssm, name = stack.client("ssm", stack.settings.regions.replica), "/cdk-bootstrap/hnb659fds/version"
    version = ssm.get_parameter(Name=name)["Parameter"]["Value"]
    ssm.delete_parameter(Name=name)
    try:
        result = CliRunner().invoke(app, ["preflight"])
    finally:
        ssm.put_parameter(Name=name, Value=version, Type="String")
    assert result.exit_code == 1
    assert "make bootstrap\n" in result.stdout
    assert "1 blocker" in result.stdout.splitlines()[-1]


def test_environments_are_those_with_code(stack: LocalStack) -> None:
    regions = stack.settings.regions
    printed = CliRunner().invoke(app, ["environments"]).stdout.split()
    assert printed == [f"aws://000000000000/{region}" for region in dict.fromkeys((regions.primary, regions.replica))]


def test_the_edge_function_of_a_deployed_stage_is_not_deleted(
    stack: LocalStack, capfd: pytest.CaptureFixture[str]
) -> None:
    result = CliRunner().invoke(app, ["remove-edge-function"])
    assert result.exit_code == 1
    told = result.output + result.stderr + capfd.readouterr().err
    assert "belongs to the stack DarkroomDevDelivery" in told
    assert stack.client("lambda").get_function(FunctionName="darkroom-dev-origin-request")


def test_an_unprotected_stage_has_nothing_to_protect(stack: LocalStack) -> None:
    result = CliRunner().invoke(app, ["protect"])
    assert (result.exit_code, result.stdout) == (0, "")
