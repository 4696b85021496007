"""What happens to the bot's connection, as operators see it (spec/operations.md 5.1 and 5.2).

The first session of the process, begun or resumed, makes the bot ready; a session that begins after an outage
makes it reconnected; one that is resumed after an outage makes nothing. One outage is told once, however many
shards it hits. Nothing here waits: the shards and the router call, and actors are told.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from alphapy.actors.command_sync.messages import COMMAND_SYNC, SyncGuilds, SyncType
from alphapy.actors.operational_events.messages import EVENTS, EventType, RecordEvent
from alphapy.gateway.shard_facts import ShardState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from alphapy.actors.kernel.bus import Bus
    from alphapy.pure.ids import GuildId

log = logging.getLogger("alphapy.actors.lifecycle")


class Lifecycle:
    """Follows the shards of this process. ``guilds_of`` gives the guilds of a shard, as far as known."""

    def __init__(self, bus: Bus, guilds_of: Callable[[int], Iterable[GuildId]]) -> None:
        self._bus = bus
        self._guilds_of = guilds_of
        self._announced = False
        self._online: set[int] = set()
        """Shards that are ready now."""
        self._seen: set[int] = set()
        """Shards that have had a session in this process."""
        self._down: set[int] = set()
        """Shards that were ready, and have neither resumed nor begun a session since."""

    def state_changed(self, shard_id: int, state: ShardState) -> None:
        """A shard entered a state."""
        log.info(
            "a shard changed its state",
            extra={"event": "shard_state", "shard": shard_id, "state": state.value},
        )
        if state is ShardState.READY:
            self._online.add(shard_id)
            return
        was_online = shard_id in self._online
        self._online.discard(shard_id)
        if was_online and state not in (ShardState.DRAINING, ShardState.CLOSED):
            if not self._down:
                self._record(EventType.BOT_DISCONNECT, "The connection to Discord is lost", shard=shard_id)
            self._down.add(shard_id)

    def began(self, shard_id: int, guild_ids: Iterable[GuildId]) -> None:
        """READY: a shard has a new session, with these guilds."""
        if shard_id not in self._seen:
            self._first(shard_id, guild_ids, resumed=False)
        elif shard_id in self._down:
            self._sync(guild_ids, SyncType.RECONNECT)
        self._down.discard(shard_id)

    def resumed(self, shard_id: int) -> None:
        """RESUMED: a shard goes on with the session that it had, or that an earlier process had."""
        if shard_id not in self._seen:
            self._first(shard_id, self._guilds_of(shard_id), resumed=True)
        self._down.discard(shard_id)

    def is_live(self, shard_id: int) -> bool:
        """Whether a shard hears what happens now: its session goes on, and nothing is being replayed."""
        return shard_id in self._online and shard_id in self._seen and shard_id not in self._down

    def joined(self, guild_id: GuildId) -> None:
        """The bot was added to a guild."""
        self._sync((guild_id,), SyncType.GUILD_JOIN)

    def _first(self, shard_id: int, guild_ids: Iterable[GuildId], *, resumed: bool) -> None:
        self._seen.add(shard_id)
        if not self._announced:
            self._announced = True
            self._record(EventType.BOT_READY, "The bot is connected", shard=shard_id, resumed=resumed)
        self._sync(guild_ids, SyncType.FIRST_READY)

    def _sync(self, guild_ids: Iterable[GuildId], sync_type: SyncType) -> None:
        self._bus.tell(COMMAND_SYNC, SyncGuilds(guild_ids=tuple(guild_ids), sync_type=sync_type))

    def _record(self, event_type: EventType, message: str, **details: object) -> None:
        self._bus.tell(EVENTS, RecordEvent(event_type=event_type.value, message=message, details=details))
