"""The wheels of Darkroom and of its client, built, and installed alone into fresh environments."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.assets.packages import ROOT

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def uv(*arguments: str) -> None:
    """Run uv, from its cache where possible; skip the test if the cache is not enough and no registry answers."""
    executable = shutil.which("uv") or shutil.which("uv", path=str(ROOT / ".uv" / "bin"))
    if executable is None:
        pytest.skip("no uv on the PATH or in .uv/bin")
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    for mode in ("--offline", "--no-progress"):
        run = subprocess.run(
            [executable, *arguments, mode], env=environment, capture_output=True, text=True, check=False
        )
        if run.returncode == 0:
            return
    if "Failed to fetch" in run.stderr or "error sending request" in run.stderr:
        pytest.skip(f"uv's cache is not enough and no package registry answers: {run.stderr.strip().splitlines()[-1]}")
    pytest.fail(run.stderr)


def installed(project: Path, folder: Path) -> Run:
    """Build the wheel of ``project``, install it into a fresh environment, and return what runs a command there."""
    uv("build", "--wheel", "--out-dir", str(folder / "dist"), str(project))
    (wheel,) = (folder / "dist").glob("*.whl")
    environment, elsewhere = folder / "environment", folder / "elsewhere"
    uv("venv", "--python", sys.executable, str(environment))
    uv("pip", "install", "--python", str(environment / "bin" / "python"), str(wheel))
    elsewhere.mkdir()

    def run(command: str, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [environment / "bin" / command, *arguments],
            cwd=elsewhere,
            env={"HOME": str(folder), "PATH": os.defpath, "COLUMNS": "200", **variables},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.fixture(scope="module")
def darkroom(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return installed(ROOT, tmp_path_factory.mktemp("darkroom"))


def test_the_command_runs_from_its_wheel(darkroom: Run) -> None:
    shown = darkroom("darkroom", "--help")
    assert shown.returncode == 0, shown.stderr
    assert "dead-letters" in shown.stdout


@pytest.mark.parametrize("command", ["up", "down", "status", "env", "demo", "traffic", "find"])
def test_commands_of_the_local_stack_ask_for_a_checkout(darkroom: Run, command: str) -> None:
    refused = darkroom("darkroom", command)
    assert refused.returncode == 1
    assert "needs a checkout of Darkroom" in refused.stderr
    assert "make up" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_settings_are_shown_from_the_wheel(darkroom: Run) -> None:
    shown = darkroom("darkroom", "settings", DARKROOM_SETTINGS=str(ROOT / "darkroom.toml"))
    assert shown.returncode == 0, shown.stderr
    assert '"darkroom"' in shown.stdout
    missing = darkroom("darkroom", "find", "--aws")
    assert missing.returncode == 1
    assert "No darkroom.toml" in missing.stderr


@pytest.mark.parametrize(
    "command", ["find", "token demo", "keys", "rotate-keys", "reserve", "dead-letters", f"url {'0' * 32}"]
)
def test_commands_for_aws_have_all_their_packages(darkroom: Run, command: str) -> None:
    unreachable = {
        "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_MAX_ATTEMPTS": "1",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1", "DARKROOM_SETTINGS": str(ROOT / "darkroom.toml"),
    }  # fmt: skip
    failed = darkroom("darkroom", *command.split(), "--aws", **unreachable)
    assert failed.returncode == 1
    assert "cannot be read: Could not connect to the endpoint URL" in failed.stderr
    assert darkroom("python", "-c", "import awscrt").returncode == 0, "expected the signer of CloudFront KeyValueStore"


def test_uploads_to_another_api_run_from_the_wheel(darkroom: Run, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"a picture")
    refused = darkroom("darkroom", "upload", str(tmp_path / "photo.jpg"), DARKROOM_API="http://127.0.0.1:1")
    assert refused.returncode == 2
    assert "expected a bearer token" in refused.stderr


def test_the_client_is_in_the_wheel(darkroom: Run) -> None:
    assert darkroom("python", "-c", "from darkroom_client import Api, Uploader").returncode == 0


def test_the_client_has_a_wheel_of_its_own(tmp_path: Path) -> None:
    run = installed(ROOT / "clients" / "python", tmp_path)
    imported = run("python", "-c", "from darkroom_client import Api, Journal, RetryPolicy, Uploader, files_below")
    assert imported.returncode == 0, imported.stderr
    assert run("python", "-c", "import infra").returncode == 1
