"""The base of the local stack's errors."""


class LocalStackError(RuntimeError):
    """An error that the user can act on: the message says what was expected, what happened, and often what to do."""
