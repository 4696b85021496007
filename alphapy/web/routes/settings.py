"""A guild's settings: read, written, their history, and back (spec/settings.md 7, spec/api.md 7.7.4).

Reading goes to the rows, so that what other programs wrote is seen at once. Writing goes to the guild's
actor, whose reply means that every feature sees the new value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import attrs

from alphapy.actors.kernel.address import Address
from alphapy.actors.settings.messages import RefusalKind, Reload, RollBack, Saved, SaveScope
from alphapy.pure.ids import GuildId
from alphapy.pure.setting_views import WRITABLE_SCOPES, overrides, was
from alphapy.pure.text import cut
from alphapy.storage import settings as storage
from alphapy.web.auth.caller import Access
from alphapy.web.errors import ApiError, not_found
from alphapy.web.routes.dashboard import COMPONENT, ActorDesk, actor_of
from alphapy.web.routing.fields import Clamped, SnowNumber, Text, UtcTime
from alphapy.web.routing.route import Call, Reply, Route

if TYPE_CHECKING:
    from alphapy.actors.settings.messages import NotSaved, SaveResult
    from alphapy.web.sources import Sources

TAG: Final = "Settings"

MOST_KEYS: Final = 100
"""Keys of one request (spec/settings.md 8)."""

LONGEST_NAME: Final = 100
"""Characters of a name that somebody made up, in what they are told."""

RELOAD_WITHIN: Final = 9.0
"""Seconds that reading everything again may take."""

Overrides = dict[str, Any]


@attrs.frozen(kw_only=True)
class StoredSettings:
    """What the guild has stored, by scope and key; a key that is missing is at its default.

    Flags are booleans, numbers are numbers, the id of a channel, role or message is a string ("" for none).
    """

    system: Overrides
    reminders: Overrides
    embedwatcher: Overrides
    gpt: Overrides
    invites: Overrides
    gdpr: Overrides
    automod: Overrides
    onboarding: Overrides
    ticketbot: Overrides
    verification: Overrides
    growth: Overrides
    agents: Overrides
    engagement: Overrides
    fyi: Overrides
    custom_commands: Overrides
    faq: Overrides
    rules: Overrides


@attrs.frozen(kw_only=True)
class SettingsUpdate:
    """Keys of one scope (``category``) and their new values. Null or an empty text clears a key.

    All of them are saved, or none where one cannot be. At most 100 keys. Ids may be strings or numbers.
    """

    category: str
    settings: dict[str, Any]


@attrs.frozen(kw_only=True)
class UpdateQuery:
    """``merge`` leaves alone what is not listed; ``replace`` clears it."""

    mode: Literal["merge", "replace"] = "merge"


@attrs.frozen(kw_only=True)
class Done:
    """What was done, in words."""

    success: bool = True
    message: str


@attrs.frozen(kw_only=True)
class HistoryQuery:
    """Only of this scope, only of this key (in whatever scope), and how many entries."""

    scope: Annotated[str, Text(0, 100)] = ""
    key: Annotated[str, Text(0, 100)] = ""
    limit: Annotated[int, Clamped(1, 200)] = 50


@attrs.frozen(kw_only=True)
class HistoryItem:
    """One change, of type ``created``, ``updated``, ``deleted`` or ``rollback``.

    ``old_value`` is null where nothing was stored, ``new_value`` where a value was cleared. ``changed_by`` is
    the Discord user; null for a change of which nobody knows who made it.
    """

    id: int
    scope: str
    key: str
    old_value: Any
    new_value: Any
    value_type: str | None
    changed_by: SnowNumber | None
    changed_at: UtcTime | None
    change_type: str


@attrs.frozen(kw_only=True)
class Reloaded:
    """``loaded``: how many stored settings are in force now."""

    success: bool = True
    loaded: int


class SettingsRoutes:
    """The handlers."""

    def __init__(self, sources: Sources) -> None:
        self._pool = sources.pool
        self._desk = ActorDesk(sources.bus, sources.pool)
        self._registry = sources.dashboard.registry
        self._is_owner = sources.is_owner

    async def read(self, call: Call) -> Reply:
        """What the guild has stored."""
        async with self._pool.transaction(COMPONENT, read_only=True) as tx:
            rows = await storage.load_guild(tx, call.guild)
        return Reply(body=StoredSettings(**overrides(self._registry, rows)))

    async def write(self, call: Call) -> Reply:
        """Save several keys of a scope at once."""
        asked: SettingsUpdate = call.body
        if asked.category not in WRITABLE_SCOPES:
            known = ", ".join(sorted(WRITABLE_SCOPES))
            raise ApiError(400, "bad_category", f"There is no such category to change; there are {known}.")
        if len(asked.settings) > MOST_KEYS:
            fault = {
                "loc": ["body", "settings"],
                "msg": f"this may have at most {MOST_KEYS} keys",
                "type": "too_long",
            }
            raise ApiError(422, "validation_error", [fault])
        actor_id = actor_of(call.caller)
        saved = await self._ask(
            call.guild,
            SaveScope(
                scope=asked.category,
                values=asked.settings,
                replace=call.query.mode == "replace",
                actor_id=actor_id,
                as_owner=self._is_owner(actor_id),
            ),
        )
        return Reply(body=Done(message=_told(len(saved.written))))

    async def history(self, call: Call) -> Reply:
        """The newest changes."""
        query: HistoryQuery = call.query
        async with self._pool.transaction(COMPONENT, read_only=True) as tx:
            entries = await storage.history(
                tx, call.guild, scope=query.scope or None, key=query.key or None, limit=query.limit
            )
        return Reply(body=[self._item(entry) for entry in entries])

    async def roll_back(self, call: Call) -> Reply:
        """Bring back what a change replaced."""
        actor_id = actor_of(call.caller)
        saved = await self._ask(
            call.guild,
            RollBack(
                history_id=call.params["history_id"], actor_id=actor_id, as_owner=self._is_owner(actor_id)
            ),
        )
        if not saved.written:
            return Reply(body=Done(message="The setting has that value already; nothing was changed."))
        change = saved.written[0]
        return Reply(body=Done(message=f"{change.scope}.{change.key} has its earlier value again."))

    async def reload(self, call: Call) -> Reply:
        """Have the guild's settings read again."""
        loaded = await self._desk.ask(_settings_of(call.guild), Reload(), within=RELOAD_WITHIN)
        return Reply(body=Reloaded(loaded=loaded))

    async def _ask(self, guild_id: GuildId, request: SaveScope | RollBack) -> Saved:
        result: SaveResult = await self._desk.ask(_settings_of(guild_id), request)
        if isinstance(result, Saved):
            return result
        raise _refusal(result)

    def _item(self, entry: storage.HistoryEntry) -> HistoryItem:
        return HistoryItem(
            id=entry.id,
            scope=entry.scope,
            key=entry.key,
            old_value=was(self._registry, entry.scope, entry.key, entry.old_value),
            new_value=was(self._registry, entry.scope, entry.key, entry.new_value),
            value_type=entry.value_type,
            changed_by=entry.changed_by,
            changed_at=entry.changed_at,
            change_type=entry.change_type,
        )


