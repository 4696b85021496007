"""Signing in to the console with Discord, and out of it.

The browser keeps a signed cookie with a random state while it is at Discord; an answer counts only with that
very state, once. So nobody can finish a sign-in that another browser began (RFC 6749, section 10.12), nor
lead anybody anywhere but to a page of the console.

When it fails: every refusal is a page that says what to do next; no session begins, and the state is spent.
"""

from __future__ import annotations

import hmac
import logging
import re
import secrets
from typing import TYPE_CHECKING, Final

import msgspec
from quart import Blueprint, Response, g, redirect, render_template, request

from alphapy.web.auth.cookies import Signer, derived_key
from alphapy.web.auth.discord_login import DiscordOAuth, LoginDown, LoginRefused
from alphapy.web.auth.memory import Memory
from alphapy.web.console.door import NOT_AN_OWNER, CookieJar, Sessions, is_secure
from alphapy.web.encoding import query_text
from alphapy.web.errors import ApiError
from alphapy.web.forms import Forms, refuse_other_sites

if TYPE_CHECKING:
    from quart.typing import ResponseReturnValue

    from alphapy.web.auth.security import DiscordLogin
    from alphapy.web.sources import Sources

log = logging.getLogger("alphapy.web.auth")

SIGN_IN: Final = "/console/sign-in"
START: Final = "/console/sign-in/discord"
SIGN_OUT: Final = "/console/sign-out"
CONSOLE: Final = "/console"

LOGIN_SECONDS: Final = 600
"""How long somebody may take at Discord."""

SPENT: Final = 10_000
"""States whose use is remembered."""

_PAGE: Final = re.compile(r"/console(?:/[a-z-]+)*(?:\?[A-Za-z0-9_=&%./~-]*)?", re.ASCII)
_LONGEST_PAGE: Final = 500

EXPIRED: Final = (
    "This sign-in was not begun in this browser, has been used already, or took longer than ten minutes. "
    "Please begin again."
)
DECLINED: Final = "You have not let Discord tell us who you are, so you are not signed in."
REFUSED: Final = "Discord does not accept this sign-in any more. Please begin again."
DOWN: Final = "Discord does not answer at the moment. Please try again."
TITLES: Final = {
    EXPIRED: "Please begin again",
    DECLINED: "Not signed in",
    REFUSED: "Please begin again",
    NOT_AN_OWNER: "For this bot's owners",
    DOWN: "Discord is away",
}
"""What a page with one of these sentences is headed."""

ENDPOINTS: Final = ("sign_in", "sign_in_start", "sign_in_callback", "ask_out", "sign_out")
"""The names of what is open to people who have not signed in."""


class Login(msgspec.Struct, frozen=True):
    """A sign-in that is under way, as the cookie says."""

    state: str
    page: str


class SignIn:
    """The handlers."""

    def __init__(self, sources: Sources, login: DiscordLogin, sessions: Sessions, forms: Forms) -> None:
        self._sources = sources
        self._clock = sources.clock
        self._sessions = sessions
        self._forms = forms
        self._oauth = DiscordOAuth(login, sources.outside)
        self._signer = Signer(derived_key(login.client_secret, "console login"), "console login")
        self._jar = CookieJar("alphapy_login", is_secure(sources.security))
        self._spent: Memory[str, bool] = Memory(SPENT)

    async def ask(self) -> ResponseReturnValue:
        """The page with the button."""
        if self._sessions.current() is not None:
            return redirect(CONSOLE, 303)
        return await render_template("sign_in.html", page=own_page(query_text("next")))

    async def start(self) -> ResponseReturnValue:
        """Off to Discord."""
        login = Login(state=secrets.token_urlsafe(32), page=own_page(query_text("next")))
        response = _response(redirect(self._oauth.address(login.state), 303))
        until = self._clock.now().timestamp() + LOGIN_SECONDS
        self._jar.write(response, self._signer.sign(login, until), LOGIN_SECONDS)
        return response

    async def callback(self) -> ResponseReturnValue:
        """Back from Discord."""
        login = self._spend()
        if query_text("error") is not None:
            raise ApiError(403, "forbidden", DECLINED)
        code = query_text("code") or ""
        if not (0 < len(code) <= _LONGEST_PAGE):
            raise ApiError(400, "bad_payload", EXPIRED)
        try:
            person = await self._oauth.person(code, login.state)
        except LoginRefused:
            raise ApiError(400, "bad_payload", REFUSED) from None
        except LoginDown as error:
            log.warning(
                "a sign-in met a Discord that is away",
                extra={"event": "login_discord_away", "error": str(error)},
            )
            raise ApiError(503, "auth_unavailable", DOWN) from error
        if not self._sources.is_owner(person.id):
            log.warning(
                "somebody who is no bot owner tried to sign in to the console",
                extra={"event": "console_refused", "user_id": person.id},
            )
            raise ApiError(403, "forbidden", NOT_AN_OWNER)
        response = _response(redirect(login.page, 303))
        self._sessions.begin(person, response)
        self._jar.clear(response)
        log.info(
            "a bot owner signed in to the console",
            extra={"event": "console_signed_in", "user_id": person.id},
        )
        return response

    async def ask_out(self) -> ResponseReturnValue:
        """The page that asks whether to sign out."""
        session = self._sessions.current()
        if session is None:
            return redirect(SIGN_IN, 303)
        g.visitor = session
        return await render_template("sign_out.html", token=self._forms.token(session.id))

    async def sign_out(self) -> ResponseReturnValue:
        """Sign out."""
        refuse_other_sites(request.headers.get, trusted_proxies=self._sources.trusted_proxies)
        session = self._sessions.current()
        response = _response(redirect(SIGN_IN, 303))
        if session is not None:
            self._forms.check((await request.form).get("token"), session.id)
            self._sessions.end(session, response)
        return response

    def _spend(self) -> Login:
        """The sign-in that this answer belongs to, which is over with it; raises ApiError."""
        now = self._clock.now().timestamp()
        login = self._signer.read(self._jar.read(), Login, now)
        offered = query_text("state") or ""
        is_ours = (
            login is not None
            and offered.isascii()
            and hmac.compare_digest(offered, login.state)
            and self._spent.get(login.state, now) is None
            and query_text("iss") in {None, self._oauth.issuer}
        )
        if login is None or not is_ours:
            raise ApiError(400, "bad_payload", EXPIRED)
        self._spent.put(login.state, value=True, until=now + LOGIN_SECONDS)
        return login


def own_page(wanted: str | None) -> str:
    """A page of the console that somebody may be led to; the first one for anything else."""
    if wanted is None or len(wanted) > _LONGEST_PAGE or not _PAGE.fullmatch(wanted):
        return CONSOLE
    return CONSOLE if wanted.startswith((SIGN_IN, SIGN_OUT)) else wanted


def add_routes(found: Blueprint, sign_in: SignIn, login: DiscordLogin) -> None:
    """Serve the handlers as part of the console."""
    found.add_url_rule(SIGN_IN, "sign_in", sign_in.ask)
    found.add_url_rule(START, "sign_in_start", sign_in.start)
    found.add_url_rule(login.callback_path, "sign_in_callback", sign_in.callback)
    found.add_url_rule(SIGN_OUT, "ask_out", sign_in.ask_out)
    found.add_url_rule(SIGN_OUT, "sign_out", sign_in.sign_out, methods=["POST"])


def _response(made: object) -> Response:
    assert isinstance(made, Response)  # noqa: S101 - Quart's redirect makes one of its own
    return made
