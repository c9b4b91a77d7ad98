"""Checks that every token passes whoever signed it, and the words for what PyJWT finds wrong."""

from typing import Any

import jwt

from lambdas.core.access.refusal import AccessRefusedError

_NO_TOKEN = "expected a JSON Web Token (header.payload.signature) but received a text that is none"  # noqa: S105


def unverified_header(token: str, max_bytes: int) -> dict[str, Any]:
    """Return the header of ``token``, of which nothing may be believed yet.

    Raises:
        AccessRefusedError: it is too long, or no token at all.
    """
    if len(token) > max_bytes:
        raise AccessRefusedError(f"expected a token of at most {max_bytes} bytes but received {len(token)}")
    try:
        return jwt.get_unverified_header(token)
    # What is nested too deeply ends json's own patience, not PyJWT's.
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise AccessRefusedError(_NO_TOKEN) from None


def key_id(header: dict[str, Any]) -> str:
    """Return the key id of a token's header.

    Raises:
        AccessRefusedError: it names none.
    """
    kid = header.get("kid")
    if not isinstance(kid, str) or not kid:
        raise AccessRefusedError("expected a token that names its key (kid) but received one that does not")
    return kid


def require_algorithm(header: dict[str, Any], accepted: tuple[str, ...]) -> None:
    """Refuse a token that is signed otherwise than with one of ``accepted``, ``none`` included.

    Raises:
        AccessRefusedError: it is.
    """
    if header.get("alg") not in accepted:
        raise AccessRefusedError(
            f"expected a token signed with {' or '.join(accepted)} but received alg {str(header.get('alg'))[:20]!r}"
        )


def refusal(error: jwt.PyJWTError, *, audience: str, issuer: str) -> AccessRefusedError:
    """Turn what PyJWT raised into a refusal that says what was expected."""
    match error:
        case jwt.ExpiredSignatureError():
            text = "expected a token that has not expired but received one whose time (exp) is over"
        case jwt.ImmatureSignatureError():
            text = "expected a token that is valid already but received one whose time (nbf, iat) has not come"
        case jwt.InvalidAudienceError():
            text = f"expected a token for the audience {audience!r} (aud) but received one for another"
        case jwt.InvalidIssuerError():
            text = f"expected a token of the issuer {issuer!r} (iss) but received one of another"
        case jwt.MissingRequiredClaimError():
            text = f"expected a token with the claim {error.claim} but received one without it"
        case jwt.InvalidSignatureError():
            text = "expected a token signed with the key that it names but received another signature"
        case _:
            text = f"expected a valid token but received one that is not: {error}"
    return AccessRefusedError(text)
