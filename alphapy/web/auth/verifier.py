"""Verifies a token in the way that its algorithm and the configuration call for (spec/api.md 7.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import attrs
import trio

from alphapy.web.auth import tokens
from alphapy.web.auth.introspection import Introspection, TokenUnknown
from alphapy.web.auth.jwks import KeySet, KeysUnavailable
from alphapy.web.auth.rules import Token
from alphapy.web.auth.tokens import Method

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    import httpx

    from alphapy.pure.clock import Clock
    from alphapy.web.auth.security import IdentityService


@attrs.frozen
class Verified:
    """What is known about a token; ``subject`` is set for a valid one."""

    state: Token
    subject: UUID | None = None


ABSENT = Verified(Token.ABSENT)
INVALID = Verified(Token.INVALID)
UNVERIFIABLE = Verified(Token.UNVERIFIABLE)


class TokenVerifier:
    """See the module. Tokens are never logged."""

    def __init__(
        self,
        identity: IdentityService,
        http: httpx.AsyncClient,
        clock: Clock,
        *,
        now: Callable[[], float] = trio.current_time,
    ) -> None:
        self._identity = identity
        self._clock = clock
        self._keys = KeySet(http, identity.jwks_url, now=now) if identity.jwks_url else None
        self._introspection = (
            Introspection(http, identity.url, identity.anon_key, now=now)
            if identity.url and identity.anon_key is not None
            else None
        )

    async def verify(self, authorization: str | None) -> Verified:
        """What the token in this ``Authorization`` header is worth."""
        token = tokens.offered_token(authorization)
        if token is None:
            return ABSENT
        envelope = tokens.open_envelope(token)
        if envelope is None:
            return INVALID
        match tokens.method_of(envelope.algorithm, self._identity):
            case Method.SECRET:
                return self._by_secret(token)
            case Method.PUBLIC_KEY:
                return await self._by_key(token, envelope)
            case Method.INTROSPECTION:
                return await self._by_introspection(token, envelope)
            case Method.NONE:
                return INVALID

    def _by_secret(self, token: str) -> Verified:
        secret = self._identity.jwt_secret
        return INVALID if secret is None else self._checked(tokens.verify_with_secret(token, secret.reveal()))

    async def _by_key(self, token: str, envelope: tokens.Envelope) -> Verified:
        if self._keys is None or envelope.key_id is None:
            return INVALID
        try:
            jwk = await self._keys.find(envelope.key_id)
        except KeysUnavailable:
            return UNVERIFIABLE
        return (
            INVALID if jwk is None else self._checked(tokens.verify_with_key(token, jwk, envelope.algorithm))
        )

    async def _by_introspection(self, token: str, envelope: tokens.Envelope) -> Verified:
        now = self._clock.now().timestamp()
        expires_at = envelope.expires_at
        # What says itself that it is over need not be asked about.
        if self._introspection is None or expires_at is None or now >= expires_at + tokens.EXPIRY_LEEWAY:
            return INVALID
        try:
            subject = await self._introspection.subject(token, seconds_left=expires_at - now)
        except TokenUnknown:
            return UNVERIFIABLE
        return INVALID if subject is None else Verified(Token.VALID, subject)

    def _checked(self, payload: Mapping[str, Any] | None) -> Verified:
        if payload is None:
            return INVALID
        claims = tokens.check_claims(
            payload,
            now=self._clock.now().timestamp(),
            audience=self._identity.audience,
            issuer=self._identity.issuer,
        )
        return INVALID if claims is None else Verified(Token.VALID, claims.subject)
