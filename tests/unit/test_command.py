"""The ``darkroom`` command line itself: quick help, defaults, and errors without a traceback."""

import inspect
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from infra.command import app, stack, terminal
from infra.local.errors import LocalStackError
from infra.local.state import Ports

SLOW = ("aws_cdk", "boto3", "httpx", "jwt", "numpy", "prefect", "psutil", "pydantic", "pyvips")


def test_the_command_starts_without_slow_imports() -> None:
    code = f"import infra.command, sys; print(*(name for name in {SLOW} if name in sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).split() == []


@pytest.mark.parametrize("name", typer.main.get_command(app).commands)  # type: ignore[attr-defined]
def test_every_command_has_a_one_line_summary_in_a_panel(name: str) -> None:
    command = typer.main.get_command(app).commands[name]  # type: ignore[attr-defined]
    assert command.rich_help_panel
    summary = command.help.split("\n\n")[0]
    assert summary.endswith(".")
    assert len(summary) < 62, "expected one line at 80 columns"


def test_up_shows_the_default_ports() -> None:
    parameters = inspect.signature(stack.up).parameters
    assert {f"{part}_port": port for part, port in Ports()} == {
        name: parameter.default for name, parameter in parameters.items() if name.endswith("_port")
    }


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (LocalStackError("what to do"), 1, "✗ what to do"),
        (ModuleNotFoundError("No module named 'ministack'", name="ministack"), 1, "missing here: ministack"),
        (KeyboardInterrupt(), 130, "Interrupted."),
    ],
)
def test_errors_are_one_line_and_a_status(
    error: BaseException, status: int, message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as exited, terminal.reported_errors():
        raise error
    assert exited.value.exit_code == status
    printed = capfd.readouterr().err
    assert message in printed
    assert "Traceback" not in printed


def test_defects_keep_their_traceback() -> None:
    with pytest.raises(ZeroDivisionError), terminal.reported_errors():
        _ = 1 / 0


def test_wrong_usage_exits_with_2() -> None:
    assert CliRunner().invoke(app, ["url"]).exit_code == 2
    assert CliRunner().invoke(app, ["fly"]).exit_code == 2