def _settings_of(guild_id: GuildId) -> Address:
    return Address.guild(guild_id, "settings")


def _told(count: int) -> str:
    if count == 0:
        return "Everything had that value already; nothing was changed."
    return "1 setting was saved." if count == 1 else f"{count} settings were saved."


def _refusal(why: NotSaved) -> ApiError:
    name = cut(why.name, LONGEST_NAME)
    match why.kind:
        case RefusalKind.GONE:
            return not_found("This server's history has no such entry.")
        case RefusalKind.UNKNOWN:
            return ApiError(400, "unknown_setting", f"{name} is not a setting.")
        case RefusalKind.BAD_VALUE:
            return ApiError(400, "bad_value", f"{name} must be {why.expected}.")
        case RefusalKind.FORBIDDEN:
            return ApiError(403, "forbidden", f"Only a bot owner may change {name}.")
        case RefusalKind.NOT_YET:
            detail = f"{name} cannot be checked: Discord has not sent this server yet. Please try again."
            return ApiError(503, "bot_unavailable", detail)
        case RefusalKind.NOT_ROLLBACKABLE:
            detail = "Only a change from one value to another can be taken back."
            return ApiError(400, "not_rollbackable", detail)


def routes(sources: Sources) -> tuple[Route, ...]:
    """The routes."""
    handlers = SettingsRoutes(sources)
    return (*_present(handlers), *_past(handlers))


def _present(handlers: SettingsRoutes) -> tuple[Route, ...]:
    return (
        Route(
            method="GET",
            path="/api/dashboard/settings/{guild_id}",
            params={"guild_id": GuildId},
            handler=handlers.read,
            access=Access.GUILD,
            summary="The settings that a server has changed",
            tag=TAG,
            answer=StoredSettings,
            errors=("db_unavailable",),
        ),
        Route(
            method="POST",
            path="/api/dashboard/settings/{guild_id}",
            params={"guild_id": GuildId},
            handler=handlers.write,
            access=Access.GUILD,
            summary="Change settings of one category",
            description=(
                "Whatever is saved is in force before the answer comes, is entered in the history, and is "
                "told in the server's log channel. The language model (`gpt.model`) is for bot owners."
            ),
            tag=TAG,
            query=UpdateQuery,
            body=SettingsUpdate,
            answer=Done,
            errors=(
                "bad_category",
                "unknown_setting",
                "bad_value",
                "forbidden",
                "bot_unavailable",
                "db_unavailable",
            ),
        ),
        Route(
            method="POST",
            path="/api/dashboard/{guild_id}/settings/invalidate-cache",
            params={"guild_id": GuildId},
            handler=handlers.reload,
            access=Access.DADMIN,
            summary="Read a server's settings from the database again",
            description="For programs that write the tables themselves.",
            tag=TAG,
            answer=Reloaded,
            errors=("db_unavailable",),
        ),
    )


def _past(handlers: SettingsRoutes) -> tuple[Route, ...]:
    return (
        Route(
            method="GET",
            path="/api/dashboard/{guild_id}/settings/history",
            params={"guild_id": GuildId},
            handler=handlers.history,
            access=Access.GUILD,
            summary="Who changed which setting, newest first",
            tag=TAG,
            query=HistoryQuery,
            answer=list[HistoryItem],
            errors=("db_unavailable",),
        ),
        Route(
            method="POST",
            path="/api/dashboard/{guild_id}/settings/rollback/{history_id}",
            params={"guild_id": GuildId, "history_id": int},
            handler=handlers.roll_back,
            access=Access.GUILD,
            summary="Take a change back",
            description=(
                "Brings back the old value of an entry of the history, as a change of its own. Only an entry "
                "of type `updated` can be taken back, and only to a value that may be set today."
            ),
            tag=TAG,
            answer=Done,
            errors=(
                "not_found",
                "not_rollbackable",
                "unknown_setting",
                "bad_value",
                "forbidden",
                "bot_unavailable",
                "db_unavailable",
            ),
        ),
    )
