"""The archives: the same bytes for the same input, fit for their target, small, and whole."""

import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterable
from importlib.util import cache_from_source, find_spec
from io import BytesIO
from pathlib import Path
from subprocess import CompletedProcess

import imagecodecs
import numpy as np
import pillow_heif
import pytest
from elftools.elf.elffile import ELFFile
from PIL import Image
from synthesized import Assembly, Resource, referenced

from infra import assets
from infra.assets import packages
from infra.assets.archives import Budget, OverBudgetError, write_archive
from infra.assets.packages import ROOT, compile_tree, compiler
from lambdas.core.settings import ARCHIVED_NAME, DEFAULT_STAGE, STAGE_VARIABLE, load_settings, parse_settings

DRAWING = {"metadata", "derive", "generate"}
AMAZON_LINUX_GLIBC = (2, 34)
# What Amazon Linux 2023 has of itself, as the policy manylinux_2_28 counts on it.
AMAZON_LINUX_LIBRARIES = {
    "ld-linux-aarch64.so.1", "libc.so.6", "libdl.so.2", "libgcc_s.so.1", "libm.so.6", "libpthread.so.0",
    "libresolv.so.2", "librt.so.1", "libstdc++.so.6", "libz.so.1",
}  # fmt: skip
ROOMY = Budget(zipped=1, unzipped=1)
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


every_archive = pytest.mark.parametrize("archive", [code_of, layer_of, signatures_of])


def libraries(archive: Path) -> dict[str, ELFFile]:
    """Return each ELF file in ``archive`` by its name there."""
    with zipfile.ZipFile(archive) as zipped:
        return {name: ELFFile(BytesIO(zipped.read(name))) for name in zipped.namelist() if ".so" in name}


def needed(library: ELFFile) -> set[str]:
    section = library.get_section_by_name(".dynamic")
    return {tag.needed for tag in section.iter_tags() if tag.entry.d_tag == "DT_NEEDED"}


def test_the_code_has_the_handlers_and_the_settings(aws: Assembly) -> None:
    names = zipfile.ZipFile(code_of(aws)).namelist()
    assert {
        ARCHIVED_NAME,
        "lambdas/core/settings/__init__.py",
        "lambdas/validate/handler.py",
        "pydantic/__init__.py",
    } <= set(names)
    own = {name for name in names if name.split("/")[0] in {path.name for path in ROOT.iterdir()}}
    assert {name.split("/")[0] for name in own} == {"lambdas"}
    assert not any(name.startswith("lambdas/edge/") for name in names)  # deployed by itself


@every_archive
def test_nothing_superfluous_travels(aws: Assembly, archive: Callable[[Assembly], Path]) -> None:
    absent = {"tests", "test", "bin", "include", "boto3", "botocore"}
    if archive is not layer_of:
        absent |= {"pyvips", "PIL"}
    if archive is not signatures_of:
        absent |= {"cryptography"}
    for name in zipfile.ZipFile(archive(aws)).namelist():
        path = Path(name)
        assert not absent & set(path.parts), name
        assert path.suffix not in {".map", ".pyi", ".h", ".c", ".pyx", ".a", ".js", ".css", ".html"}, name
        assert not any(part.endswith((".dist-info", ".egg-info")) or part.startswith(".") for part in path.parts), name


def test_the_layer_lies_where_lambda_looks_for_it(aws: Assembly) -> None:
    names = zipfile.ZipFile(layer_of(aws)).namelist()
    assert all(name.startswith("python/") for name in names)
    assert "python/pyvips/__init__.py" in names
    assert any("libvips" in name and ".so" in name for name in names)


@every_archive
def test_what_goes_to_aws_runs_on_arm64_and_amazon_linux(aws: Assembly, archive: Callable[[Assembly], Path]) -> None:
    with zipfile.ZipFile(archive(aws)) as zipped:
        pythons = {version for name in zipped.namelist() for version in re.findall(r"\.cpython-(\d+)-", name)}
    assert pythons == {"313"}
    built = libraries(archive(aws))
    assert {library.header.e_machine for library in built.values()} == {"EM_AARCH64"}
    versions = {
        tuple(map(int, needed_version.name.removeprefix("GLIBC_").split(".")))
        for library in built.values()
        for _, wanted in library.get_section_by_name(".gnu.version_r").iter_versions()
        for needed_version in wanted
        if re.fullmatch(r"GLIBC_[\d.]+", needed_version.name)
    }
    assert max(versions) <= AMAZON_LINUX_GLIBC


