"""From a gateway event to the actors that want it.

Only events that somebody subscribes to, and those that the guild cache lives on, are ever decoded. A module
that is switched off costs one look at the settings snapshot. Interactions take their own way, past the
features' mailboxes.

Every event has its place in the log of its session. Those that durable features got, and those that change
the guild cache, count as done once their effects are stored (:mod:`alphapy.actors.kernel.progress`); an
interaction counts as done once it is answered (:mod:`alphapy.actors.unanswered`).

When it fails: a payload that cannot be decoded is counted and logged by its event name, and nothing else
stops; a feature whose test of events fails gets those events; an event that an actor refuses is counted,
stays undone, and comes again (:mod:`alphapy.actors.aside`).
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
from alphapy.actors.kernel.containment import Failure, contain_sync
from alphapy.actors.sessions import HOLDER
from alphapy.actors.unanswered import Unanswered
from alphapy.gateway.events import (
    GuildCreate,
    GuildDelete,
    GuildMemberAdd,
    GuildMemberRemove,
    GuildUpdate,
    InteractionCreate,
    MalformedEvent,
    MessageCreate,
    Ready,
    decode,
)
from alphapy.gateway.guilds import CACHED_EVENTS, ChangeKind

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

    from alphapy.actors.aside import SetAside
    from alphapy.actors.backfill.backfill import Backfill
    from alphapy.actors.feature import Feature, Subscription
    from alphapy.actors.kernel.address import Address
    from alphapy.actors.kernel.budget import Budget
    from alphapy.actors.kernel.bus import Bus
    from alphapy.actors.kernel.progress import Progress
    from alphapy.actors.sessions import SessionKeeper
    from alphapy.actors.settings.snapshot import SettingsReader
    from alphapy.gateway.events import Event
    from alphapy.gateway.guilds import GuildCache
    from alphapy.gateway.models.interaction import Interaction
    from alphapy.gateway.shard import Dispatch
    from alphapy.pure.ids import GuildId

log = logging.getLogger("alphapy.actors.router")

_INTERACTION = "INTERACTION_CREATE"
_RESUMED = "RESUMED"

_GUILDS_OWN = (GuildCreate, GuildUpdate, GuildDelete)
"""Events whose ``id`` is the guild's. Writing the union where it is used would build it for every event."""


class Interactions(Protocol):
    """Who answers interactions."""

    def submit(self, interaction: Interaction, received_at: float, on_end: Callable[[], None]) -> None:
        """Take an interaction that arrived at this moment of Trio's clock; never waits.

        ``on_end`` is called once it needs nothing more.
        """
        ...


class GuildEvents(Protocol):
    """Who wants to know of sessions that begin, and of guilds that come and go."""

    def session_began(self, shard_id: int, guild_ids: tuple[GuildId, ...]) -> None:
        """A shard has a new session, with these guilds."""
        ...

    def session_resumed(self, shard_id: int) -> None:
        """A shard's session goes on, and everything missed has been replayed."""
        ...

    def joined(self, guild_id: GuildId) -> None:
        """The bot was added to the guild."""
        ...

    def removed(self, guild_id: GuildId) -> None:
        """The bot has left the guild, or the guild is gone."""
        ...


