"""The commands of README and docs that are marked ``local``, run as a reader would, on the local stack."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import samples
from documents import CHECKOUT, DOCUMENTS, Block, blocks

from infra.local.stack import LocalStack
from infra.local.state import HOME_VARIABLE

pytestmark = pytest.mark.documents

RUNNABLE = {
    str(document.relative_to(CHECKOUT)): found
    for document in DOCUMENTS
    if (found := [block for block in blocks(document) if block.language == "sh" and block.marker == "local"])
}


@pytest.mark.parametrize("shown", RUNNABLE.values(), ids=RUNNABLE.keys())
def test_documented_commands_run(stack: LocalStack, shown: list[Block], tmp_path: Path) -> None:
    if any("curl" in block.text for block in shown) and shutil.which("curl") is None:
        pytest.skip("the machine has no curl")
    folder = reader_folder(tmp_path)
    environment = {
        **os.environ,
        **stack.environment(),
        HOME_VARIABLE: str(stack.folder.home),
        "PATH": f"{Path(sys.prefix, 'bin')}{os.pathsep}{os.environ['PATH']}",
        "XDG_STATE_HOME": str(tmp_path / "state"),
    }
    # One shell for a whole document: a block may use what an earlier one has set.
    script = "set -euo pipefail\n" + "\n".join(f"echo {shlex.quote(f'# {block}')}\n{block.text}" for block in shown)
    run = subprocess.run(
        ["bash", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    assert run.returncode == 0, f"{run.stdout}\n{run.stderr}"


def reader_folder(parent: Path) -> Path:
    """Return a checkout by links, with a picture and a folder of pictures as a reader has them."""
    folder = parent / "checkout"
    (folder / "photos").mkdir(parents=True)
    for entry in CHECKOUT.iterdir():
        (folder / entry.name).symlink_to(sys.prefix if entry.name == ".venv" else entry)
    (folder / "photo.jpg").write_bytes(samples.jpeg())
    (folder / "photos" / "one.jpg").write_bytes(samples.jpeg(600, 400))
    return folder