@every_archive
def test_what_runs_here_is_compiled(host: Assembly, archive: Callable[[Assembly], Path]) -> None:
    names = set(zipfile.ZipFile(archive(host)).namelist())
    sources = {name for name in names if name.endswith(".py") and Path(name).name != "__init__.py"}
    compiled = {name for name in sources if cache_from_source(name) in names}
    assert len(compiled) > 0.95 * len(sources) > 0, f"expected bytecode of {sorted(sources - compiled)} too"


@pytest.mark.skipif(compiler("3.13") is None, reason="expected Python 3.13, which functions run on, but found none")
def test_what_goes_to_aws_is_compiled_where_its_python_is_at_hand(aws: Assembly) -> None:
    assert "lambdas/validate/__pycache__/handler.cpython-313.pyc" in zipfile.ZipFile(code_of(aws)).namelist()


def test_without_the_functions_python_archives_hold_source_alone(tmp_path: Path) -> None:
    assert compiler("2.6") is None
    assert {name for name, _ in assets._handlers(tmp_path, None, load_settings()) if name.endswith(".pyc")} == set()


def test_bytecode_is_the_same_wherever_it_is_compiled_and_never_held_against_its_source(tmp_path: Path) -> None:
    written = []
    for place in ("here", "elsewhere"):
        source = tmp_path / place / "module.py"
        source.parent.mkdir()
        source.write_text("NAMES = {'a', 'b', 'c'}\nassert __name__ in NAMES or NAMES\n", encoding="utf-8")
        compile_tree(source.parent, sys.executable)
        written.append(Path(cache_from_source(source)).read_bytes())
    assert written[0] == written[1]
    unchecked = 0b01  # PEP 552
    assert int.from_bytes(written[0][4:8], "little") == unchecked


@every_archive
def test_every_library_finds_those_that_it_needs(aws: Assembly, archive: Callable[[Assembly], Path]) -> None:
    built = libraries(archive(aws))
    there = {Path(name).name for name in built} | AMAZON_LINUX_LIBRARIES
    for name, library in built.items():
        assert needed(library) <= there, name


def test_no_library_lies_there_that_nothing_needs(aws: Assembly) -> None:
    built = libraries(layer_of(aws))
    wanted = {name for library in built.values() for name in needed(library)}
    wanted |= {Path(name).name for name in built if "/libjxl-" in name}  # opened by lambdas.imaging.libjxl
    modules = {name for name in built if ".libs/" not in name}  # of Python, which are imported
    assert {Path(name).name for name in set(built) - modules} <= wanted


def test_an_archive_beyond_its_budget_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "source.py"
    source.write_bytes(os.urandom(30_000))
    write_archive(tmp_path, "code", {"a.py": source}, Budget(zipped=0.04, unzipped=0.04))
    for budget in (Budget(zipped=0.02, unzipped=0.04), Budget(zipped=0.04, unzipped=0.02)):
        with pytest.raises(OverBudgetError, match="within its budget but received code:"):
            write_archive(tmp_path, "code", {"a.py": source}, budget)


def test_bytecode_counts_in_the_zipped_size_alone(tmp_path: Path) -> None:
    source, bytecode = tmp_path / "a.py", tmp_path / "a.pyc"
    source.write_bytes(os.urandom(10_000))
    bytecode.write_bytes(os.urandom(30_000))
    entries = {"a.py": source, "__pycache__/a.pyc": bytecode}
    archive = write_archive(tmp_path, "code", entries, Budget(zipped=0.05, unzipped=0.02))
    assert (archive.unzipped, archive.without_bytecode) == (40_000, 10_000)
    with pytest.raises(OverBudgetError):
        write_archive(tmp_path, "code", entries, Budget(zipped=0.03, unzipped=0.02))


def test_code_and_layers_beyond_what_lambda_unpacks_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    built = assets.Assets("host", load_settings())
    monkeypatch.setattr(assets, "_LAMBDA_UNZIPPED_BYTES", 1000)
    with pytest.raises(OverBudgetError, match="at most 1000 bytes unzipped"):
        _ = built.origin_request


def test_the_edge_function_is_one_file(aws: Assembly) -> None:
    edge = aws.one("AWS::Lambda::Function", Handler="origin_request.handler")
    assert zipfile.ZipFile(aws.asset(edge)).namelist() == ["origin_request.py"]


def test_the_same_files_give_the_same_bytes(tmp_path: Path) -> None:
    def build(folder: str, seconds: int) -> bytes:
        source = tmp_path / folder / "source.py"
        source.parent.mkdir()
        source.write_text("answer = 42\n", encoding="utf-8")
        os.utime(source, (seconds, seconds))
        source.chmod(0o600 + seconds % 2 * 0o44)
        return write_archive(tmp_path / folder, "code", {"b.py": source, "a.py": source}, ROOMY).path.read_bytes()

    assert build("first", 1_000_000_001) == build("second", 1_700_000_000)