@attrs.frozen
class RouterStatistics:
    """What the router has seen since the start, by event name."""

    routed: Mapping[str, int]
    malformed: Mapping[str, int]
    undelivered: int
    misjudged: Mapping[str, int]
    """Events that a feature's own test failed on, by feature."""


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
        progress: Progress,
        sessions: SessionKeeper,
        aside: SetAside,
        backfill: Backfill,
        witness: Callable[[Event], None] | None = None,
    ) -> None:
        """``witness`` sees every event that the guild cache makes use of, those of a replay too."""
        self._witness = witness
        self._bus = bus
        self._budget = budget
        self._settings = settings
        self._guilds = guilds
        self._interactions = interactions
        self._guild_events = guild_events
        self._progress = progress
        self._sessions = sessions
        self._aside = aside
        self._backfill = backfill
        self._wanted: dict[str, list[tuple[Feature, Subscription]]] = {}
        self._wanted_by_process: dict[str, list[tuple[Feature, Subscription]]] = {}
        for feature in features:
            for subscription in feature.subscriptions:
                wanted = self._wanted_by_process if subscription.process is not None else self._wanted
                wanted.setdefault(subscription.event, []).append((feature, subscription))
        self._decoded = (
            frozenset(self._wanted) | frozenset(self._wanted_by_process) | CACHED_EVENTS | {_INTERACTION}
        )
        self._addresses: dict[GuildId, dict[str, Address]] = {}
        self._routed: Counter[str] = Counter()
        self._malformed: Counter[str] = Counter()
        self._undelivered = 0
        self._misjudged: Counter[str] = Counter()
        self._unanswered = Unanswered(progress)

    def statistics(self) -> RouterStatistics:
        """Counts since the start."""
        return RouterStatistics(
            dict(self._routed), dict(self._malformed), self._undelivered, dict(self._misjudged)
        )

    async def route(self, dispatch: Dispatch) -> None:
        """Hand an event on; waits only while the global budget of queued events is spent."""
        if self._unanswered:
            self._unanswered.let_go(trio.current_time())
        if self._aside.count:
            self._aside.see(dispatch)
        if dispatch.name == _RESUMED:
            self._guild_events.session_resumed(dispatch.shard_id)
        event = self._decode(dispatch)
        if event is None:
            self._progress.hand_on(dispatch, ())
            return
        self._routed[dispatch.name] += 1
        if isinstance(event, InteractionCreate):
            self._answer(dispatch, event)
            return
        is_stored = not isinstance(event, Ready) or await self._sessions.began(dispatch, event)
        # No checkpoint from here on: what the actors acknowledge must be known to the log by then.
        holders: list[Hashable] = [] if is_stored else [HOLDER]
        if dispatch.name in CACHED_EVENTS and self._remember(dispatch, event):
            holders.append(HOLDER)
        self._learn_ids(dispatch, event)
        refused = self._tell_features(dispatch, event, holders)
        self._progress.hand_on(dispatch, holders, refused=refused)
        if not self._budget.has_room:
            await self._budget.wait_for_room()

    def _answer(self, dispatch: Dispatch, interaction: Interaction) -> None:
        """Have an interaction answered; if this process dies before, the next one gets it once more."""
        now = trio.current_time()
        on_end = self._unanswered.begin(dispatch, interaction.id, now)
        self._interactions.submit(interaction, now, on_end)

    def _decode(self, dispatch: Dispatch) -> Event | None:
        """The event, if anybody wants it and it makes sense."""
        if dispatch.name not in self._decoded:
            return None
        try:
            return decode(dispatch.name, dispatch.data)
        except MalformedEvent as error:
            self._count_malformed(dispatch.name, error)
            return None

    def _remember(self, dispatch: Dispatch, event: Event) -> bool:
        """Let the guild cache take the event in; whether something is to be stored because of it."""
        if self._witness is not None:
            self._witness(event)
        guild_id = _guild_of(event)
        if guild_id is not None and self._sessions.includes(dispatch, guild_id):
            return False
        change = self._guilds.apply(event)
        if change.kind is ChangeKind.LEFT:
            for left in change.guild_ids:
                self._backfill.gone(left)
                self._guild_events.removed(left)
                self._addresses.pop(left, None)
        elif change.kind is ChangeKind.JOINED:
            self._guild_events.joined(change.guild_ids[0])
        if isinstance(event, Ready):
            self._guild_events.session_began(dispatch.shard_id, tuple(guild.id for guild in event.guilds))
        changed = change.guild_ids
        if isinstance(event, GuildMemberAdd | GuildMemberRemove):
            changed = (event.guild_id,)
        if changed:
            self._sessions.changed(dispatch, changed)
        return bool(changed)

    def _learn_ids(self, dispatch: Dispatch, event: Event) -> None:
        """Note how new the messages are by now; and where a guild is there, have read what it missed."""
        if isinstance(event, MessageCreate):
            self._progress.saw(dispatch, event.id)
        elif isinstance(event, GuildCreate) and not event.unavailable:
            channels = (*event.channels, *event.threads)
            self._progress.saw(dispatch, max((one.last_message_id or 0 for one in channels), default=0))
            self._backfill.appeared(event.id)

    def _tell_features(self, dispatch: Dispatch, event: Event, holders: list[Hashable]) -> bool:
        """Tell whoever wants the event, and add to ``holders`` who will acknowledge it.

        True where one who should have done so has refused.
        """
        message = GatewayEvent(dispatch.name, event, dispatch.shard_id, dispatch.session_id, dispatch.seq)
        for feature, subscription in self._wanted_by_process.get(dispatch.name, ()):
            if subscription.process is None or not self._is_wanted(feature, subscription, event):
                continue
            if self._bus.tell_event(subscription.process, message) is not Delivery.ACCEPTED:
                self._undelivered += 1
        wanted = self._wanted.get(dispatch.name)
        guild_id = _guild_of(event)
        if wanted is None or guild_id is None:
            return False
        snapshot = self._settings.snapshot(guild_id)
        refused = False
        for feature, subscription in wanted:
            if not feature.listens_in(snapshot):
                continue
            if not self._is_wanted(feature, subscription, event):
                continue
            address = self._address(guild_id, feature.name)
            if subscription.durable and self._aside.refuses(address):
                self._undelivered += 1
                refused = True
                continue
            delivery = self._backfill.hold(guild_id, feature.name, message)
            if delivery is None:
                delivery = self._bus.tell_event(address, message)
            if delivery is not Delivery.ACCEPTED:
                self._undelivered += 1
                refused |= subscription.durable and self._is_missed(address, dispatch, delivery)
            elif subscription.durable:
                holders.append(address)
        return refused

    def _is_wanted(self, feature: Feature, subscription: Subscription, event: Event) -> bool:
        """What the subscription's test says; one that fails spares its actor nothing, and nobody else."""
        outcome = contain_sync(subscription.wants, event)
        if not isinstance(outcome, Failure):
            return outcome
        self._misjudged[feature.name] += 1
        if self._misjudged[feature.name] == 1:
            log.error(
                "a feature's test of events failed, and its actors get every event on which it does",
                exc_info=outcome.error,
                extra={"event": "event_misjudged", "feature": feature.name, "event_name": subscription.event},
            )
        return True

    def _address(self, guild_id: GuildId, feature: str) -> Address:
        """The actor's address; kept, since checking a new one takes longer than all the rest of telling."""
        addresses = self._addresses.setdefault(guild_id, {})
        address = addresses.get(feature)
        if address is None:
            address = addresses[feature] = guild_actor(guild_id, feature)
        return address

    def _is_missed(self, address: Address, dispatch: Dispatch, delivery: Delivery) -> bool:
        """Whether an event that was not delivered has to come again; not where nobody will ever want it."""
        if delivery is Delivery.FULL:
            self._aside.add(address, dispatch)
        return delivery is not Delivery.UNKNOWN

    def _count_malformed(self, name: str, error: MalformedEvent) -> None:
        self._malformed[name] += 1
        if self._malformed[name] == 1:
            log.warning(
                "an event cannot be decoded; further ones of its kind are only counted",
                extra={"event": "malformed_event", "event_name": name, "error": str(error)},
            )


def _guild_of(event: Event) -> GuildId | None:
    """Whose event it is; None for one outside guilds."""
    if isinstance(event, _GUILDS_OWN):
        return event.id
    guild_id: GuildId | None = getattr(event, "guild_id", None)
    return guild_id
