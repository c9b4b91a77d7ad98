"""A dead letter: the message, the original that it speaks of, and why it is dead."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from lambdas.core.keys import MalformedKeyError, OriginalKey
from lambdas.core.s3_event import Arrival, MalformedEventError, parse_record

_NOT_NOTED = "no execution noted why: it ran out of time, or was never started"


@dataclass(frozen=True, slots=True)
class Failure:
    """What the last execution that failed said of a message."""

    step: str
    error: str
    message: str
    attempt: int
    failed_at: str
    execution: str

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Self:
        """Read an item of a lane's table of failures."""
        texts = {name: value.get("S", "") for name, value in item.items()}
        return cls(
            step=texts["step"],
            error=texts["error"],
            message=_message(texts["cause"]),
            attempt=int(item["attempt"]["N"]),
            failed_at=texts["failed_at"],
            execution=texts["execution"],
        )


def _message(cause: str) -> str:
    """Return the message in the JSON that a Lambda task fails with; any other cause as it is."""
    with suppress(ValueError):
        found = json.loads(cause)
        if isinstance(found, dict) and isinstance(found.get("errorMessage"), str):
            return str(found["errorMessage"])
    return cause


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One message of a dead-letter queue, hidden from others while it is held."""

    lane: str
    message_id: str
    body: str
    sent_at: datetime
    failure: Failure | None
    receipt_handle: str

    @property
    def arrival(self) -> Arrival | None:
        """The original that the message speaks of; None if it is no event of one."""
        with suppress(MalformedEventError):
            return parse_record({"body": self.body})
        return None

    @property
    def key(self) -> OriginalKey | None:
        """Tenant, date and image id of the original; None if its key does not say them."""
        with suppress(MalformedKeyError):
            return OriginalKey.parse(self.arrival.key) if self.arrival else None
        return None

    @property
    def reason(self) -> str:
        """Why it is here, in a line."""
        if self.failure is None:
            return _NOT_NOTED
        return f"{self.failure.step}: {self.failure.error}: {self.failure.message}"

    def is_named(self, name: str) -> bool:
        """Tell whether ``name`` is its message id, or the image id or key of its original."""
        arrival, key = self.arrival, self.key
        return name in {self.message_id, arrival.key if arrival else "", key.image_id if key else ""} - {""}
