"""The snapshots of all guilds, read by every feature and replaced by the guild's settings actor alone.

Only guilds that stored something, or were read again since the start, have an entry: ten thousand guilds on
their defaults cost nothing. When the process restarts, the board is loaded with one query.
"""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING, Any

import attrs
import trio
from typing_extensions import override

from alphapy.actors.kernel.address import Address
from alphapy.actors.kernel.bus import Answered
from alphapy.actors.settings.messages import EnsureFresh
from alphapy.actors.settings.snapshot import FRESH_FOR, SettingsReader, SettingsSnapshot, SettingsUnavailable
from alphapy.pure.ids import GuildId

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from alphapy.actors.kernel.bus import Bus, Reply
    from alphapy.pure.settings import SettingsRegistry

log = logging.getLogger("alphapy.actors.settings")

REFRESH_TIMEOUT = 2.0
"""Seconds that a gate waits for fresh settings (spec/settings.md 5.2)."""

ATTEMPTS = 2
"""A failed refresh is retried once, at once; then the gate is closed (spec/settings.md 3.1)."""


class SettingsBoard(SettingsReader):
    """Every guild's last snapshot."""

    def __init__(
        self, registry: SettingsRegistry, bus: Bus, is_away: Callable[[], bool] = lambda: False
    ) -> None:
        """``is_away``: whether the database is known not to answer, so that nobody waits for it."""
        self._registry = registry
        self._bus = bus
        self._is_away = is_away
        self._snapshots: dict[GuildId, SettingsSnapshot] = {}
        self._loaded_at = trio.current_time()

    @property
    def registry(self) -> SettingsRegistry:
        """Every setting there is."""
        return self._registry

    def load(self, rows: Iterable[tuple[int, str, str, object]]) -> int:
        """Take every stored row, at the start; returns how many rows nobody registered."""
        grouped: dict[GuildId, list[tuple[str, str, object]]] = {}
        for guild_id, scope, key, value in rows:
            grouped.setdefault(GuildId(guild_id), []).append((scope, key, value))
        self._loaded_at = trio.current_time()
        return sum(self.take_rows(guild_id, found) for guild_id, found in grouped.items())

    def take_rows(self, guild_id: GuildId, rows: Iterable[tuple[str, str, object]]) -> int:
        """Replace a guild's snapshot by what its rows say; returns how many rows nobody registered."""
        overrides, undecodable, unknown = self._registry.read_rows(rows)
        if undecodable:
            log.warning(
                "settings that cannot be read fall back to their defaults",
                extra={"event": "settings_undecodable", "guild_id": guild_id, "settings": list(undecodable)},
            )
        self.replace(guild_id, overrides)
        return unknown

    def replace(self, guild_id: GuildId, overrides: Mapping[tuple[str, str], Any]) -> SettingsSnapshot:
        """Swap in a guild's overrides, as just read from or written to the database."""
        snapshot = SettingsSnapshot(
            guild_id=guild_id,
            registry=self._registry,
            overrides=overrides,
            version=self.snapshot(guild_id).version + 1,
            loaded_at=trio.current_time(),
        )
        self._snapshots[guild_id] = snapshot
        return snapshot

    def forget(self, guild_id: GuildId) -> None:
        """The bot has left a guild, whose rows stay: what is remembered counts as old from now on.

        It is not dropped, or the guild would be judged by the defaults at its return, until it is read again.
        """
        found = self._snapshots.pop(guild_id, None)
        if found is not None and found.overrides:
            self._snapshots[guild_id] = attrs.evolve(found, loaded_at=-math.inf)

    def returned(self, guild_id: GuildId) -> None:
        """The bot was added to a guild: have its settings read, as they may have changed."""
        self._bus.tell(Address.guild(guild_id, "settings"), EnsureFresh(0.0))

    @override
    def snapshot(self, guild_id: GuildId) -> SettingsSnapshot:
        found = self._snapshots.get(guild_id)
        if found is None:
            return SettingsSnapshot(guild_id, self._registry, {}, version=0, loaded_at=self._loaded_at)
        return found

    @override
    async def fresh(self, guild_id: GuildId, *, max_age: float = FRESH_FOR) -> SettingsSnapshot:
        snapshot = self.snapshot(guild_id)
        if guild_id <= 0 or trio.current_time() - snapshot.loaded_at <= max_age:
            return snapshot
        if self._is_away():
            raise SettingsUnavailable(
                f"the settings of guild {guild_id} cannot be read: the database is away"
            )
        answer: Reply[SettingsSnapshot] | None = None
        for _ in range(ATTEMPTS):
            answer = await self._bus.ask(
                Address.guild(guild_id, "settings"), EnsureFresh(max_age), timeout=REFRESH_TIMEOUT
            )
            if isinstance(answer, Answered):
                return answer.value
        raise SettingsUnavailable(f"the settings of guild {guild_id} cannot be read: {answer}")

    @override
    async def enabled(self, guild_id: GuildId, scope: str) -> bool:
        try:
            snapshot = await self.fresh(guild_id)
        except SettingsUnavailable:
            log.warning(
                "a module counts as disabled while the settings cannot be read",
                extra={"event": "gate_closed", "guild_id": guild_id, "scope": scope},
            )
            return False
        return snapshot.enabled(scope)
