"""``darkroom find`` and ``darkroom url`` on the local stack."""

import pytest
from typer.testing import CliRunner

from infra.command import app
from infra.local.stack import LocalStack
from infra.local.state import HOME_VARIABLE


@pytest.fixture(autouse=True)
def _home(stack: LocalStack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(stack.folder.home))


@pytest.mark.parametrize("thing", ["upload-api-url", "delivery-url"])  # of the primary region, and of the edge's
def test_one_name_prints_its_value(stack: LocalStack, thing: str) -> None:
    printed = CliRunner().invoke(app, ["find", thing])
    expected = {"upload-api-url": stack.upload_api, "delivery-url": stack.edge_url}[thing]
    assert (printed.exit_code, printed.stdout) == (0, f"{expected}\n")


def test_without_a_name_everything_is_listed(stack: LocalStack) -> None:
    printed = CliRunner().invoke(app, ["find"])
    found = dict(line.split("\t") for line in printed.stdout.splitlines())
    assert found["images-table"] == stack.parameter("images-table")
    assert found["delivery-url"] == stack.edge_url
    assert "lane-shared-queue-url" in found


def test_unknown_names_are_errors_with_the_way_out(capfd: pytest.CaptureFixture[str]) -> None:
    result = CliRunner().invoke(app, ["find", "philosophers-stone"])
    assert result.exit_code == 1
    told = result.output + result.stderr + capfd.readouterr().err
    assert "expected the parameter /darkroom/dev/philosophers-stone" in told
    assert "darkroom find" in told


def test_url_prints_a_picture_address_at_the_edge(stack: LocalStack) -> None:
    image_id = "0" * 32
    printed = CliRunner().invoke(app, ["url", image_id, "-w", "800"])
    assert printed.stdout == f"{stack.edge_url}/img/{image_id}?w=800\n"
