"""Who calls: gathers the evidence, decides by :mod:`.rules`, and says no in the envelope (spec/api.md 7.2).

When it fails: a database that is away is a 503 ``db_unavailable`` (of the web's error boundary), an identity
service that is away 503 ``auth_unavailable``, a Discord that is away 503 ``bot_unavailable``. Nobody is let
in because something could not be found out.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, Protocol

import attrs
import psycopg

from alphapy.pure.ids import UserId, parse_snowflake
from alphapy.storage import links
from alphapy.storage.errors import StorageError
from alphapy.storage.pool import Pool
from alphapy.web.auth import rules, service_key
from alphapy.web.auth.admins import AdminDesk, Standing
from alphapy.web.auth.caller import Access, Caller
from alphapy.web.auth.identity import IdentityCounts
from alphapy.web.auth.operators import OperatorDoor, guard
from alphapy.web.auth.rules import Evidence, Key, Named, Verdict
from alphapy.web.auth.service_key import ServiceKey
from alphapy.web.auth.verifier import ABSENT, TokenVerifier, Verified
from alphapy.web.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from alphapy.pure.ids import GuildId
    from alphapy.web.sources import Sources

log = logging.getLogger("alphapy.web.auth")

COMPONENT: Final = "web"
DISCORD_ID: Final = "X-Discord-User-Id"

_UNAUTHORIZED: Final = (
    "This needs a valid token (Authorization: Bearer …) or, where the route takes it, the service key "
    "(X-Api-Key)."
)
_REFUSALS: Final[Mapping[Verdict, tuple[int, str]]] = {
    Verdict.UNAUTHORIZED: (401, _UNAUTHORIZED),
    Verdict.KEY_NOT_CONFIGURED: (503, "This service has no service key; the operator sets API_KEY."),
    Verdict.AUTH_UNAVAILABLE: (503, "The identity service does not answer. Please try again."),
    Verdict.BAD_DISCORD_ID: (400, f"{DISCORD_ID} must be a Discord id: digits only."),
}


class Credentials(Protocol):
    """What a request brings along."""

    @property
    def peer(self) -> str:
        """The address of the socket's other end."""
        ...

    def header(self, name: str) -> str | None:
        """A header by its name, in any case."""
        ...


class Verifies(Protocol):
    """Who tells good tokens from bad ones."""

    async def verify(self, authorization: str | None) -> Verified:
        """What the token in this header is worth."""
        ...


@attrs.frozen(kw_only=True)
class Desk:
    """The collaborators. ``development``: nothing is configured that tells callers apart."""

    key: ServiceKey
    verifier: Verifies
    pool: Pool
    admins: AdminDesk
    door: OperatorDoor
    development: bool


