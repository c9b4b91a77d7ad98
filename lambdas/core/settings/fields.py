"""The base of every settings table, and the field types that several of them share."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Seconds = Annotated[int, Field(ge=1)]
Days = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(gt=0, le=1)]
Region = Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")]
WebOrigin = Annotated[str, Field(pattern=r"^(\*|https?://\S+)$")]


class Table(BaseModel):
    """A table of the settings: frozen, and it rejects fields that it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)
