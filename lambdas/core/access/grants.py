"""The outcome of checking a token: a tenant and its scopes, or the reason for refusing it."""

from dataclasses import dataclass
from typing import Literal, get_args

Scope = Literal["images:write", "images:read", "images:edit", "images:delete", "images:share", "images:release"]
ALL_SCOPES: tuple[Scope, ...] = get_args(Scope)

# RFC 6750, section 3.1, names the first; "missing" is a request without any token.
RefusalKind = Literal["invalid_token", "missing", "unavailable"]


class AccessRefusedError(Exception):
    """A caller is refused: ``message`` says what was expected and what was received."""

    def __init__(self, message: str, kind: RefusalKind = "invalid_token") -> None:
        super().__init__(message)
        self.message = message
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Grant:
    """What a valid token grants: access to one tenant's images, within ``scopes``."""

    tenant: str
    subject: str
    scopes: frozenset[Scope]


def parse_scopes(claim: object) -> frozenset[Scope]:
    """Read a claim ``scope``: names separated by spaces (RFC 8693, section 4.2). Unknown scopes are ignored."""
    named = claim.split() if isinstance(claim, str) else ()
    return frozenset(scope for scope in ALL_SCOPES if scope in named)


def format_scopes(scopes: frozenset[Scope]) -> str:
    """Return ``scopes`` as a claim, always in the same order."""
    return " ".join(scope for scope in ALL_SCOPES if scope in scopes)
