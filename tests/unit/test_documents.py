"""README and docs: every command exists and says how it is tested; every link has a target."""

import re
import tomllib
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import botocore.session
import pytest
import typer
from botocore import xform_name
from botocore.exceptions import UnknownServiceError
from documents import CHECKOUT, DOCUMENTS, Block, anchors, blocks, commands, links, spoken_commands

from infra.command import app
from lambdas.core.settings import DEFAULT_STAGE, Settings, laid_over, settings_path

MARKERS = {"local", "needs-account", "slow"}
OTHER_LANGUAGES = {"python", "toml", "json", "html", "sql", "text", "mermaid"}
ENDS_THE_SHARED_STACK = {"up", "down", "demo"}
MAKEFILE = (CHECKOUT / "Makefile").read_text(encoding="utf-8")
MAKE_TARGETS = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
AWS_GLOBAL_OPTIONS = {"--region", "--query", "--output", "--profile", "--no-cli-pager"}
AWS_CUSTOM = {"s3", "configure", "sso", "login"}  # of the AWS CLI alone: botocore has no model of them
AWS_NAMES = {"s3api": "s3"}  # services that the command calls otherwise

every_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(CHECKOUT)))


@every_document
def test_every_block_has_a_language_and_a_test_marker(document: Path) -> None:
    for block in blocks(document):
        if block.language in OTHER_LANGUAGES:
            continue
        assert block.language == "sh", (
            f"{block}: expected sh or one of {OTHER_LANGUAGES} but received {block.language!r}"
        )
        assert block.marker in MARKERS, f"{block}: expected one of {MARKERS} after sh but received {block.marker!r}"


@every_document
def test_every_command_exists(document: Path) -> None:
    for block in blocks(document):
        if block.language == "sh":
            for command in commands(block.text):
                assert not (fault := fault_of(command)), f"{block}: {fault}"
    for command in spoken_commands(document):
        assert not (fault := fault_of(command)), f"{document.name}: {fault}"


@every_document
def test_local_blocks_leave_the_shared_stack_running(document: Path) -> None:
    for block in blocks(document):
        if block.marker == "local":
            for name, *arguments in commands(block.text):
                assert name != "make", f"{block}: make is slow, or ends the stack"
                assert name != "darkroom" or arguments[0] not in ENDS_THE_SHARED_STACK, block


@every_document
def test_every_link_has_a_target(document: Path) -> None:
    for link in links(document):
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), f"{document.name}: {link}"
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), f"{document.name}: {link}"


@every_document
def test_documented_settings_are_valid(document: Path) -> None:
    for block in blocks(document):
        if block.language == "toml":
            for tables in stages_with(block):
                Settings.model_validate(tables)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("darkroom fly", "no command fly"),
        ("darkroom upload photo.jpg --quickly", "no option --quickly"),
        ("darkroom dead-letters lose", "no command lose"),
        ("make tea", "no target tea"),
        ("make deploy PLANET=mars", "no variable PLANET"),
        ("python -m operations.magic", "no module operations.magic"),
        ("aws sqs juggle", "no operation juggle"),
        ("aws sqs get-queue-attributes --queue-uri x", "no option --queue-uri"),
        ("aws cloudformation delete-stack --no-stack-name x", "no option --no-stack-name"),
        ("aws teapot brew", "no service teapot"),
        ("x=$(darkroom fly) && true", "no command fly"),
    ],
)
def test_unknown_commands_are_found(text: str, expected: str) -> None:
    assert expected in "".join(filter(None, map(fault_of, commands(text))))


@pytest.mark.parametrize(
    "text",
    [
        "darkroom url 0 -w 800 --help | head",
        "darkroom dead-letters --help",
        ".venv/bin/python -m infra.synth --target host",
        "make deploy STAGE=production",
        "aws sqs get-queue-attributes --queue-url x --attribute-names All --region us-east-1",
        "aws cloudformation update-termination-protection --no-enable-termination-protection --stack-name x",
        "AWS_REGION=us-east-1 darkroom status",
    ],
)
def test_existing_commands_pass(text: str) -> None:
    assert [fault_of(command) for command in commands(text)] == [None] * len(list(commands(text)))


def fault_of(command: list[str]) -> str | None:
    """Return what ``command`` names that does not exist, if anything."""
    name, *arguments = command
    judges: dict[str, Callable[[list[str]], str | None]] = {
        "darkroom": lambda words: _fault_of_darkroom(typer.main.get_command(app), words),
        "make": _fault_of_make,
        "python": _fault_of_python,
        "aws": _fault_of_aws,
    }
    return judges[name](arguments) if name in judges else None


def _fault_of_darkroom(command: Any, words: list[str]) -> str | None:
    group = getattr(command, "commands", None)  # typer may bring a click of its own: no class to ask for
    if group is not None and words and not words[0].startswith("-"):
        return _fault_of_darkroom(group[words[0]], words[1:]) if words[0] in group else f"no command {words[0]}"
    known = {"--help", *(option for each in command.params for option in (*each.opts, *each.secondary_opts))}
    return next((f"no option {word}" for word in words if word.startswith("-") and word not in known), None)


def _fault_of_make(words: list[str]) -> str | None:
    for word in words:
        variable, is_assignment, _ = word.partition("=")
        if is_assignment and f"$({variable})" not in MAKEFILE:
            return f"no variable {variable}"
        if not is_assignment and word not in MAKE_TARGETS:
            return f"no target {word}"
    return None


def _fault_of_python(words: list[str]) -> str | None:
    if "-m" not in words[:-1]:
        return None
    name = words[words.index("-m") + 1]
    try:
        found = find_spec(name)
    except ModuleNotFoundError:
        found = None
    return None if found else f"no module {name}"


def _fault_of_aws(words: list[str]) -> str | None:
    service, *rest = words
    if service in AWS_CUSTOM or rest[:1] == ["wait"]:
        return None
    try:
        model = botocore.session.get_session().get_service_model(AWS_NAMES.get(service, service))
    except UnknownServiceError:
        return f"no service {service}"
    operations = {xform_name(name, "-"): name for name in model.operation_names}
    if rest[0] not in operations:
        return f"no operation {rest[0]}"
    shape = model.operation_model(operations[rest[0]]).input_shape
    members = shape.members if shape else {}
    known = AWS_GLOBAL_OPTIONS | {f"--{xform_name(member, '-')}" for member in members}
    switches = {name for name, member in members.items() if member.type_name == "boolean"}
    known |= {f"--no-{xform_name(member, '-')}" for member in switches}
    return next((f"no option {word}" for word in rest if word.startswith("--") and word not in known), None)


def stages_with(block: Block) -> Iterator[dict[str, Any]]:
    """Yield the tables of ``darkroom.toml`` with those of ``block`` laid over, for each stage that it speaks of."""
    shown = tomllib.loads(block.text)
    tables = laid_over(tomllib.loads(settings_path().read_text(encoding="utf-8")), shown)
    stages = tables.pop("stage")
    for stage in (DEFAULT_STAGE, *shown.get("stage", {})):
        yield {**laid_over(tables, stages.get(stage, {})), "stage": stage}
