"""The archives: the same bytes for the same input, fit for their target, small, and whole."""

import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
from synthesized import Assembly, Resource, referenced

from infra import assets, packages

DRAWING = {"metadata", "derive", "generate"}
ARM64 = 183  # e_machine of an ELF file: EM_AARCH64
MEGABYTE = 1024**2
# What the runtime brings besides Python itself: boto3 and what it needs.
RUNTIME_PACKAGES = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six")


def code_of(assembly: Assembly) -> Path:
    return assembly.asset(next(each for each in assembly.all("AWS::Lambda::Function") if "Layers" in each.properties))


def layer_named(assembly: Assembly, name: str) -> Path:
    layers = assembly.all("AWS::Lambda::LayerVersion")
    (archive,) = {assembly.asset(layer) for layer in layers if name in layer.properties["LayerName"]}  # of every stack
    return archive


def layer_of(assembly: Assembly) -> Path:
    return layer_named(assembly, "libvips")


def signatures_of(assembly: Assembly) -> Path:
    return layer_named(assembly, "signatures")


def machines(archive: Path) -> dict[str, int]:
    """Return the machine that each ELF file in ``archive`` was built for."""
    with zipfile.ZipFile(archive) as zipped:
        heads = {name: zipped.read(name)[:20] for name in zipped.namelist() if ".so" in name}
    return {name: int.from_bytes(head[18:20], "little") for name, head in heads.items() if head[:4] == b"\x7fELF"}


def test_the_code_has_the_handlers_and_the_settings_and_nothing_superfluous(aws: Assembly) -> None:
    names = zipfile.ZipFile(code_of(aws)).namelist()
    assert {"darkroom.toml", "lambdas/settings.py", "lambdas/validate/handler.py", "pydantic/__init__.py"} <= set(names)
    for name in names:
        parts = Path(name).parts
        assert not {"__pycache__", "tests", "boto3", "botocore", "pyvips", "cryptography", "bin"} & set(parts), name
        assert not any(part.endswith(".dist-info") for part in parts), name


def test_the_layer_lies_where_lambda_looks_for_it(aws: Assembly) -> None:
    names = zipfile.ZipFile(layer_of(aws)).namelist()
    assert all(name.startswith("python/") for name in names)
    assert "python/pyvips/__init__.py" in names
    assert any("libvips" in name and ".so" in name for name in names)


@pytest.mark.parametrize("asset", [code_of, layer_of, signatures_of])
def test_what_goes_to_aws_runs_on_arm64(aws: Assembly, asset: Callable[[Assembly], Path]) -> None:
    with zipfile.ZipFile(asset(aws)) as zipped:
        pythons = {version for name in zipped.namelist() for version in re.findall(r"\.cpython-(\d+)-", name)}
    assert pythons == {"313"}
    built_for = machines(asset(aws))
    assert built_for
    assert set(built_for.values()) == {ARM64}


def test_the_archives_keep_within_their_budget(aws: Assembly) -> None:
    assert code_of(aws).stat().st_size < 6 * MEGABYTE
    assert layer_of(aws).stat().st_size < 16 * MEGABYTE
    assert signatures_of(aws).stat().st_size < 8 * MEGABYTE


def test_the_edge_function_is_one_file(aws: Assembly) -> None:
    edge = aws.one("AWS::Lambda::Function", Handler="origin_request.handler")
    assert zipfile.ZipFile(aws.asset(edge)).namelist() == ["origin_request.py"]


def test_the_same_files_give_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def build(folder: str, seconds: int) -> bytes:
        monkeypatch.setattr(assets, "BUILD", tmp_path / folder)
        source = tmp_path / folder / "source.py"
        source.parent.mkdir()
        source.write_text("answer = 42\n", encoding="utf-8")
        os.utime(source, (seconds, seconds))
        source.chmod(0o600 + seconds % 2 * 0o44)
        return assets._archive("code", {"b.py": source, "a.py": source}).read_bytes()

    assert build("first", 1_000_000_001) == build("second", 1_700_000_000)


