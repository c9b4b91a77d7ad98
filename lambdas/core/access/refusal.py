"""What a token that is not accepted is answered with."""

from typing import Literal

# RFC 6750, section 3.1, names the first two; "missing" is a request without any token.
RefusalKind = Literal["invalid_token", "missing", "unavailable"]


class AccessRefusedError(Exception):
    """A caller is refused: ``message`` says what was expected and what was received."""

    def __init__(self, message: str, kind: RefusalKind = "invalid_token") -> None:
        super().__init__(message)
        self.message = message
        self.kind = kind
