"""Approval by a person before a step that cannot be undone; a flow asks in its UI, a command on the terminal."""

from collections.abc import Callable

Approve = Callable[[str], None]
"""Shows a warning, in Markdown, to a person, and returns once it is approved. Raises NotApprovedError otherwise."""


class NotApprovedError(Exception):
    """The step is not approved, and nothing was changed; ``rejected`` distinguishes a rejection from no decision."""

    def __init__(self, message: str, *, rejected: bool) -> None:
        super().__init__(message)
        self.rejected = rejected
