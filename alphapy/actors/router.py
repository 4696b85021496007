"""From a gateway event to the actors that want it.

Only events that somebody subscribes to, and those that the guild cache lives on, are ever decoded. A module
that is switched off costs one look at the settings snapshot. Interactions take their own way, past the
features' mailboxes.

When it fails: a payload that cannot be decoded is counted and logged by its event name, and nothing else
stops; an event for an actor that cannot take it is counted.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

import attrs
import trio

from alphapy.actors.feature import GatewayEvent, guild_actor
from alphapy.actors.kernel.bus import Delivery
from alphapy.gateway.events import (
    GuildCreate,
    GuildDelete,
    GuildUpdate,
    InteractionCreate,
    MalformedEvent,
    decode,
)
from alphapy.gateway.guilds import CACHED_EVENTS, ChangeKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from alphapy.actors.feature import Feature, Subscription
    from alphapy.actors.kernel.budget import Budget
    from alphapy.actors.kernel.bus import Bus
    from alphapy.actors.settings.snapshot import SettingsReader
    from alphapy.gateway.events import Event
    from alphapy.gateway.guilds import GuildCache
    from alphapy.gateway.models.interaction import Interaction
    from alphapy.gateway.shard import Dispatch
    from alphapy.pure.ids import GuildId

log = logging.getLogger("alphapy.actors.router")

_INTERACTION = "INTERACTION_CREATE"


class Interactions(Protocol):
    """Who answers interactions."""

    def submit(self, interaction: Interaction, received_at: float) -> None:
        """Take an interaction that arrived at this moment of Trio's clock; never waits."""
        ...


class GuildEvents(Protocol):
    """Who wants to know of guilds that come and go."""

    def removed(self, guild_id: GuildId) -> None:
        """The bot has left the guild, or the guild is gone."""
        ...


@attrs.frozen
class RouterStatistics:
    """What the router has seen since the start, by event name."""

    routed: Mapping[str, int]
    malformed: Mapping[str, int]
    undelivered: int


class Router:
    """Routes by subscription and settings snapshot."""

    def __init__(
        self,
        features: Iterable[Feature],
        *,
        bus: Bus,
        budget: Budget,
        settings: SettingsReader,
        guilds: GuildCache,
        interactions: Interactions,
        guild_events: GuildEvents,
    ) -> None:
        self._bus = bus
        self._budget = budget
        self._settings = settings
        self._guilds = guilds
        self._interactions = interactions
        self._guild_events = guild_events
        self._wanted: dict[str, list[tuple[Feature, Subscription]]] = {}
        for feature in features:
            for subscription in feature.subscriptions:
                self._wanted.setdefault(subscription.event, []).append((feature, subscription))
        self._decoded = frozenset(self._wanted) | CACHED_EVENTS | {_INTERACTION}
        self._routed: Counter[str] = Counter()
        self._malformed: Counter[str] = Counter()
        self._undelivered = 0

    def statistics(self) -> RouterStatistics:
        """Counts since the start."""
        return RouterStatistics(dict(self._routed), dict(self._malformed), self._undelivered)

    async def route(self, dispatch: Dispatch) -> None:
        """Hand an event on; waits only while the global budget of queued events is spent."""
        if dispatch.name not in self._decoded:
            return
        try:
            event = decode(dispatch.name, dispatch.data)
        except MalformedEvent as error:
            self._count_malformed(dispatch.name, error)
            return
        self._routed[dispatch.name] += 1
        if isinstance(event, InteractionCreate):
            self._interactions.submit(event, trio.current_time())
            return
        if dispatch.name in CACHED_EVENTS:
            change = self._guilds.apply(event)
            if change.kind is ChangeKind.LEFT:
                for guild_id in change.guild_ids:
                    self._guild_events.removed(guild_id)
        self._tell_features(dispatch, event)
        await self._budget.wait_for_room()

    def _tell_features(self, dispatch: Dispatch, event: Event) -> None:
        wanted = self._wanted.get(dispatch.name)
        guild_id = _guild_of(event)
        if wanted is None or guild_id is None:
            return
        snapshot = self._settings.snapshot(guild_id)
        for feature, subscription in wanted:
            if feature.scope is not None and not snapshot.enabled(feature.scope):
                continue
            if not subscription.wants(event):
                continue
            message = GatewayEvent(dispatch.name, event, dispatch.shard_id, dispatch.session_id, dispatch.seq)
            if self._bus.tell_event(guild_actor(guild_id, feature.name), message) is not Delivery.ACCEPTED:
                self._undelivered += 1

    def _count_malformed(self, name: str, error: MalformedEvent) -> None:
        self._malformed[name] += 1
        if self._malformed[name] == 1:
            log.warning(
                "an event cannot be decoded; further ones of its kind are only counted",
                extra={"event": "malformed_event", "event_name": name, "error": str(error)},
            )


def _guild_of(event: Event) -> GuildId | None:
    """Whose event it is; None for one outside guilds."""
    if isinstance(event, GuildCreate | GuildUpdate | GuildDelete):
        return event.id
    guild_id: GuildId | None = getattr(event, "guild_id", None)
    return guild_id
