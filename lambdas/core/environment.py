"""A process's environment variables as a model: each handler declares those that it reads."""

import os
from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

OriginalsBucketName = Annotated[str, Field(alias="ORIGINALS_BUCKET", min_length=3)]
DerivativesBucketName = Annotated[str, Field(alias="DERIVATIVES_BUCKET", min_length=3)]
ImagesTableName = Annotated[str, Field(alias="IMAGES_TABLE", min_length=3)]


class MissingVariableError(ValueError):
    """Environment variables are missing or invalid: the message names each."""


class Environment(BaseModel):
    """Base class for the variables of a handler."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    @classmethod
    def read(cls, variables: Mapping[str, str] = os.environ) -> Self:
        """Read the variables.

        Raises:
            MissingVariableError: one is missing or invalid.
        """
        try:
            return cls.model_validate(dict(variables))
        except ValidationError as error:
            faults = [f"{fault['loc'][0]}: {fault['msg']}" for fault in error.errors()]
            raise MissingVariableError("expected environment variables but received: " + "; ".join(faults)) from error