@pytest.mark.extra
def test_another_folder_time_and_umask_give_the_same_archives(
    aws: Assembly, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (assets, packages):
        monkeypatch.setattr(module, "BUILD", tmp_path / "elsewhere")
    before = os.umask(0o077)
    try:
        built = assets.Assets("aws", load_settings())
        again = [built.code, built.libvips_layer, built.signatures_layer]
    finally:
        os.umask(before)
    assert [path.read_bytes() for path in again] == [
        archive(aws).read_bytes() for archive in (code_of, layer_of, signatures_of)
    ]


def test_a_changed_file_gives_another_archive(tmp_path: Path) -> None:
    source = tmp_path / "source.py"
    source.write_text("answer = 42\n", encoding="utf-8")
    first = write_archive(tmp_path, "code", {"a.py": source}, ROOMY)
    source.write_text("answer = 43\n", encoding="utf-8")
    assert write_archive(tmp_path, "code", {"a.py": source}, ROOMY).path != first.path


def test_only_settings_that_functions_read_make_other_code() -> None:
    def code(tables: str) -> Path:
        return assets.Assets("host", parse_settings(f"{tables}\n[stage.dev]", "dev")).code

    before = code('alarms.emails = ["on-call@example.com"]')
    assert code('alarms.emails = ["someone-else@example.com"]\nbudget.monthly_usd = 5') == before
    assert code("limits.max_pixels = 90_000_000") != before


def test_without_uv_the_error_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(packages, "ROOT", tmp_path)
    with pytest.raises(packages.AssetError, match="No uv on the PATH"):
        packages.locked_requirements("lambdas")


def test_without_a_registry_the_error_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(packages, "BUILD", tmp_path)
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    with pytest.raises(packages.AssetError, match="check that a package registry can be reached"):
        packages.installed_packages("drawing", "aws")
    assert not list(tmp_path.glob("packages-*"))


@pytest.fixture(scope="module")
def unpacked(host: Assembly, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Lay this machine's archives out, each in a folder of its file's name, and what Lambda's runtime brings."""
    folder = tmp_path_factory.mktemp("lambda")
    for archive in {host.asset(each) for each in host.all("AWS::Lambda::Function", "AWS::Lambda::LayerVersion")}:
        zipfile.ZipFile(archive).extractall(folder / archive.name)
    (folder / "runtime").mkdir()
    for package in RUNTIME_PACKAGES:
        found = find_spec(package)
        assert found and found.origin
        source = Path(found.origin).parent if Path(found.origin).name == "__init__.py" else Path(found.origin)
        (folder / "runtime" / source.name).symlink_to(source)
    return folder


def run_in_lambda(unpacked: Path, archives: Iterable[str], code: str, **variables: str) -> "CompletedProcess[str]":
    """Run ``code`` in a fresh process that sees the standard library, the runtime's packages and ``archives``."""
    folders = [str(unpacked / archive / below) for archive in archives for below in ("", "python")]
    program = f"import sys; sys.path[:0] = {[*folders, str(unpacked / 'runtime')]!r}\n{code}"
    # -I and -S: without this environment's packages, of which a Lambda has none.
    command = [sys.executable, "-I", "-S", "-B", "-c", program]
    variables = {STAGE_VARIABLE: DEFAULT_STAGE, **variables}
    return subprocess.run(command, env=variables, cwd=unpacked, capture_output=True, text=True, check=False)


def archives_of(function: Resource, assembly: Assembly) -> tuple[str, ...]:
    layers = [
        Resource(function.stack, referenced(layer), "", function.template["Resources"][referenced(layer)], {})
        for layer in function.properties.get("Layers", [])
    ]
    return tuple(assembly.asset(each).name for each in (function, *layers))


def test_every_handler_is_imported_from_the_built_archives_alone(host: Assembly, unpacked: Path) -> None:
    # Lanes have the same functions: each handler once, with what it is deployed with.
    found = {(each.properties["Handler"], archives_of(each, host)): each for each in host.all("AWS::Lambda::Function")}
    for (handler, archives), function in found.items():
        module, _, name = handler.rpartition(".")
        given = function.properties.get("Environment", {}).get("Variables", {})
        variables = {name: value if isinstance(value, str) else "known once deployed" for name, value in given.items()}
        region = {"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1"}
        code = f"import {module} as module; assert callable(module.{name})"
        run = run_in_lambda(unpacked, archives, code, **variables, **region)
        assert run.returncode == 0, f"{function}: {run.stderr}"


@pytest.mark.parametrize(
    ("stage", "said"),
    [
        ("", "expected a stage in the environment variable DARKROOM_STAGE but it is not set"),
        ("production", "expected the stage dev, as the archive has it, but received 'production'"),
    ],
)
def test_a_function_without_its_stage_fails_to_start(host: Assembly, unpacked: Path, stage: str, said: str) -> None:
    code = "import lambdas.validate.handler"
    assert run_in_lambda(unpacked, [code_of(host).name], code, AWS_REGION="us-east-1").returncode == 0
    run = run_in_lambda(unpacked, [code_of(host).name], code, AWS_REGION="us-east-1", DARKROOM_STAGE=stage)
    assert run.returncode != 0
    assert said in run.stderr


@pytest.mark.parametrize("layers", [[signatures_of], []])
def test_only_the_authorizers_layer_verifies_rs256_and_es256(
    host: Assembly, unpacked: Path, layers: list[Callable[[Assembly], Path]]
) -> None:
    archives = [archive(host).name for archive in (code_of, *layers)]
    run = run_in_lambda(unpacked, archives, "import jwt.algorithms; print(jwt.algorithms.has_crypto)")
    assert run.stdout.strip() == str(bool(layers)), run.stderr


def test_a_drawing_handler_needs_its_layer(host: Assembly, unpacked: Path) -> None:
    # Guards the tests above: what is missing in the archives must be missing in the process.
    run = run_in_lambda(unpacked, [code_of(host).name], "import lambdas.derive.handler", AWS_REGION="us-east-1")
    assert run.returncode != 0
    assert "pyvips" in run.stderr


def test_the_slim_layer_draws_a_heic_in_every_format(host: Assembly, unpacked: Path, tmp_path: Path) -> None:
    file = tmp_path / "photo.heic"
    pillow_heif.from_pillow(Image.new("RGB", (64, 48), "teal")).save(file)
    code = f"""
from pathlib import Path
from lambdas.imaging.decode import hevc_pixels
picture = hevc_pixels(Path({str(file)!r}).read_bytes())
assert (picture.width, picture.height) == (64, 48)
assert all(picture.write_to_buffer(suffix) for suffix in (".avif", ".webp", ".jpg"))
"""
    run = run_in_lambda(unpacked, [code_of(host).name, layer_of(host).name], code)
    assert run.returncode == 0, run.stderr


def test_the_slim_layer_draws_a_jpeg_xl(host: Assembly, unpacked: Path, tmp_path: Path) -> None:
    file = tmp_path / "photo.jxl"
    file.write_bytes(imagecodecs.jpegxl_encode(np.full((48, 64, 3), 120, np.uint8)))
    code = f"""
from pathlib import Path
from lambdas.core.keys import Variant
from lambdas.core.settings import load_settings
from lambdas.imaging.render import render
data, wanted = Path({str(file)!r}).read_bytes(), [Variant(256, 0, fmt) for fmt in ("avif", "webp", "jpeg")]
assert len(list(render(data, wanted, load_settings()))) == 3
"""
    run = run_in_lambda(unpacked, [code_of(host).name, layer_of(host).name], code, DARKROOM_STAGE=DEFAULT_STAGE)
    assert run.returncode == 0, run.stderr


def test_the_slim_layer_keeps_animations_of_every_format(host: Assembly, unpacked: Path, tmp_path: Path) -> None:
    frames = [Image.new("RGB", (64, 48), (shade, 0, 0)) for shade in (0, 100, 200)]
    for name in ("a.gif", "a.webp", "a.png", "a.avif"):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:], duration=70)
    code = f"""
from pathlib import Path
from lambdas.core.keys import Variant
from lambdas.core.settings import load_settings
from lambdas.imaging.inspect import inspect
from lambdas.imaging.render import render
settings = load_settings()
for file in sorted(Path({str(tmp_path)!r}).glob("a.*")):
    variants = [Variant(settings.ladder.widths[0], 0, each) for each in ("avif", "webp")]
    drawn = render(file.read_bytes(), variants, settings)
    print(file.name, *(inspect(each.data, settings.limits).pages for each in drawn))
"""
    run = run_in_lambda(unpacked, [code_of(host).name, layer_of(host).name], code)
    assert run.stdout.splitlines() == [f"a.{name} 3 3" for name in ("avif", "gif", "png", "webp")], run.stderr
