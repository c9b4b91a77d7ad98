"""The state folder: processes, addresses, and every file of a running stack."""

import base64
import fcntl
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

CHECKOUT = Path(__file__).resolve().parents[2]
HOME_VARIABLE = "DARKROOM_HOME"


def private(path: str, flags: int) -> int:
    """Open a file that only this user can read, for ``open(…, opener=private)``."""
    return os.open(path, flags, 0o600)


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


class OwnerKeys(BaseModel):
    """What only the stack's owner has, made at random for each stack."""

    model_config = ConfigDict(frozen=True)

    access_key: str = Field(description="The account's root access key.")
    secret_key: str = Field(repr=False)
    token: str = Field(repr=False, description="Opens what AWS has no signature for: Prefect, JupyterLab, controls.")

    @classmethod
    def at_random(cls) -> Self:
        """Make new ones."""
        return cls(
            access_key=f"AKIA{base64.b32encode(secrets.token_bytes(10)).decode()}",
            secret_key=secrets.token_urlsafe(30),
            token=secrets.token_urlsafe(24),
        )


class StackState(BaseModel):
    """What ``state.json`` holds."""

    stage: str
    ports: Ports
    processes: tuple[ProcessRecord, ...] = ()
    upload_url: str | None = Field(None, description="Where POST /uploads is reached; null until deployed.")
    restarts: dict[str, int] = Field({}, description="How often each part died and was started again.")
    given_up: tuple[str, ...] = Field((), description="Parts that died too often to be started again.")
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

    @property
    def _keys_file(self) -> Path:
        return self.home / "keys.json"

    def create(self) -> None:
        """Create the folder, its subfolders and the stack's keys, for this user only."""
        for folder in (self.home, self.logs, self.scratch):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._replace(self._keys_file, OwnerKeys.at_random())

    def keys(self) -> OwnerKeys:
        """Return the stack's keys.

        Raises:
            OSError: the folder has none: it was never created, or is removed.
        """
        return OwnerKeys.model_validate_json(self._keys_file.read_text(encoding="utf-8"))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from changing the state meanwhile: commands and the supervisor do."""
        with open(self.home / "state.lock", "w", opener=private) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def write(self, state: StackState) -> None:
        """Replace ``state.json`` in one step, so that no reader sees half of it."""
        self._replace(self.file, state)

    def read(self) -> StackState | None:
        """Return the state, or None if the file is missing or unreadable: processes are found without it."""
        try:
            return StackState.model_validate_json(self.file.read_text(encoding="utf-8"))
        except (OSError, ValidationError, UnicodeDecodeError):
            return None

    def _replace(self, file: Path, content: BaseModel) -> None:
        handle, name = tempfile.mkstemp(dir=self.home, prefix=f"{file.stem}-", suffix=".json")  # mode 0600
        with os.fdopen(handle, "w", encoding="utf-8") as written:
            written.write(content.model_dump_json(indent=2))
        Path(name).replace(file)

    def remove(self) -> None:
        """Remove the folder and all in it."""
        shutil.rmtree(self.home, ignore_errors=True)
