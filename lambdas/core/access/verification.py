"""Checks that every token passes, regardless of who signed it, and an explanation for each PyJWT error."""

from typing import Any

import jwt

from lambdas.core.access.grants import AccessRefusedError


def unverified_header(token: str, max_bytes: int) -> dict[str, Any]:
    """Return the header of ``token``, which is not trustworthy yet.

    Raises:
        AccessRefusedError: the token is too long, or is not a JSON Web Token.
    """
    if len(token) > max_bytes:
        raise AccessRefusedError(f"expected a token of at most {max_bytes} bytes but received {len(token)}")
    try:
        return jwt.get_unverified_header(token)
    # Deeply nested JSON raises RecursionError, which PyJWT does not catch.
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise AccessRefusedError(
            "expected a JSON Web Token (header.payload.signature) but received other text"
        ) from None


def unverified_issuer(token: str) -> str:
    """Return the issuer that ``token`` names, which is not trustworthy before its signature is verified.

    Raises:
        AccessRefusedError: the token names none.
    """
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise AccessRefusedError("expected a token with a JSON object of claims but received other text") from None
    issuer = claims.get("iss")
    if not isinstance(issuer, str):
        raise AccessRefusedError("expected a token with the claim iss but received one without it")
    return issuer


def key_id(header: dict[str, Any]) -> str:
    """Return the key id of a token's header.

    Raises:
        AccessRefusedError: the header has none.
    """
    kid = header.get("kid")
    if not isinstance(kid, str) or not kid:
        raise AccessRefusedError("expected a token that names its key (kid) but received one that does not")
    return kid


def require_algorithm(header: dict[str, Any], accepted: tuple[str, ...]) -> None:
    """Refuse a token that is not signed with one of ``accepted``; ``none`` is refused too.

    Raises:
        AccessRefusedError: the algorithm is not accepted.
    """
    if header.get("alg") not in accepted:
        raise AccessRefusedError(
            f"expected a token signed with {' or '.join(accepted)} but received alg {str(header.get('alg'))[:20]!r}"
        )


def refusal(error: jwt.PyJWTError, *, audience: str, issuer: str) -> AccessRefusedError:
    """Return a refusal that explains what PyJWT raised."""
    match error:
        case jwt.ExpiredSignatureError():
            text = "expected a token that has not expired but received one that has (exp)"
        case jwt.ImmatureSignatureError():
            text = "expected a token that is valid now but received one that is not valid yet (nbf, iat)"
        case jwt.InvalidAudienceError():
            text = f"expected a token for the audience {audience!r} (aud) but received one for another"
        case jwt.InvalidIssuerError():
            text = f"expected a token of the issuer {issuer!r} (iss) but received one of another"
        case jwt.MissingRequiredClaimError():
            text = f"expected a token with the claim {error.claim} but received one without it"
        case jwt.InvalidSignatureError():
            text = "expected a token signed with the key that it names but received another signature"
        case _:
            text = f"expected a valid token but received an invalid one: {error}"
    return AccessRefusedError(text)
