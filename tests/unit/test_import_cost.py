"""Imports cost time on every cold start: handlers import only the packages they need."""

import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

# botocore and PyJWT import these if installed; these functions do not have them.
ABSENT = ("awscrt", "certifi", "cryptography")
SCRIPT = (
    f"import sys; sys.modules.update(dict.fromkeys({ABSENT})); before = set(sys.modules)\n"
    "import {}\n"
    "print(*(set(sys.modules) - before), sep='\\n')"
)

LAMBDAS = Path(__file__).parents[2] / "lambdas"
SDK = {"boto3", "botocore", "s3transfer", "jmespath", "urllib3", "dateutil", "six"}  # the runtime's
MODELS = {"pydantic", "pydantic_core", "annotated_types", "typing_extensions", "typing_inspection"}
LOGS = {"aws_lambda_powertools"}
DRAWING = {"pyvips", "_libvips", "cffi", "_cffi_backend"}


@cache
def imported_by(module: str) -> frozenset[str]:
    ran = subprocess.run([sys.executable, "-c", SCRIPT.format(module)], capture_output=True, text=True, check=True)
    return frozenset(ran.stdout.split())


def packages(module: str) -> set[str]:
    """Return the third-party packages that importing ``module`` loads."""
    found = {name.partition(".")[0] for name in imported_by(module)}
    own = {"lambdas", *sys.stdlib_module_names}
    return {name for name in found - own if not name.startswith(("__", "_sysconfigdata"))}


NEEDED = {
    "lambdas.authorize.handler": SDK | MODELS | LOGS | {"jwt"},
    "lambdas.backfill.handler": SDK | MODELS | LOGS | DRAWING,
    "lambdas.derive.handler": SDK | MODELS | LOGS | DRAWING,
    "lambdas.fallback_share.handler": SDK | MODELS | LOGS,
    "lambdas.generate.handler": SDK | MODELS | LOGS | DRAWING,
    "lambdas.metadata.handler": SDK | MODELS | LOGS | DRAWING,
    "lambdas.record.handler": SDK | MODELS | LOGS,
    "lambdas.sweep.handler": SDK | MODELS | LOGS,
    "lambdas.upload_api.handler": SDK | MODELS | LOGS | {"jwt"},
    "lambdas.validate.handler": SDK | MODELS | LOGS,
    "lambdas.edge.origin_request": SDK,
    "lambdas.imaging.rejection.limits": MODELS,
    "lambdas.imaging.plan": MODELS,
    "lambdas.imaging.render": MODELS | DRAWING,
    "lambdas.imaging.formats": set(),
    "lambdas.core.messages": MODELS,
    "lambdas.core.settings": MODELS,
}


@pytest.mark.parametrize("module", NEEDED)
def test_modules_import_only_what_they_need(module: str) -> None:
    assert packages(module) <= NEEDED[module]


def test_every_handler_is_listed() -> None:
    handlers = {f"lambdas.{path.parent.name}.handler" for path in LAMBDAS.glob("*/handler.py")}
    assert handlers == {module for module in NEEDED if module.endswith(".handler")}


@pytest.mark.parametrize("module", ["lambdas.validate.handler", "lambdas.record.handler", "lambdas.derive.handler"])
def test_only_the_api_imports_routing(module: str) -> None:
    assert "aws_lambda_powertools.event_handler" in imported_by("lambdas.upload_api.handler")
    assert "aws_lambda_powertools.event_handler" not in imported_by(module)


@pytest.mark.parametrize("function", ["metadata", "derive", "generate", "backfill"])
def test_drawing_handlers_load_libvips_before_the_first_request(function: str) -> None:
    assert "pyvips" in imported_by(f"lambdas.{function}.handler")
