"""A stack whose settings name an inspecting function: the example's, which allows, holds or rejects."""

import io
import json
import time
import zipfile
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import httpx
import pytest
import samples
from api_calls import Caller, caller
from outcomes import await_outcome

from infra.local.endpoint import ACCOUNT
from infra.local.stack import LocalStack
from infra.local.state import CHECKOUT, Ports
from infra.local.tenant import tenant_uploader
from lambdas.core.settings import DEFAULT_STAGE, FILE_VARIABLE, load_settings
from lambdas.core.stores.derivatives import INSPECTED_FOLDER

NAME = "inspect"
ALLOWED, HELD, REJECTED = (samples.jpeg(width, 400) for width in (600, 610, 620))
_EDGE_SECONDS = 90.0  # more than the edge keeps a 404


def digest(content: bytes) -> str:
    return sha256(content).hexdigest()


@pytest.fixture(scope="module")
def inspected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """Start a stack with inspection, and deploy the example beside it."""
    folder = tmp_path_factory.mktemp("inspected")
    arn = f"arn:aws:lambda:{load_settings(stage=DEFAULT_STAGE).regions.primary}:{ACCOUNT}:function:{NAME}"
    settings = folder / "darkroom.toml"
    settings.write_text(f'{Path(CHECKOUT, "darkroom.toml").read_text()}\n[inspection]\nfunction = "{arn}"\n')
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FILE_VARIABLE, str(settings))
        stack = LocalStack.start(Ports.any_free(), folder / "home")
        try:
            deploy_example(stack)
            yield stack
        finally:
            stack.stop()


def deploy_example(stack: LocalStack) -> None:
    role, bucket = f"{NAME}-role", stack.parameter("derivatives-bucket")
    allowed = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/{INSPECTED_FOLDER}*"}
    trusted = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
    iam = stack.client("iam")
    made = iam.create_role(RoleName=role, AssumeRolePolicyDocument=_policy(trusted))
    iam.put_role_policy(RoleName=role, PolicyName="look", PolicyDocument=_policy(allowed))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.write(CHECKOUT / "examples" / "inspect" / "handler.py", "handler.py")
    stack.client("lambda").create_function(
        FunctionName=NAME,
        Runtime="python3.13",
        Role=made["Role"]["Arn"],
        Handler="handler.handler",
        Code={"ZipFile": archive.getvalue()},
        Environment={"Variables": {"HELD": digest(HELD), "REJECTED": digest(REJECTED)}},
        Timeout=30,
    )


def _policy(*statements: dict[str, object]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


@pytest.fixture(scope="module")
def demo(inspected: LocalStack) -> Iterator[Caller]:
    yield from caller(inspected)


def uploaded(stack: LocalStack, content: bytes, folder: Path) -> str:
    (folder / "photo.jpg").write_bytes(content)
    with tenant_uploader(stack, "demo") as uploader:
        return uploader.upload(folder / "photo.jpg").image_id


def seen(stack: LocalStack, image_id: str) -> int:
    return httpx.get(f"{stack.edge_url}/img/{image_id}?w=256", trust_env=False, timeout=60).status_code


def await_condition(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _EDGE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, f"expected {what}"
        time.sleep(0.5)


@pytest.mark.parametrize(
    ("content", "state", "status"), [(ALLOWED, "ready", 200), (HELD, "held", 404), (REJECTED, "rejected", 404)]
)
def test_a_verdict_decides_what_is_seen(
    inspected: LocalStack, tmp_path: Path, content: bytes, state: str, status: int
) -> None:
    image_id = uploaded(inspected, content, tmp_path)
    assert seen(inspected, image_id) in (503, status), "expected nothing to be seen before the verdict"
    row = await_outcome(inspected, image_id)
    assert row["state"] == state
    assert seen(inspected, image_id) == status
    left = inspected.client("s3").list_objects_v2(
        Bucket=inspected.parameter("derivatives-bucket"), Prefix=f"{INSPECTED_FOLDER}{image_id}"
    )
    assert left["KeyCount"] == 0
    if state == "rejected":
        assert (row["rejection"]["code"], "list of rejected ones" in row["rejection"]["message"]) == ("refused", True)


def test_a_held_picture_is_released(inspected: LocalStack, demo: Caller, tmp_path: Path) -> None:
    image_id = uploaded(inspected, HELD, tmp_path)
    await_outcome(inspected, image_id)
    assert demo.ask("GET", f"/images/{image_id}").json()["state"] == "held"
    assert demo.ask("POST", f"/images/{image_id}/release").json()["state"] == "ready"
    assert demo.ask("POST", f"/images/{image_id}/release").status_code == 409
    await_condition(lambda: seen(inspected, image_id) == 200, "a released picture to be seen")


def test_a_held_picture_is_taken_down(inspected: LocalStack, demo: Caller, tmp_path: Path) -> None:
    image_id = uploaded(inspected, HELD, tmp_path)
    await_outcome(inspected, image_id)
    assert demo.ask("DELETE", f"/images/{image_id}").status_code == 200
    assert demo.ask("GET", f"/images/{image_id}").status_code == 404
