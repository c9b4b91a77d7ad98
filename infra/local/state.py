"""The state folder: processes, addresses, and every file of a running stack."""

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

CHECKOUT = Path(__file__).resolve().parents[2]
HOME_VARIABLE = "DARKROOM_HOME"


class ProcessRecord(BaseModel):
    """One started process."""

    model_config = ConfigDict(frozen=True)

    name: str
    pid: int
    started: float = Field(description="Seconds since the epoch, as the operating system reports them.")
    home: str = Field(description="The stack's state folder, which the process has in its environment.")


class Ports(BaseModel):
    """TCP ports on the loopback interface; 0 asks for any free one."""

    model_config = ConfigDict(frozen=True)

    emulator: int = Field(4566, ge=0, le=65535)
    edge: int = Field(4580, ge=0, le=65535)
    athena: int = Field(4567, ge=0, le=65535)
    batch: int = Field(4568, ge=0, le=65535)
    prefect: int = Field(4200, ge=0, le=65535)
    lab: int = Field(8888, ge=0, le=65535)

    @classmethod
    def any_free(cls) -> Self:
        """Ask for free ports, so that several stacks can run side by side."""
        return cls(**dict.fromkeys(cls.model_fields, 0))


class StackState(BaseModel):
    """What ``state.json`` holds."""

    stage: str
    ports: Ports
    processes: tuple[ProcessRecord, ...] = ()
    upload_url: str | None = Field(None, description="Where POST /uploads is reached; null until deployed.")
    lab_token: str = Field("", description="The token that opens JupyterLab.")
    ready: bool = Field(False, description="Whether every step of the start is done.")


def default_home() -> Path:
    """Return the state folder: ``DARKROOM_HOME``, or ``.darkroom`` in the checkout."""
    return Path(os.environ.get(HOME_VARIABLE) or CHECKOUT / ".darkroom").resolve()


@dataclass(frozen=True, slots=True)
class StateFolder:
    """A stack's folder on disk; one stack a folder."""

    home: Path

    @property
    def file(self) -> Path:
        """The JSON file that :class:`StackState` is kept in."""
        return self.home / "state.json"

    @property
    def logs(self) -> Path:
        """One log file a process."""
        return self.home / "logs"

    @property
    def scratch(self) -> Path:
        """TMPDIR of every process of the stack."""
        return self.home / "tmp"

    @property
    def profiles(self) -> Path:
        """The SDK's profiles of flows and notebooks."""
        return self.home / "aws-profiles"

    def log(self, name: str) -> Path:
        """Return the log file of the process called ``name``."""
        return self.logs / f"{name}.log"

    def create(self) -> None:
        """Create the folder and its subfolders."""
        for folder in (self.home, self.logs, self.scratch):
            folder.mkdir(parents=True, exist_ok=True)

    def write(self, state: StackState) -> None:
        """Replace ``state.json`` in one step, so that no reader sees half of it."""
        handle, name = tempfile.mkstemp(dir=self.home, prefix="state-", suffix=".json")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(state.model_dump_json(indent=2))
        Path(name).replace(self.file)

    def read(self) -> StackState | None:
        """Return the state, or None if the file is missing or unreadable: processes are found without it."""
        try:
            return StackState.model_validate_json(self.file.read_text(encoding="utf-8"))
        except (OSError, ValidationError, UnicodeDecodeError):
            return None

    def remove(self) -> None:
        """Remove the folder and all in it."""
        shutil.rmtree(self.home, ignore_errors=True)
