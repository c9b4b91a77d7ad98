"""What a pipe has in flight, on disk: a killed runner's messages would be hidden for the queue's whole timeout."""

import json
from dataclasses import dataclass
from pathlib import Path

from infra.local.pipes.pipes import Message


@dataclass(frozen=True)
class Batch:
    """Received messages, and the name of their execution."""

    execution: str
    messages: list[Message]


class InFlight:
    """The batches of one pipe: a file each, for as long as its messages are neither deleted nor given back."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder

    def note(self, batch: Batch) -> None:
        """Keep a batch."""
        part = self._folder / f"{batch.execution}.part"
        part.write_text(json.dumps(batch.messages), encoding="utf-8")
        part.replace(self._file(batch))

    def forget(self, batch: Batch) -> None:
        """Remove a batch."""
        self._file(batch).unlink(missing_ok=True)

    def left(self) -> list[Batch]:
        """Return the batches that a killed runner noted."""
        return [Batch(file.stem, json.loads(file.read_text(encoding="utf-8"))) for file in self._folder.glob("*.json")]

    def _file(self, batch: Batch) -> Path:
        return self._folder / f"{batch.execution}.json"
