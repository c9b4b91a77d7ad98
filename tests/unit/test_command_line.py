"""``python -m flows.NAME``: options of every kind, help from docstrings, exit statuses."""

from types import SimpleNamespace
from typing import Any

import pytest


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Replace running a flow by recording its parameters; ``state`` is the state returned."""
    from prefect import Flow

    recorded = SimpleNamespace(parameters=None, state=SimpleNamespace(name="Completed", message="done", completed=True))

    def run(_flow: Any, return_state: bool, **parameters: Any) -> Any:
        assert return_state
        recorded.parameters = parameters
        state = recorded.state
        return SimpleNamespace(name=state.name, message=state.message, is_completed=lambda: state.completed)

    monkeypatch.setattr(Flow, "__call__", run)
    return recorded


def command(*arguments: str) -> int:
    from flows.backfill import backfill
    from flows.runtime.command_line import run_from_command_line

    return run_from_command_line(backfill, arguments)


def test_options_that_are_left_out_are_not_passed(runs: SimpleNamespace, capsys: pytest.CaptureFixture[str]) -> None:
    assert command() == 0
    assert runs.parameters == {}
    assert capsys.readouterr().out == "done\n"


def test_options_of_every_kind(runs: SimpleNamespace) -> None:
    chosen = ["--tenant", "demo", "--variants", "256x0.avif", "--variants", "512x0.avif", "--which", "lacking"]
    assert command(*chosen, "--no-dry-run", "--first-day", "2026-11-01", "--canary", "5") == 0
    assert runs.parameters == {
        "tenant": "demo",
        "variants": ["256x0.avif", "512x0.avif"],
        "which": "lacking",
        "dry_run": False,
        "first_day": "2026-11-01",
        "canary": "5",
    }


@pytest.mark.parametrize(
    ("name", "completed", "status"), [("Completed", True, 0), ("NothingToDo", True, 1), ("Failed", False, 2)]
)
def test_the_exit_status_is_the_state(
    runs: SimpleNamespace, name: str, completed: bool, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    runs.state = SimpleNamespace(name=name, message="why", completed=completed)
    assert command() == status
    printed = capsys.readouterr()
    assert (printed.out if completed else printed.err) == ("why\n" if completed else "Failed: why\n")


@pytest.mark.parametrize("arguments", [["--which", "nonsense"], ["--no-such-option"], ["--tenant"]])
def test_wrong_options_are_refused(runs: SimpleNamespace, arguments: list[str]) -> None:
    assert command(*arguments) == 2
    assert runs.parameters is None


def test_an_unknown_stage_is_refused_before_a_run(runs: SimpleNamespace, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("--stage", "nowhere") == 2
    assert "one of its stages (dev, staging, production) but received 'nowhere'" in capsys.readouterr().err
    assert runs.parameters is None


def test_help_describes_every_parameter(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    assert command("--help") == 0
    text = capsys.readouterr().out
    assert "python -m flows.backfill" in text
    assert "Draw derivatives of existing pictures" in text
    assert "What to draw, such as 1600x0.avif" in text
    assert "Args:" not in text
