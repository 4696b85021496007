"""A guild's settings: the only writer of its rows, one change at a time (spec/settings.md 1 and 5.3).

A write is: check the value, one transaction for row and history, swap the snapshot, tell the listeners,
reply.
So whoever got the reply, and everybody they talk to, sees the new value.

When it fails: the database is gone, so the request waits until its deadline and is then dropped; the snapshot
never runs ahead of the database. After a crash the snapshot on the board stays valid.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio
from typing_extensions import override

from alphapy.actors.kernel.actor import Actor, Context
from alphapy.actors.settings.fit import misfit
from alphapy.actors.settings.messages import (
    Changed,
    ChangeResult,
    ChangeSetting,
    EnsureFresh,
    Rejected,
    SettingsChanged,
    TellLate,
    Unchanged,
)
from alphapy.pure.settings import InvalidSetting
from alphapy.storage import settings as storage

if TYPE_CHECKING:
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
            unfit = misfit(definition, canonical, self._guilds.get(self._guild_id))
            if unfit is not None:
                return Rejected(unfit)

        async def write(tx: Transaction) -> tuple[bool, list[tuple[str, str, object]]]:
            wanted = storage.SettingWrite(definition.scope, definition.key, definition.type.value, canonical)
            written = await storage.write(tx, self._guild_id, wanted, changed_by=request.actor_id)
            return written, await storage.load_guild(tx, self._guild_id)

        written, rows = await self._pool.run(COMPONENT, write, idempotent=True)
        before = self._board.snapshot(self._guild_id).value(definition.scope, definition.key)
        snapshot = self._swap(rows, request)
        return Changed(snapshot, before) if written else Unchanged(snapshot)

    def _swap(self, rows: list[tuple[str, str, object]], request: ChangeSetting | None) -> SettingsSnapshot:
        """Replace the snapshot, and tell who listens of every key whose effective value changed.

        What another program wrote meanwhile is nobody's change here, only the requested key is.
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


def _is_for(request: ChangeSetting | None, definition: SettingDef) -> bool:
    return request is not None and (request.scope, request.key) == (definition.scope, definition.key)
