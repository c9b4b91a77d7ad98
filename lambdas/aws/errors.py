"""What S3 and DynamoDB mean by their error codes, as far as it changes what a handler does next."""

from botocore.exceptions import ClientError

# HEAD has no body to name the error in: botocore then gives the status.
_MISSING = frozenset({"404", "NoSuchKey", "NoSuchVersion", "NotFound"})
_CONFLICT = frozenset({"412", "PreconditionFailed", "409", "ConditionalRequestConflict"})


class OriginalGoneError(Exception):
    """The original is not there any more: deleted, or replaced by other bytes."""


def code_of(error: ClientError) -> str:
    """Return the service's code for ``error``."""
    return error.response.get("Error", {}).get("Code", "")


def is_missing(error: ClientError) -> bool:
    """Tell whether S3 says that the object, or this version of it, does not exist."""
    return code_of(error) in _MISSING


def is_conflict(error: ClientError) -> bool:
    """Tell whether S3 says that a conditional request's condition does not hold."""
    return code_of(error) in _CONFLICT
