"""Light handlers start without libvips, and imaging's pure parts without AWS."""

import subprocess
import sys

import pytest

HEAVY = ("pyvips", "_libvips", "cffi")


def imported_by(module: str) -> set[str]:
    script = f"import sys, {module}; print('\\n'.join(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(ran.stdout.split())


@pytest.mark.parametrize(
    "module",
    [
        "lambdas.upload.handler",
        "lambdas.validate.handler",
        "lambdas.record.handler",
        "lambdas.edge.origin_request",
        "lambdas.imaging.sniff",
        "lambdas.imaging.limits",
        "lambdas.messages",
    ],
)
def test_light_handlers_do_not_load_libvips(module: str) -> None:
    assert imported_by(module) & set(HEAVY) == set()


@pytest.mark.parametrize(
    "module",
    ["lambdas.metadata.handler", "lambdas.derive.handler", "lambdas.generate.handler", "lambdas.backfill.handler"],
)
def test_drawing_handlers_load_it_before_the_first_request(module: str) -> None:
    assert "pyvips" in imported_by(module)


@pytest.mark.parametrize("module", ["lambdas.imaging.render", "lambdas.imaging.plan", "lambdas.settings"])
def test_picture_code_knows_nothing_of_aws(module: str) -> None:
    assert imported_by(module) & {"boto3", "botocore", "aws_lambda_powertools"} == set()
