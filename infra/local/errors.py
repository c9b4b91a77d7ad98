"""What a person is told when the local stack cannot do what was asked."""


class LocalStackError(RuntimeError):
    """Something that a person can act on: the message says what was expected, what happened, and often what to do."""
