"""Who has let which application do what: codes, tokens, and how they end.

Rules: https://docs.discord.com/developers/topics/oauth2, RFC 6749 (the code grant), RFC 7636 (PKCE) and RFC
7009 (revocation). Every instant comes in. Nothing is kept over a restart of the sandbox, as a login is begun
anew.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from alphapy.sandbox.errors import JSON

CODE_LIVES = 60.0
"""Seconds in which a code has to be exchanged."""
TOKEN_LIVES = 604_800
"""Seconds that an access token is good for: a week, as Discord's."""
SCOPES = frozenset({"identify", "guilds"})
"""What can be asked for here."""
MOST = 1000
"""Codes, and tokens, that are remembered; older ones are forgotten."""


def client_secret(application_id: int) -> str:
    """The secret of an application: as good as its token, which is no secret here either."""
    return f"sandbox-client-secret.{application_id}"


@attrs.frozen(kw_only=True)
class Consent:
    """What somebody has agreed to, for a client that will bring the code."""

    application_id: int
    user_id: int
    scopes: tuple[str, ...]
    redirect_uri: str
    challenge: str | None = None
    """The client's PKCE challenge (S256)."""


@attrs.frozen(kw_only=True)
class Grant:
    """A pair of tokens."""

    application_id: int
    user_id: int
    scopes: tuple[str, ...]
    access: str
    refresh: str
    until: float

    def to_json(self, now: float) -> JSON:
        """The answer of the token endpoint."""
        return {
            "token_type": "Bearer",
            "access_token": self.access,
            "expires_in": max(0, round(self.until - now)),
            "refresh_token": self.refresh,
            "scope": " ".join(self.scopes),
        }


class BadGrant(Exception):
    """The code or the refresh token is not good, or not for this client; the text is the description."""


class Grants:
    """Every code and token that is out."""

    def __init__(self) -> None:
        self._codes: dict[str, tuple[Consent, float]] = {}
        self._grants: dict[str, Grant] = {}

    def agree(self, consent: Consent, now: float) -> str:
        """Remember a consent; returns its code."""
        code = secrets.token_urlsafe(22)
        self._codes[code] = (consent, now + CODE_LIVES)
        _trim(self._codes)
        return code

    def exchange(
        self, code: str, *, application_id: int, redirect_uri: str, verifier: str | None, now: float
    ) -> Grant:
        """Tokens for a code, which is good once. Raises BadGrant."""
        consent, until = self._codes.pop(code, (None, 0.0))
        if consent is None or now >= until or consent.application_id != application_id:
            raise BadGrant('Invalid "code" in request.')
        if consent.redirect_uri != redirect_uri:
            raise BadGrant('Invalid "redirect_uri" in request.')
        if consent.challenge is not None and _challenge_of(verifier or "") != consent.challenge:
            raise BadGrant('Invalid "code_verifier" in request.')
        return self._grant(application_id, consent.user_id, consent.scopes, now)

    def refresh(self, token: str, *, application_id: int, now: float) -> Grant:
        """New tokens for a refresh token, which is good once. Raises BadGrant."""
        found = next((grant for grant in self._grants.values() if grant.refresh == token), None)
        if found is None or found.application_id != application_id:
            raise BadGrant('Invalid "refresh_token" in request.')
        del self._grants[found.access]
        return self._grant(application_id, found.user_id, found.scopes, now)

    def revoke(self, token: str, *, application_id: int) -> None:
        """End a token, and with it every other one of the same person and application."""
        for grant in list(self._grants.values()):
            if token in {grant.access, grant.refresh} and grant.application_id == application_id:
                self._grants = {
                    access: other
                    for access, other in self._grants.items()
                    if (other.application_id, other.user_id) != (application_id, grant.user_id)
                }
                return

    def by_access(self, token: str, now: float) -> Grant | None:
        """What a bearer token stands for."""
        grant = self._grants.get(token)
        return grant if grant is not None and now < grant.until else None

    def _grant(self, application_id: int, user_id: int, scopes: tuple[str, ...], now: float) -> Grant:
        grant = Grant(
            application_id=application_id,
            user_id=user_id,
            scopes=scopes,
            access=secrets.token_urlsafe(22),
            refresh=secrets.token_urlsafe(22),
            until=now + TOKEN_LIVES,
        )
        self._grants[grant.access] = grant
        _trim(self._grants)
        return grant


def _challenge_of(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _trim(held: dict[str, object] | dict[str, Grant] | dict[str, tuple[Consent, float]]) -> None:
    """Forget the oldest ones beyond the bound."""
    for key in list(held)[: max(0, len(held) - MOST)]:
        del held[key]
