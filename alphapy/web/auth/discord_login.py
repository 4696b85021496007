"""Asking Discord who somebody is: the authorization code grant, with PKCE.

https://docs.discord.com/developers/topics/oauth2. The scope is ``identify`` alone; the token serves for one
question and is revoked. Discord says in its authorization server metadata that it takes S256 challenges
(https://discord.com/.well-known/oauth-authorization-server); a server that does not would ignore ours.

When it fails: what Discord refuses is :class:`LoginRefused`, what it does not answer :class:`LoginDown`. A
revocation that fails is logged and forgotten: the token ends by itself.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode, urlsplit

import attrs
import httpx
import trio

from alphapy.pure.ids import UserId, parse_snowflake
from alphapy.web.auth.cookies import derived_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alphapy.web.auth.security import DiscordLogin

log = logging.getLogger("alphapy.web.auth")

WITHIN: Final = 5.0
"""Seconds that each answer may take."""

LONGEST_NAME: Final = 100


class LoginRefused(Exception):
    """Discord does not take the code: it is used, too old, or not for us."""


class LoginDown(Exception):
    """Discord does not answer, or not in a way that can be used."""


@attrs.frozen
class Person:
    """Who somebody is, by Discord's word."""

    id: UserId
    name: str


class DiscordOAuth:
    """The application's side of the grant."""

    def __init__(self, login: DiscordLogin, http: httpx.AsyncClient) -> None:
        self._login = login
        self._http = http
        self._verifier_key = derived_key(login.client_secret, "login verifier")
        base = urlsplit(login.api_base)
        self.issuer = f"{base.scheme}://{base.netloc}"
        """Who answers; Discord names itself so in its answer (RFC 9207)."""

    def address(self, state: str) -> str:
        """Where somebody is sent to be asked."""
        digest = hashlib.sha256(self._verifier(state).encode()).digest()
        query = {
            "response_type": "code",
            "client_id": str(self._login.client_id),
            "scope": "identify",
            "redirect_uri": self._login.redirect_uri,
            "state": state,
            "code_challenge": _text(digest),
            "code_challenge_method": "S256",
        }
        return f"{self.issuer}/oauth2/authorize?{urlencode(query)}"

    async def person(self, code: str, state: str) -> Person:
        """Whoever has agreed, by their code. Raises LoginRefused, LoginDown."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._login.redirect_uri,
            "code_verifier": self._verifier(state),
        }
        answer = await self._ask("POST", "/oauth2/token", data=form, auth=self._credentials)
        if answer.status_code == 400:
            raise LoginRefused
        token = _json(answer).get("access_token")
        if answer.status_code != 200 or not isinstance(token, str) or not token.isascii():
            raise _unusable("token", answer)
        try:
            me = await self._ask("GET", "/users/@me", headers={"Authorization": f"Bearer {token}"})
            return _person(me)
        finally:
            await self._revoke(token)

    def _verifier(self, state: str) -> str:
        """The PKCE verifier of a sign-in; nobody else can make it, and nobody has to keep it."""
        return _text(hmac.digest(self._verifier_key, state.encode(), "sha256"))

    @property
    def _credentials(self) -> tuple[str, str]:
        return str(self._login.client_id), self._login.client_secret.reveal()

    async def _revoke(self, token: str) -> None:
        try:
            await self._ask("POST", "/oauth2/token/revoke", data={"token": token}, auth=self._credentials)
        except LoginDown as error:
            log.info(
                "a token of a sign-in could not be revoked",
                extra={"event": "login_token_not_revoked", "error": str(error)},
            )

    async def _ask(self, method: str, path: str, **request: Any) -> httpx.Response:
        with trio.move_on_after(WITHIN):
            try:
                return await self._http.request(method, self._login.api_base + path, **request)
            except httpx.HTTPError as error:
                raise LoginDown(type(error).__name__) from error
        raise LoginDown(f"no answer within {WITHIN:g} s")


def _person(answer: httpx.Response) -> Person:
    found = _json(answer)
    user_id = parse_snowflake(found.get("id"))
    if answer.status_code != 200 or user_id is None:
        raise _unusable("user", answer)
    name = found.get("global_name") or found.get("username")
    return Person(UserId(user_id), name[:LONGEST_NAME] if isinstance(name, str) else str(user_id))


def _json(answer: httpx.Response) -> Mapping[str, Any]:
    try:
        found = answer.json()
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _unusable(what: str, answer: httpx.Response) -> LoginDown:
    log.warning(
        "Discord's answer to a sign-in cannot be used",
        extra={"event": "login_unusable", "what": what, "status": answer.status_code},
    )
    return LoginDown(f"HTTP status {answer.status_code}")


def _text(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
