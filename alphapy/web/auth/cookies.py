"""Signed cookies: what a browser keeps for us and cannot change. Pure.

They are tokens (PyJWT, HS256) whose key is derived from ``DISCORD_CLIENT_SECRET`` with HKDF (RFC 5869): a new
client secret and a restart end every session and every sign-in that is under way. Each kind of cookie has its
own audience, so that none passes for another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

import attrs
import jwt
import msgspec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

if TYPE_CHECKING:
    from alphapy.environment import Secret

T = TypeVar("T")

KEY_BYTES: Final = 32
LONGEST: Final = 4096
"""Bytes that every browser keeps of a cookie (RFC 6265, section 6.1)."""

_ALGORITHM: Final = "HS256"


def derived_key(secret: Secret, purpose: str) -> bytes:
    """A key for one purpose; whoever knows it learns nothing of the secret, nor of another purpose's."""
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=f"alphapy {purpose}".encode()).derive(
        secret.reveal().encode()
    )


@attrs.frozen
class Signer:
    """Signs and reads cookies of one kind."""

    _key: bytes = attrs.field(repr=False)
    _audience: str

    def sign(self, content: object, until: float) -> str:
        """The cookie with this content (a struct), good until this instant (Unix seconds)."""
        payload = {"aud": self._audience, "exp": until, "content": msgspec.to_builtins(content)}
        return jwt.encode(payload, self._key, _ALGORITHM)

    def read(self, cookie: str | None, kind: type[T], now: float) -> T | None:
        """The content of a cookie of ours that is still good at ``now``; None for anything else."""
        if cookie is None or len(cookie) > LONGEST or not cookie.isascii():
            return None
        try:
            payload = jwt.decode(
                cookie,
                self._key,
                algorithms=[_ALGORITHM],
                audience=self._audience,
                options={"require": ["exp", "aud", "content"], "verify_exp": False},
            )
            if not now < payload["exp"]:
                return None
            return msgspec.convert(payload["content"], kind)
        except (jwt.PyJWTError, msgspec.ValidationError, ValueError, TypeError):
            return None