def test_a_changed_file_gives_another_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assets, "BUILD", tmp_path)
    source = tmp_path / "source.py"
    source.write_text("answer = 42\n", encoding="utf-8")
    first = assets._archive("code", {"a.py": source})
    source.write_text("answer = 43\n", encoding="utf-8")
    assert assets._archive("code", {"a.py": source}) != first


def test_without_uv_the_error_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(packages, "ROOT", tmp_path)
    with pytest.raises(packages.AssetError, match="expected uv on the PATH"):
        packages.locked_requirements("lambdas")


def test_without_a_registry_the_error_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(packages, "BUILD", tmp_path)
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    with pytest.raises(packages.AssetError, match="is a package registry within reach"):
        packages.installed_packages("drawing", "aws")
    assert not list(tmp_path.glob("packages-*"))


@pytest.fixture(scope="module")
def unpacked(host: Assembly, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Lay this machine's archives out as Lambda does, with what its runtime brings beside them."""
    folder = tmp_path_factory.mktemp("lambda")
    for archive, place in ((code_of(host), "task"), (layer_of(host), "libvips"), (signatures_of(host), "signatures")):
        zipfile.ZipFile(archive).extractall(folder / place)
    (folder / "runtime").mkdir()
    for package in RUNTIME_PACKAGES:
        found = find_spec(package)
        assert found and found.origin
        source = Path(found.origin).parent if Path(found.origin).name == "__init__.py" else Path(found.origin)
        (folder / "runtime" / source.name).symlink_to(source)
    return folder


def handlers(assembly: Assembly) -> list[Resource]:
    return [each for each in assembly.all("AWS::Lambda::Function") if each.properties["Handler"].startswith("lambdas.")]


def test_every_handler_is_imported_from_the_built_archives_alone(host: Assembly, unpacked: Path) -> None:
    for function in handlers(host):
        module, _, name = function.properties["Handler"].rpartition(".")
        folders = [unpacked / "task", unpacked / "runtime"]
        for layer in function.properties.get("Layers", []):
            named = function.template["Resources"][referenced(layer)]["Properties"]["LayerName"]
            folders.insert(1, unpacked / named.rpartition("-")[2] / "python")
        environment = {
            **function.properties["Environment"]["Variables"],
            "PYTHONPATH": os.pathsep.join(map(str, folders)),
            "PYTHONDONTWRITEBYTECODE": "1",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        # -S: without the packages of this environment, of which a Lambda has none.
        command = [sys.executable, "-S", "-c", f"import {module} as module; assert callable(module.{name})"]
        run = subprocess.run(
            command, env=environment, cwd=unpacked / "task", capture_output=True, text=True, check=False
        )
        assert run.returncode == 0, f"{function}: {run.stderr}"


@pytest.mark.parametrize(("layers", "verifies"), [(["signatures"], True), ([], False)])
def test_only_the_authorizers_layer_verifies_rs256_and_es256(unpacked: Path, layers: list[str], verifies: bool) -> None:
    folders = [unpacked / "task", *(unpacked / layer / "python" for layer in layers), unpacked / "runtime"]
    environment = {"PYTHONPATH": os.pathsep.join(map(str, folders)), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-S", "-c", "import jwt.algorithms; print(jwt.algorithms.has_crypto)"]
    run = subprocess.run(command, env=environment, cwd=unpacked, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == str(verifies)


def test_a_light_handler_needs_no_layer_and_a_drawing_one_does(unpacked: Path) -> None:
    # Guards the test above: without the layer, drawing must fail to be imported.
    environment = {"PYTHONPATH": os.pathsep.join((str(unpacked / "task"), str(unpacked / "runtime")))}
    command = [sys.executable, "-S", "-c", "import lambdas.derive.handler"]
    run = subprocess.run(command, env=environment, cwd=unpacked, capture_output=True, text=True, check=False)
    assert run.returncode != 0
    assert "pyvips" in run.stderr
