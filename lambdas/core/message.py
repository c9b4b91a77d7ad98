"""What every message between handlers has in common."""

from typing import Any

from pydantic import BaseModel, ConfigDict


class Message(BaseModel):
    """One message; ``to_json`` is what a handler returns.

    Unknown fields are ignored, so that an execution that spans a deployment goes on.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", arbitrary_types_allowed=True)

    def to_json(self) -> dict[str, Any]:
        """Return the message as JSON's types alone."""
        return self.model_dump(mode="json")
