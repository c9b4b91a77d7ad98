"""What a token's bearer may do, as its claim ``scope`` lists it (RFC 8693, section 4.2)."""

from dataclasses import dataclass
from typing import Literal, get_args

Scope = Literal["images:write", "images:read", "images:delete", "images:share"]
ALL_SCOPES: tuple[Scope, ...] = get_args(Scope)


@dataclass(frozen=True, slots=True)
class Grant:
    """What a good token gives: one tenant's things, within ``scopes``."""

    tenant: str
    subject: str
    scopes: frozenset[Scope]


def parse_scopes(claim: object) -> frozenset[Scope]:
    """Read a claim ``scope``: names with spaces between. What is no scope of ours is passed over, as OAuth has it."""
    named = claim.split() if isinstance(claim, str) else ()
    return frozenset(scope for scope in ALL_SCOPES if scope in named)


def format_scopes(scopes: frozenset[Scope]) -> str:
    """Write ``scopes`` as a claim, always in the same order."""
    return " ".join(scope for scope in ALL_SCOPES if scope in scopes)
