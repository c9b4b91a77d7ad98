"""A message of a dead-letter queue: the original it is about, and why it failed."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from lambdas.core.keys import MalformedKeyError, OriginalKey
from lambdas.core.s3_event import Arrival, MalformedEventError, parse_record

_NOT_RECORDED = "no execution recorded a reason: it timed out, or was never started"


@dataclass(frozen=True, slots=True)
class Failure:
    """What the last failed execution recorded about a message."""

    step: str
    error: str
    message: str
    attempt: int
    failed_at: str
    execution: str

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Self:
        """Read an item of a lane's failures table."""
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
    """Return the message in the JSON that a Lambda task fails with; any other cause unchanged."""
    with suppress(ValueError):
        found = json.loads(cause)
        if isinstance(found, dict) and isinstance(found.get("errorMessage"), str):
            return str(found["errorMessage"])
    return cause


@dataclass(frozen=True, slots=True)
class DeadMessage:
    """One message of a dead-letter queue. While it is held, other consumers do not see it."""

    lane: str
    message_id: str
    body: str
    sent_at: datetime
    failure: Failure | None
    receipt_handle: str

    @property
    def arrival(self) -> Arrival | None:
        """The original that the message is about; None if the message is not an S3 event."""
        with suppress(MalformedEventError):
            return parse_record({"body": self.body})
        return None

    @property
    def key(self) -> OriginalKey | None:
        """Tenant, date and image id of the original; None if its key is malformed."""
        with suppress(MalformedKeyError):
            return OriginalKey.parse(self.arrival.key) if self.arrival else None
        return None

    @property
    def reason(self) -> str:
        """Why it failed, in one line."""
        if self.failure is None:
            return _NOT_RECORDED
        return f"{self.failure.step}: {self.failure.error}: {self.failure.message}"

    def is_named(self, name: str) -> bool:
        """Return whether ``name`` is its message id, or the image id or key of its original."""
        arrival, key = self.arrival, self.key
        return name in {self.message_id, arrival.key if arrival else "", key.image_id if key else ""} - {""}
