"""``darkroom token``, ``keys`` and ``upload`` on the local stack."""

import os
from pathlib import Path

import httpx
import pytest
from api_calls import original
from typer.testing import CliRunner

from infra.command import app
from infra.local.stack import LocalStack
from infra.local.state import HOME_VARIABLE


@pytest.fixture
def home(stack: LocalStack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(stack.folder.home))


@pytest.mark.usefixtures("home")
def test_a_token_authorizes_its_scopes_only(stack: LocalStack) -> None:
    printed = CliRunner().invoke(app, ["token", "demo", "--scope", "images:read"])
    assert printed.exit_code == 0, printed.output
    headers = {"Authorization": f"Bearer {printed.stdout.strip()}"}
    with httpx.Client(trust_env=False, timeout=60, headers=headers) as http:
        assert http.get(f"{stack.upload_api}/images").status_code == 200
        body = {"content_type": "image/jpeg", "bytes": 1}
        assert http.post(f"{stack.upload_api}/uploads", json=body).status_code == 403


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["token", "nobody"], "tenant 'nobody' has no key"),
        (["token", "demo", "--scope", "everything"], "expected scopes among images:write"),
    ],
)
def test_unknown_tenants_and_scopes_are_errors(
    arguments: list[str], expected: str, capfd: pytest.CaptureFixture[str]
) -> None:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1
    assert expected in result.output + result.stderr + capfd.readouterr().err


@pytest.mark.usefixtures("home")
def test_existing_keys_are_kept() -> None:
    result = CliRunner().invoke(app, ["keys"])
    assert (result.exit_code, result.stdout.strip()) == (0, "Every key is there.")


@pytest.mark.usefixtures("home")
def test_a_folder_is_uploaded(stack: LocalStack, tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    contents = {tmp_path / "a.bin": os.urandom(500), tmp_path / "below" / "b.bin": os.urandom(700)}
    for file, content in contents.items():
        file.write_bytes(content)
    result = CliRunner().invoke(app, ["upload", str(tmp_path)])
    assert result.exit_code == 0, result.output
    ids = [word for line in result.output.splitlines() for word in line.split() if len(word) == 32]
    assert sorted(original(stack, image_id) for image_id in ids) == sorted(contents.values())


@pytest.mark.usefixtures("home")
def test_another_api_needs_a_token(stack: LocalStack, tmp_path: Path) -> None:
    file = tmp_path / "a.bin"
    file.write_bytes(b"x")
    environment = {"XDG_STATE_HOME": str(tmp_path / "state")}
    bare = CliRunner().invoke(app, ["upload", "--api", stack.upload_api, str(file)], env=environment)
    assert bare.exit_code != 0
    token = CliRunner().invoke(app, ["token", "demo"]).stdout.strip()
    with_token = CliRunner().invoke(
        app, ["upload", "--api", stack.upload_api, str(file)], env={**environment, "DARKROOM_TOKEN": token}
    )
    assert with_token.exit_code == 0, with_token.output
