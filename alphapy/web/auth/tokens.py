"""Tokens: which way they are verified, the signature (PyJWT's business), and the claims (spec/api.md 7.2).

The algorithm decides the key, never the other way round: HS256 is only ever verified with
``SUPABASE_JWT_SECRET``, the others only with a public key of the very type that they need. So a public key is
never taken for a shared secret (RFC 8725, section 3.1).
"""

from __future__ import annotations

import enum
import math
import re
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import attrs
import jwt

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alphapy.web.auth.security import IdentityService

LONGEST: Final = 8192
"""Characters of a token; longer ones are invalid."""

LONGEST_KEY_ID: Final = 256

HASH_BYTES: Final = 32
"""What SHA-256 gives: the least that a secret should have (RFC 7518, section 3.2)."""

LONGEST_MODULUS: Final = 1400
"""Characters of an RSA key's modulus: 8192 bits."""

EXPIRY_LEEWAY: Final = 30.0
"""Seconds that a token is still taken after it has expired."""

FUTURE_LEEWAY: Final = 30.0
"""Seconds by which ``nbf`` and ``iat`` may lie in the future: clocks differ."""

_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
_STRICT_JWT: Final = jwt.PyJWT({"enforce_minimum_key_length": True})
_CHECKED_HERE: Final = ("exp", "nbf", "iat", "aud", "iss", "sub", "jti")
"""Claims that are compared with our own clock and configuration, and not by PyJWT."""


class Method(enum.Enum):
    """How a token is verified."""

    SECRET = "secret"  # noqa: S105 - a word, not a secret
    PUBLIC_KEY = "public_key"
    INTROSPECTION = "introspection"
    NONE = "none"
    """Not at all: it is invalid."""


@attrs.frozen(kw_only=True)
class KeyShape:
    """What a public key must be for an algorithm (RFC 7518, section 6; RFC 8037, section 2)."""

    kty: str
    crv: str | None


SHAPES: Final[Mapping[str, KeyShape]] = {
    "RS256": KeyShape(kty="RSA", crv=None),
    "ES256": KeyShape(kty="EC", crv="P-256"),
    "EdDSA": KeyShape(kty="OKP", crv="Ed25519"),
}
SECRET_ALGORITHM: Final = "HS256"  # noqa: S105 - an algorithm's name


@attrs.frozen(kw_only=True)
class Claims:
    """What a verified token says. ``expires_at``: Unix seconds, without leeway."""

    subject: UUID
    expires_at: float


@attrs.frozen(kw_only=True)
class Envelope:
    """What a token says about itself before anything is verified. ``expires_at``: None where it is absent."""

    algorithm: str
    key_id: str | None
    expires_at: float | None


def offered_token(authorization: str | None) -> str | None:
    """The token in an ``Authorization`` header: behind ``Bearer`` (in any case), or bare."""
    if authorization is None:
        return None
    first, _, rest = authorization.strip().partition(" ")
    if not rest:
        return None if first.lower() == "bearer" else first or None
    return (rest.strip() or None) if first.lower() == "bearer" else None


def open_envelope(token: str) -> Envelope | None:
    """Read a token without believing it; None for what cannot be one of ours."""
    if len(token) > LONGEST or not token.isascii():
        return None
    try:
        found = jwt.decode_complete(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        return None
    header, payload = found["header"], found["payload"]
    algorithm, key_id = header.get("alg"), header.get("kid")
    # An extension that must be understood, and is not (RFC 7515, section 4.1.11).
    if not isinstance(algorithm, str) or "crit" in header or header.get("b64", True) is not True:
        return None
    if key_id is not None and not (isinstance(key_id, str) and 0 < len(key_id) <= LONGEST_KEY_ID):
        return None
    return Envelope(algorithm=algorithm, key_id=key_id, expires_at=_number(payload.get("exp")))


def method_of(algorithm: str, identity: IdentityService) -> Method:
    """How a token with this algorithm is verified."""
    if algorithm == SECRET_ALGORITHM and identity.jwt_secret is not None:
        return Method.SECRET
    if algorithm in SHAPES and identity.jwks_url:
        return Method.PUBLIC_KEY
    if algorithm != SECRET_ALGORITHM and algorithm not in SHAPES:
        return Method.NONE
    return Method.INTROSPECTION if identity.url and identity.anon_key is not None else Method.NONE


def verify_with_secret(token: str, secret: str) -> Mapping[str, Any] | None:
    """The payload of an HS256 token; None where the signature is not of this secret."""
    # HMAC fills a short key up with zeros by itself (RFC 2104); done here, PyJWT does not complain each time.
    return _verify(token, secret.encode().ljust(HASH_BYTES, b"\0"), SECRET_ALGORITHM)


def verify_with_key(token: str, jwk: Mapping[str, Any], algorithm: str) -> Mapping[str, Any] | None:
    """The payload of a token signed with the private half of this key.

    None where it is not, or where the key is not one for this algorithm.
    """
    if not fits(jwk, algorithm):
        return None
    try:
        key = jwt.PyJWK(dict(jwk), algorithm)
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError):
        return None
    return _verify(token, key, algorithm)


def fits(jwk: Mapping[str, Any], algorithm: str) -> bool:
    """Whether a key of a JWKS is a public one for this algorithm, and meant for signatures."""
    shape = SHAPES.get(algorithm)
    if shape is None or jwk.get("kty") != shape.kty or jwk.get("crv") != shape.crv:
        return False
    operations = jwk.get("key_ops", ["verify"])
    if "d" in jwk or len(str(jwk.get("n", ""))) > LONGEST_MODULUS:
        return False  # a private key has no business in a public place, and a huge one only costs time
    return (
        jwk.get("alg", algorithm) == algorithm
        and jwk.get("use", "sig") == "sig"
        and isinstance(operations, list)
        and "verify" in operations
    )


def check_claims(payload: Mapping[str, Any], *, now: float, audience: str, issuer: str) -> Claims | None:
    """What a payload says whose signature is good; None where it is not for us, or not for now.

    ``now`` in Unix seconds; an empty ``issuer`` is not checked.
    """
    expires_at = _number(payload.get("exp"))
    if expires_at is None or now >= expires_at + EXPIRY_LEEWAY:
        return None
    for name in ("nbf", "iat"):
        if name in payload:
            instant = _number(payload[name])
            if instant is None or instant > now + FUTURE_LEEWAY:
                return None
    if not _is_meant_for(payload.get("aud"), audience) or (issuer and payload.get("iss") != issuer):
        return None
    subject = read_subject(payload.get("sub"))
    return None if subject is None else Claims(subject=subject, expires_at=expires_at)


def read_subject(value: object) -> UUID | None:
    """A subject, which is a UUID in its usual form; None for anything else."""
    return UUID(value) if isinstance(value, str) and _UUID.fullmatch(value) else None


def _verify(token: str, key: bytes | jwt.PyJWK, algorithm: str) -> Mapping[str, Any] | None:
    unchecked: Any = {f"verify_{claim}": False for claim in _CHECKED_HERE}
    try:
        return _STRICT_JWT.decode(token, key, algorithms=[algorithm], options=unchecked)
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        return None


def _is_meant_for(audiences: object, audience: str) -> bool:
    if isinstance(audiences, list):
        return all(isinstance(item, str) for item in audiences) and audience in audiences
    return isinstance(audiences, str) and audiences == audience


def _number(value: object) -> float | None:
    """A NumericDate (RFC 7519, section 2); a boolean or an infinity is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
