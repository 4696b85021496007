"""A guild's settings: the only writer of its rows, one change at a time (spec/settings.md 1 and 5.3).

A write is: check the value, one transaction for row and history, swap the snapshot, tell the listeners,
reply.
So whoever got the reply, and everybody they talk to, sees the new value. Of several keys at once all are
written or none. A request that came over HTTP is recorded in the guild's log channel from here, so that it is
even when the client does not wait for the answer.

When it fails: the database is gone, so the request waits until its deadline and is then dropped; the snapshot
never runs ahead of the database. After a crash the snapshot on the board stays valid.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import trio
from typing_extensions import override

from alphapy.actors.kernel.actor import Actor, Context
from alphapy.actors.kernel.address import Address
from alphapy.actors.operational_events.messages import EVENTS
from alphapy.actors.settings import record, wishes
from alphapy.actors.settings.fit import misfit
from alphapy.actors.settings.messages import (
    Changed,
    ChangeResult,
    ChangeSetting,
    EnsureFresh,
    NotSaved,
    RefusalKind,
    Rejected,
    Reload,
    RollBack,
    Saved,
    SaveResult,
    SaveScope,
    SettingsChanged,
    SettingWritten,
    Source,
    TellLate,
    Unchanged,
)
from alphapy.actors.settings.wishes import Wish
from alphapy.pure.settings import InvalidSetting
from alphapy.storage import settings as storage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alphapy.actors.settings.board import SettingsBoard
    from alphapy.actors.settings.listeners import Listeners
    from alphapy.actors.settings.snapshot import SettingsSnapshot
    from alphapy.gateway.guilds import GuildCache
    from alphapy.pure.settings import SettingDef
    from alphapy.storage.pool import Pool
    from alphapy.storage.transaction import Transaction

COMPONENT = "settings"
"""Name at the connection pool."""

TELL_AGAIN_AFTER = 0.5
"""Seconds until listeners without room are told again."""


Rows = list[tuple[str, str, object]]


@attrs.frozen
class _Asked:
    """Who asked for a change of which keys, and where."""

    keys: frozenset[tuple[str, str]]
    source: Source
    actor_id: int


@attrs.frozen(auto_exc=True)
class _OwnersOnly(Exception):
    """In a transaction: it has written what this actor may not change, and must not commit."""

    name: str


class GuildSettings(Actor):
    """The actor ``guild/<id>/settings``."""

    def __init__(
        self, context: Context, *, pool: Pool, board: SettingsBoard, guilds: GuildCache, listeners: Listeners
    ) -> None:
        super().__init__(context)
        guild_id = context.address.guild_id
        assert guild_id is not None, "the address pattern says guild"  # noqa: S101
        self._guild_id = guild_id
        self._pool = pool
        self._board = board
        self._guilds = guilds
        self._listeners = listeners
        self._retry_is_due = False

    @override
    async def handle(self, message: object) -> object:
        match message:
            case EnsureFresh(max_age):
                return await self._ensure_fresh(max_age)
            case ChangeSetting():
                return await self._change(message)
            case SaveScope():
                return await self._save_scope(message)
            case RollBack():
                return await self._roll_back(message)
            case Reload():
                return len((await self._read_again()).overrides)
            case TellLate():
                self._retry_is_due = False
                self._tell_again(self._listeners.retry())
                return None
            case _:
                return await super().handle(message)

    async def _ensure_fresh(self, max_age: float) -> SettingsSnapshot:
        snapshot = self._board.snapshot(self._guild_id)
        if trio.current_time() - snapshot.loaded_at <= max_age:
            return snapshot
        return await self._read_again()

    async def _read_again(self) -> SettingsSnapshot:
        rows = await self._pool.run(
            COMPONENT, lambda tx: storage.load_guild(tx, self._guild_id), idempotent=True
        )
        return self._swap(rows, None)

    async def _change(self, request: ChangeSetting) -> ChangeResult:
        definition = self._board.registry.definition(request.scope, request.key)
        try:
            canonical = definition.canonical(request.value)
        except InvalidSetting as error:
            return Rejected(error.expected)
        if canonical is not None:
            unfit = misfit(definition, canonical, self._guilds.get(self._guild_id)) or (
                self._board.registry.surplus(definition, self._board.snapshot(self._guild_id).overrides)
            )
            if unfit is not None:
                return Rejected(unfit)

        wanted = storage.SettingWrite(definition.scope, definition.key, definition.type.value, canonical)
        written = await self._write((Wish(definition, wanted),), request)
        snapshot = self._board.snapshot(self._guild_id)
        if not written:
            return Unchanged(snapshot)
        self._tell_event(written, request)
        return Changed(snapshot, written[0].old)

    async def _save_scope(self, request: SaveScope) -> SaveResult:
        found = wishes.of_scope(
            request, self._board.snapshot(self._guild_id), self._guilds.get(self._guild_id)
        )
        return found if isinstance(found, NotSaved) else await self._save(found, request)

    async def _roll_back(self, request: RollBack) -> SaveResult:
        entry = await self._pool.run(
            COMPONENT,
            lambda tx: storage.history_entry(tx, self._guild_id, request.history_id),
            idempotent=True,
        )
        if entry is None:
            return NotSaved(kind=RefusalKind.GONE)
        found = wishes.of_history(
            entry, self._board.snapshot(self._guild_id), self._guilds.get(self._guild_id)
        )
        return found if isinstance(found, NotSaved) else await self._save((found,), request)

    async def _save(self, found: Sequence[Wish], request: SaveScope | RollBack) -> SaveResult:
        try:
            written = await self._write(found, request, as_owner=request.as_owner)
        except _OwnersOnly as error:
            return NotSaved(kind=RefusalKind.FORBIDDEN, name=error.name)
        if written:
            audit = record.audit(
                written,
                self._board.registry,
                request.actor_id,
                is_rollback=isinstance(request, RollBack),
            )
            self.context.bus.tell(Address.guild(self._guild_id, "guild_log"), audit)
            self._tell_event(written, request)
        return Saved(written)

    async def _write(
        self, found: Sequence[Wish], request: ChangeSetting | SaveScope | RollBack, *, as_owner: bool = True
    ) -> tuple[SettingWritten, ...]:
        """Write in one transaction, and show everybody; what was written is what differed."""

        async def write(tx: Transaction) -> tuple[list[SettingDef], Rows]:
            written = []
            for wish in found:
                if await storage.write(tx, self._guild_id, wish.write, changed_by=request.actor_id):
                    written.append(wish.definition)
                    if wish.definition.owner_only and not as_owner:
                        raise _OwnersOnly(wish.definition.name)
            return written, await storage.load_guild(tx, self._guild_id)

        definitions, rows = await self._pool.run(COMPONENT, write, idempotent=True)
        keys = frozenset((definition.scope, definition.key) for definition in definitions)
        before = self._board.snapshot(self._guild_id)
        after = self._swap(rows, _Asked(keys, request.source, request.actor_id))
        return tuple(
            SettingWritten(
                scope=definition.scope,
                key=definition.key,
                old=before.value(definition.scope, definition.key),
                new=after.value(definition.scope, definition.key),
                is_reset=not after.is_overridden(definition),
            )
            for definition in definitions
        )

    def _tell_event(
        self, written: Sequence[SettingWritten], request: ChangeSetting | SaveScope | RollBack
    ) -> None:
        if isinstance(request, SaveScope):
            event = record.event_of_many(
                self._guild_id,
                request.scope,
                len(written),
                actor_id=request.actor_id,
                source=request.source,
            )
        else:
            event = record.event_of_one(
                self._guild_id,
                written[0],
                actor_id=request.actor_id,
                source=request.source,
                is_rollback=isinstance(request, RollBack),
            )
        self.context.bus.tell(EVENTS, event)

    def _swap(self, rows: Rows, request: _Asked | None) -> SettingsSnapshot:
        """Replace the snapshot, and tell who listens of every key whose effective value changed.

        What another program wrote meanwhile is nobody's change here, only the requested keys are.
        """
        before = self._board.snapshot(self._guild_id)
        self._board.take_rows(self._guild_id, rows)
        after = self._board.snapshot(self._guild_id)
        keys = before.overrides.keys() | after.overrides.keys()
        changes = [
            SettingsChanged(
                guild_id=self._guild_id,
                scope=definition.scope,
                key=definition.key,
                old=old,
                new=new,
                version=after.version,
                source=asked.source if asked is not None else None,
                actor_id=asked.actor_id if asked is not None else None,
            )
            for definition, old, new in self._differences(before, after, keys)
            for asked in [request if _is_for(request, definition) else None]
        ]
        self._tell_again(self._listeners.tell(changes))
        return after

    def _differences(
        self, before: SettingsSnapshot, after: SettingsSnapshot, keys: set[tuple[str, str]]
    ) -> list[tuple[SettingDef, Any, Any]]:
        found = []
        for scope, key in sorted(keys):
            old, new = before.value(scope, key), after.value(scope, key)
            if old != new:
                found.append((self._board.registry.definition(scope, key), old, new))
        return found

    def _tell_again(self, needed: bool) -> None:
        if needed and not self._retry_is_due:
            self._retry_is_due = True
            self.context.tell_after(TELL_AGAIN_AFTER, TellLate())


def _is_for(asked: _Asked | None, definition: SettingDef) -> bool:
    return asked is not None and (definition.scope, definition.key) in asked.keys
