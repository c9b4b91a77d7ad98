"""What S3 Batch Operations answers to wrong requests, and why jobs fail before any task."""


class BatchError(Exception):
    """A request is refused: the service's ``code``, a message, and the HTTP ``status``."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


class PreparationError(Exception):
    """A job's manifest cannot be used: the ``code`` and the text are its failure reason."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


def no_such_job(job_id: str) -> BatchError:
    """Return the refusal of a job that is not there."""
    return BatchError("NoSuchJob", f"The specified job does not exist: {job_id}", 404)
