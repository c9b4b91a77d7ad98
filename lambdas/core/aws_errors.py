"""Classification of AWS error codes: missing, conflict, temporary."""

from botocore.exceptions import ClientError

# A HEAD response has no body with an error code: botocore uses the status instead.
_MISSING = frozenset({"404", "NoSuchKey", "NoSuchVersion", "NotFound"})
_FORBIDDEN = frozenset({"403", "AccessDenied"})
_CONFLICT = frozenset({"412", "PreconditionFailed", "409", "ConditionalRequestConflict"})
# The codes that the SDKs retry as throttling, and those of S3 and DynamoDB for failures on their side.
_TEMPORARY = frozenset(
    {
        "InternalError",
        "InternalServerError",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "SlowDown",
        "Throttling",
        "ThrottledException",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)
_TOO_MANY_REQUESTS, _SERVER_ERROR = 429, 500


class OriginalGoneError(Exception):
    """The original no longer exists: it was deleted, or replaced by other bytes."""


def code_of(error: ClientError) -> str:
    """Return the service's code for ``error``."""
    return error.response.get("Error", {}).get("Code", "")


def is_missing(error: ClientError) -> bool:
    """Tell whether S3 says that the object, or this version of it, does not exist."""
    return code_of(error) in _MISSING


def is_forbidden(error: ClientError) -> bool:
    """Tell whether S3 refused a request; without ``s3:ListBucket``, one for a missing object too."""
    return code_of(error) in _FORBIDDEN


def is_conflict(error: ClientError) -> bool:
    """Tell whether the condition of a conditional request to S3 failed."""
    return code_of(error) in _CONFLICT


def is_temporary(error: ClientError) -> bool:
    """Tell whether the same request may succeed later: it was throttled, or the service failed."""
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return code_of(error) in _TEMPORARY or status == _TOO_MANY_REQUESTS or status >= _SERVER_ERROR
