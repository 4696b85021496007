"""Who may see the console: bot owners who have signed in with Discord, where that is set up.

A session is a signed cookie of 12 hours. Whether somebody is an owner is looked up at every request, so that
one who no longer is has no access from then on. Where no sign-in is set up, it is as for every operator's
route: the service key, or this very machine.

When it fails: signing out is remembered in memory until the session would have ended; a restart forgets it,
and a new client secret ends every session.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import attrs
import msgspec
from quart import g, request

from alphapy.web.auth.cookies import Signer, derived_key
from alphapy.web.auth.memory import Memory
from alphapy.web.auth.operators import OperatorDoor, admit
from alphapy.web.errors import ApiError

if TYPE_CHECKING:
    from quart import Response

    from alphapy.pure.clock import Clock
    from alphapy.web.auth.discord_login import Person
    from alphapy.web.auth.security import DiscordLogin, Security

HOURS: Final = 12
SESSION_SECONDS: Final = HOURS * 3600
SIGNED_OUT: Final = 10_000
"""Sessions whose end is remembered."""

NOT_AN_OWNER: Final = (
    "Discord has told us who you are, but this console is for the owners of this bot: those named in "
    "OWNER_IDS, and those who own the bot's application at Discord."
)


class Session(msgspec.Struct, frozen=True):
    """Who has signed in, as the cookie says; ``id`` tells sessions apart."""

    user_id: int
    name: str
    id: str


@attrs.frozen
class CookieJar:
    """One cookie of ours: its name, its flags, and who may read it.

    Behind HTTPS its name has the ``__Host-`` prefix, so that no other host can set it (RFC 6265bis, 4.1.3).
    """

    base: str
    secure: bool
    path: str = "/"

    @property
    def name(self) -> str:
        """The cookie's name."""
        return f"__Host-{self.base}" if self.secure else self.base

    def read(self) -> str | None:
        """What the browser has sent."""
        return request.cookies.get(self.name)

    def write(self, response: Response, value: str, seconds: int) -> None:
        """Have the browser keep a value."""
        response.set_cookie(
            self.name,
            value,
            max_age=seconds,
            path=self.path,
            secure=self.secure,
            httponly=True,
            samesite="Lax",
        )

    def clear(self, response: Response) -> None:
        """Have the browser forget it."""
        response.delete_cookie(self.name, path=self.path, secure=self.secure, httponly=True, samesite="Lax")


class SignInNeeded(Exception):
    """Nobody has signed in."""


class Sessions:
    """The sessions of people who have signed in."""

    def __init__(self, login: DiscordLogin, clock: Clock, *, secure: bool) -> None:
        self._signer = Signer(derived_key(login.client_secret, "console session"), "console session")
        self._clock = clock
        self._ended: Memory[str, bool] = Memory(SIGNED_OUT)
        self._jar = CookieJar("alphapy_console", secure)

    def current(self) -> Session | None:
        """Whoever sends the present request."""
        now = self._clock.now().timestamp()
        session = self._signer.read(self._jar.read(), Session, now)
        return None if session is None or self._ended.get(session.id, now) else session

    def begin(self, person: Person, response: Response) -> None:
        """Sign somebody in."""
        session = Session(user_id=person.id, name=person.name, id=secrets.token_urlsafe(16))
        until = self._clock.now().timestamp() + SESSION_SECONDS
        self._jar.write(response, self._signer.sign(session, until), SESSION_SECONDS)

    def end(self, session: Session, response: Response) -> None:
        """Sign somebody out."""
        until = self._clock.now().timestamp() + SESSION_SECONDS
        self._ended.put(session.id, value=True, until=until)
        self._jar.clear(response)


@attrs.frozen(kw_only=True)
class ConsoleDoor:
    """Lets the right people in. ``sessions`` is None where no sign-in is set up."""

    operators: OperatorDoor
    sessions: Sessions | None
    is_owner: Callable[[int], bool]

    def admit(self) -> None:
        """Let the present request through; raises SignInNeeded, or ApiError."""
        if self.sessions is None:
            admit(self.operators)
            return
        session = self.sessions.current()
        if session is None:
            raise SignInNeeded
        g.visitor = session
        if not self.is_owner(session.user_id):
            raise ApiError(403, "forbidden", NOT_AN_OWNER)


def sessions_of(security: Security, clock: Clock) -> Sessions | None:
    """The sessions of this service, where signing in is set up."""
    login = security.login
    return None if login is None else Sessions(login, clock, secure=is_secure(security))


def is_secure(security: Security) -> bool:
    """Whether browsers are to send cookies over HTTPS only."""
    login = security.login
    return security.production or (login is not None and login.redirect_uri.startswith("https://"))


def visitor_session() -> str:
    """The id of the session of the present request; empty where nobody has signed in."""
    found: Session | None = g.get("visitor")
    return "" if found is None else found.id