class Authenticator:
    """See the module."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.identity = IdentityCounts()

    def is_service(self, request: Credentials) -> bool:
        """Whether the request holds the service key."""
        return self._desk.key.judge(request.header(service_key.HEADER)) is Key.RIGHT

    async def identify(
        self,
        request: Credentials,
        access: Access,
        guild_id: GuildId | None = None,
        *,
        claimed: str | None = None,
    ) -> Caller:
        """Who calls a route of this class; raises ApiError for whom it is not for.

        Webhooks and the console's pages have doors of their own (ValueError).
        ``guild_id`` is the guild that the route is about. ``claimed`` is the subject that the request says it
        is about, which must be the token's own: it is compared before anything is looked up (7.7.3).
        """
        if access is Access.OPERATOR:
            refusal = self._desk.door.refusal(request.peer, request.header)
            if refusal is not None:
                raise refusal
            return Caller(access=access, service=self.is_service(request))
        named = request.header(DISCORD_ID)
        evidence, subject = await self._gather(request, access, named)
        verdict = rules.decide(access, evidence)
        if verdict not in rules.ADMITTED:
            raise _refusal(verdict)
        if claimed is not None and subject is not None and claimed.lower() != str(subject):
            raise ApiError(403, "forbidden", "This belongs to somebody else.")
        caller = await self._caller(access, verdict, subject, named)
        if access in rules.BY_GUILD:
            await self._check_admin(caller, guild_id)
        return caller

    async def require_admin(self, caller: Caller, guild_id: GuildId) -> Caller:
        """For routes of another class that are about a guild: the caller, if an admin of it or the service.

        A caller by token is looked up in the links. Raises ApiError.
        """
        if caller.service:
            return caller
        linked = await self.linked(caller)
        await self._check_admin(linked, guild_id)
        return linked

    async def linked(self, caller: Caller) -> Caller:
        """A caller by token with the Discord account that is linked to it; raises ApiError where none is."""
        if caller.discord_id is not None or caller.subject is None:
            return caller
        return attrs.evolve(caller, discord_id=await self._linked(caller.subject))

    async def _gather(
        self, request: Credentials, access: Access, named: str | None
    ) -> tuple[Evidence, UUID | None]:
        key = self._desk.key.judge(request.header(service_key.HEADER))
        name = Named.ABSENT if named is None else Named.GIVEN if parse_snowflake(named) else Named.MALFORMED
        token = ABSENT
        if rules.needs_token(access, key, name):
            token = await self._desk.verifier.verify(request.header("Authorization"))
        evidence = Evidence(key=key, token=token.state, named=name, development=self._desk.development)
        return evidence, token.subject

    async def _caller(
        self, access: Access, verdict: Verdict, subject: UUID | None, named: str | None
    ) -> Caller:
        if verdict is Verdict.SERVICE:
            return Caller(access=access, service=True)
        if verdict is Verdict.NAMED:
            return Caller(access=access, service=True, discord_id=UserId(parse_snowflake(named) or 0))
        if verdict is Verdict.LINKED and subject is not None:
            return Caller(access=access, subject=subject, discord_id=await self._linked(subject))
        return Caller(access=access, subject=subject)

    async def _linked(self, subject: UUID) -> UserId:
        try:
            async with self._desk.pool.transaction(COMPONENT, read_only=True) as tx:
                found = await links.discord_id_of(tx, subject)
        except (StorageError, psycopg.Error):
            self.identity.unread += 1
            raise
        if found is None:
            self.identity.unlinked += 1
            raise ApiError(
                403, "not_linked", "No Discord account is linked to this account. Use /link in Discord."
            )
        self.identity.linked += 1
        return found

    async def _check_admin(self, caller: Caller, guild_id: GuildId | None) -> None:
        if guild_id is None:
            missing = {"loc": ["query", "guild_id"], "msg": "this is needed", "type": "missing"}
            raise ApiError(422, "validation_error", [missing])
        standing = Standing.OTHER
        if caller.discord_id is not None:
            standing = await self._desk.admins.standing(guild_id, caller.discord_id)
        if standing is Standing.UNKNOWN:
            raise ApiError(503, "bot_unavailable", "Discord does not answer at the moment. Please try again.")
        if standing is Standing.OTHER:
            raise ApiError(403, "not_guild_admin", "Only admins of this server may do this.")
        log.info(
            "an admin of a guild was let in",
            extra={
                "event": "guild_access_granted",
                "actor_id": caller.discord_id,
                "guild_id": guild_id,
                "by": "service" if caller.service else "token",
            },
        )


def authenticator(sources: Sources) -> Authenticator:
    """The authenticator of this service."""
    identity = sources.security.identity
    tells_apart = sources.api_key is not None or identity.is_configured or sources.security.production
    return Authenticator(
        Desk(
            key=ServiceKey(sources.api_key),
            verifier=TokenVerifier(identity, sources.outside, sources.clock),
            pool=sources.pool,
            admins=sources.admins,
            door=guard(sources),
            development=not tells_apart,
        )
    )


def _refusal(verdict: Verdict) -> ApiError:
    if verdict is Verdict.DISCORD_ID_MISSING:
        missing = {"loc": ["header", DISCORD_ID], "msg": "this is needed", "type": "missing"}
        return ApiError(422, "validation_error", [missing])
    status, detail = _REFUSALS[verdict]
    headers = {"WWW-Authenticate": 'Bearer realm="Alphapy"'} if status == 401 else {}
    return ApiError(status, verdict.value, detail, headers)
