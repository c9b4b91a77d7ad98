"""What an invocation has: environment variables, of which each handler declares those that it reads, and time."""

import os
from collections.abc import Mapping
from typing import Annotated, Self

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict, Field, ValidationError

OriginalsBucketName = Annotated[str, Field(alias="ORIGINALS_BUCKET", min_length=3)]
DerivativesBucketName = Annotated[str, Field(alias="DERIVATIVES_BUCKET", min_length=3)]
ImagesTableName = Annotated[str, Field(alias="IMAGES_TABLE", min_length=3)]
SweepQueueUrl = Annotated[str, Field(alias="SWEEP_QUEUE_URL", min_length=8)]


_SPARE_SECONDS = 3.0  # left to store the result, or to report a failure, before the function's own timeout


def seconds_left(context: LambdaContext) -> float:
    """Return the seconds that an invocation may still spend on its work."""
    return context.get_remaining_time_in_millis() / 1000 - _SPARE_SECONDS


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
