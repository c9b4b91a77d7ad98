"""What every table of ``darkroom.toml`` has in common."""

from pydantic import BaseModel, ConfigDict


class Table(BaseModel):
    """A table of the settings file: it refuses fields that it does not know, and nothing changes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)
