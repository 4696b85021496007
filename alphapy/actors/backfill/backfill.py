"""Back-fill: what was written while no session was there is read over REST, and told before what comes live.

A new session, where there was one before, opens a gap for each of its guilds (:meth:`Backfill.opened`). When
the guild is there, the channels with something newer are read, in the lowest lane, and the messages are told
to the features that want them, in the order of their ids. What comes live for these features waits behind
them; everybody else, other guilds and interactions among them, goes on. A gap is stored with the session, and
closed once its messages are dealt with for good; a process that dies meanwhile leaves it to the next one.
Whatever is told twice, the actors recognise (:class:`alphapy.actors.kernel.progress.ActorProgress`).

When it fails: after :data:`WITHIN` seconds a guild goes live with what has been read, whatever the reason;
that is counted, logged, and told in the guild's log where an admin can do something about it. A session that
ends before its gaps are closed leaves them to the next one, which opens none beside them.
"""

from __future__ import annotations

import itertools
import logging
from collections import deque
from typing import TYPE_CHECKING, Final, Protocol

import attrs
import trio

from alphapy.actors.backfill.gaps import Gap, Phase
from alphapy.actors.backfill.messages import BackfillStatistics
from alphapy.actors.backfill.reading import CHANNELS_PER_GUILD, Found, Reader
from alphapy.actors.backfill.telling import Complaints
from alphapy.actors.feature import GatewayEvent, guild_actor
from alphapy.actors.kernel.bus import Delivery
from alphapy.actors.kernel.containment import Failure, contain_sync
from alphapy.actors.kernel.waypoints import Unwatched, Waypoint, Waypoints
from alphapy.gateway.models.guild import WRITTEN_IN, ChannelType, Permissions
from alphapy.pure import backfill as rules

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable, Iterator, Sequence

    from alphapy.actors.backfill.reading import History
    from alphapy.actors.feature import Feature, Subscription
    from alphapy.actors.kernel.address import Address
    from alphapy.actors.kernel.budget import Budget
    from alphapy.actors.kernel.bus import Bus
    from alphapy.actors.kernel.progress import Progress
    from alphapy.actors.settings.snapshot import SettingsReader
    from alphapy.gateway.events import MessageCreate
    from alphapy.gateway.guilds import CachedGuild, GuildCache
    from alphapy.gateway.models.guild import Channel
    from alphapy.pure.clock import Clock
    from alphapy.pure.ids import GuildId

log = logging.getLogger("alphapy.actors.backfill")

EVENT: Final = "MESSAGE_CREATE"
"""The one event that can be read back."""

GUILDS_AT_ONCE: Final = 4
"""Guilds that are read at the same time."""

WITHIN: Final = 60.0
"""Seconds from a guild's arrival in which it is read; afterwards it goes live in any case."""

LOOK_EVERY: Final = 0.5
"""Seconds between looks for guilds that have waited too long for their turn."""

AGAIN_AFTER: Final = 0.05
"""Seconds after which an actor that had no room is told again."""


class Keeper(Protocol):
    """Who keeps the gaps."""

    def closed(self, guild_id: GuildId) -> None:
        """What this guild missed is dealt with, or given up."""
        ...


@attrs.define
class _Counts:
    opened: int = 0
    closed: int = 0
    unchanged: int = 0
    pages: int = 0
    messages: int = 0
    overdue: int = 0
    forbidden: int = 0
    failed: int = 0
    cut: int = 0


class Backfill:
    """See the module."""

    def __init__(
        self,
        *,
        history: History,
        bus: Bus,
        budget: Budget,
        settings: SettingsReader,
        guilds: GuildCache,
        progress: Progress,
        clock: Clock,
        rng: random.Random,
        waypoints: Waypoints | None = None,
    ) -> None:
        self._bus = bus
        self._budget = budget
        self._settings = settings
        self._guilds = guilds
        self._clock = clock
        self._waypoints = waypoints if waypoints is not None else Unwatched()
        self._reader = Reader(history, rng, self._waypoints)
        self._complaints = Complaints(bus, clock)
        self._keeper: Keeper | None = None
        self._readers: dict[str, tuple[Feature, Subscription]] = {}
        self._gaps: dict[GuildId, Gap] = {}
        self._queue: deque[tuple[Gap, str]] = deque()
        self._arrived = trio.lowlevel.ParkingLot()
        self._numbers = itertools.count(1)
        self._nursery: trio.Nursery | None = None
        self._counts = _Counts()
        self._held = 0
        progress.when_filled(self._filled)

    def serve(self, features: Iterable[Feature], keeper: Keeper) -> None:
        """These features read back what they say; the keeper is told of gaps that are closed."""
        self._keeper = keeper
        for feature in features:
            for subscription in feature.subscriptions:
                if subscription.backfill is not None:
                    self._readers[feature.name] = (feature, subscription)

    def statistics(self) -> BackfillStatistics:
        """The gaps at this moment."""
        phases = [gap.phase for gap in self._gaps.values()]
        return BackfillStatistics(
            awaited=phases.count(Phase.AWAITED),
            waiting=phases.count(Phase.WAITING),
            reading=phases.count(Phase.READING),
            telling=phases.count(Phase.TOLD),
            held=self._held,
            **attrs.asdict(self._counts),
        )

    # -- what the keeper and the router tell

    def opened(self, shard_id: int, session_id: str, guild_ids: Sequence[GuildId], since: int) -> None:
        """A new session of these guilds: what came after ``since`` may have been missed.

        A gap that is open already begins anew, from the older of the two ids.
        """
        listed = frozenset(guild_ids)
        for gap in [gap for gap in self._gaps.values() if gap.shard_id == shard_id]:
            if gap.guild_id not in listed:
                self.gone(gap.guild_id)
        for guild_id in guild_ids:
            self.reopened(shard_id, session_id, guild_id, since)

    def reopened(self, shard_id: int, session_id: str, guild_id: GuildId, since: int) -> None:
        """A gap of this guild is not closed yet: the session is new, or the process."""
        if not self._readers:
            self._close_stored(guild_id)
            return
        label = f"backfill-{guild_id}-{next(self._numbers)}"
        gap = self._gaps.get(guild_id)
        if gap is None:
            gap = self._gaps[guild_id] = Gap(guild_id, shard_id, session_id, since, label)
            self._counts.opened += 1
        gap.begin(shard_id, session_id, since, label=label, features=self._readers)

    def is_open(self, guild_id: GuildId) -> bool:
        """Whether this guild has a gap."""
        return guild_id in self._gaps

    def is_filling(self, guild_id: GuildId, feature: str) -> bool:
        """Whether a feature has not dealt with all that this guild missed."""
        gap = self._gaps.get(guild_id)
        return gap is not None and (feature in gap.held or feature in gap.left)

    def appeared(self, guild_id: GuildId) -> None:
        """The guild is there, or is known from before: its gap, if it has one, can be read."""
        gap = self._gaps.get(guild_id)
        if gap is not None and gap.phase is Phase.AWAITED:
            gap.phase, gap.due = Phase.WAITING, trio.current_time() + WITHIN
            guild = self._guilds.get(guild_id)
            gap.newest = max((channel.last_message_id or 0 for channel in _places(guild)), default=0)
            self._queue.append((gap, gap.label))
            self._arrived.unpark()

    def gone(self, guild_id: GuildId) -> None:
        """The bot is not in this guild any more; what is held is told, and nothing read."""
        gap = self._gaps.get(guild_id)
        if gap is not None:
            gap.begin(gap.shard_id, gap.session_id, gap.since, label="", features=())
            self._hand_over(gap, Found())

    def hold(self, guild_id: GuildId, feature: str, event: GatewayEvent) -> Delivery | None:
        """Keep an event back; None where it is to be told at once, FULL where too many wait already."""
        gap = self._gaps.get(guild_id) if self._gaps else None
        if gap is None or feature not in gap.held:
            return None
        if len(gap.held[feature]) >= self._budget.share:
            return Delivery.FULL
        if gap.hold(feature, event):
            self._held += 1
            self._budget.take()
        return Delivery.ACCEPTED

    def _filled(self, address: Address, label: str) -> None:
        """An actor has dealt with everything that it was told of a gap."""
        gap = self._gaps.get(address.guild_id) if address.guild_id is not None else None
        if gap is not None and gap.label == label:
            gap.left.discard(address.name)
            self._close_if_done(gap)

    # -- the work

    async def run(self) -> None:
        """Read what was missed, until cancelled."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            for number in range(GUILDS_AT_ONCE):
                nursery.start_soon(self._work, name=f"back-fill {number}")
            while True:
                await trio.sleep(LOOK_EVERY)
                self._release_overdue()

    async def _work(self) -> None:
        while True:
            while not self._queue:
                await self._arrived.park()
            gap, label = self._queue.popleft()
            if gap.label == label and gap.phase is Phase.WAITING:
                await self._fill(gap, label)

    def _release_overdue(self) -> None:
        now = trio.current_time()
        while self._queue and (self._queue[0][0].label != self._queue[0][1] or self._queue[0][0].due <= now):
            gap, label = self._queue.popleft()
            if gap.label == label and gap.phase is Phase.WAITING:
                self._overdue(gap, Found())
                self._hand_over(gap, Found())

    async def _fill(self, gap: Gap, label: str) -> None:
        guild, found = self._guilds.get(gap.guild_id), Found()
        wanted = list(self._wanted(gap, guild))
        if guild is not None and wanted:
            after = min(after for _, _, after in wanted)
            plan = rules.plan(self._rooms(guild), after, most=CHANNELS_PER_GUILD)
            if plan.channels or plan.forbidden:
                gap.phase = Phase.READING
                with trio.CancelScope(deadline=gap.due) as gap.scope:
                    await self._reader.read(gap.guild_id, plan, after, found)
                    await self._waypoints.reach(Waypoint.BEFORE_FILL)
                if gap.label != label:
                    return
                if gap.scope.cancelled_caught:
                    self._overdue(gap, found)
                gap.scope = None
        self._note(gap, found)
        self._hand_over(gap, found)

    def _wanted(self, gap: Gap, guild: CachedGuild | None) -> Iterator[tuple[Feature, Subscription, int]]:
        """Which features want what was missed, and behind which id."""
        snapshot = self._settings.snapshot(gap.guild_id)
        for feature, subscription in self._readers.values():
            if not feature.listens_in(snapshot):
                continue
            if guild is not None and subscription.backfill is not None:
                yield (
                    feature,
                    subscription,
                    rules.beginning(
                        gap.since,
                        now=self._clock.now(),
                        oldest=subscription.backfill,
                        joined_at=guild.joined_at,
                    ),
                )

    def _rooms(self, guild: CachedGuild) -> Iterator[rules.Room]:
        now = self._clock.now()
        for channel in _places(guild):
            mine = self._guilds.my_permissions(guild.id, channel.id, now=now) or Permissions(0)
            seen = Permissions.VIEW_CHANNEL
            if channel.type in (ChannelType.VOICE, ChannelType.STAGE):
                seen |= Permissions.CONNECT
            yield rules.Room(
                channel.id,
                channel.last_message_id or 0,
                may_see=mine & seen == seen,
                may_read=bool(mine & Permissions.READ_MESSAGE_HISTORY),
            )

    # -- telling

    def _hand_over(self, gap: Gap, found: Found) -> None:
        """Tell every feature what it missed, then what is held for it."""
        gap.phase = Phase.TOLD
        end = rules.ending(gap.first_live, gap.newest)
        read = sorted({message.id: message for message in found.messages}.values(), key=lambda m: m.id)
        told: dict[str, list[MessageCreate]] = {}
        if read:
            for feature, subscription, after in self._wanted(gap, self._guilds.get(gap.guild_id)):
                told[feature.name] = [
                    message
                    for message in read
                    if after < message.id
                    and (end is None or message.id <= end)
                    and _is_wanted(subscription, message)
                ]
        gap.left = {name for name, messages in told.items() if messages}
        for name in list(gap.held):
            self._counts.messages += len(told.get(name, ()))
            if not self._tell_all(gap, name, deque(self._events(gap, told.get(name, ())))):
                log.info(
                    "an actor is told what it missed when it has room",
                    extra={"event": "backfill_waits", "guild_id": gap.guild_id, "feature": name},
                )
        self._close_if_done(gap)

    def _events(self, gap: Gap, messages: Sequence[MessageCreate]) -> Iterator[GatewayEvent]:
        for message in messages:
            closes = gap.label if message is messages[-1] else ""
            yield GatewayEvent(EVENT, message, gap.shard_id, "", 0, closes=closes)

    def _tell_all(self, gap: Gap, name: str, missed: deque[GatewayEvent]) -> bool:
        """Tell an actor what it missed and what is held for it, or have the rest told when there is room."""
        if self._tell(gap, name, missed):
            return True
        if self._nursery is not None:
            self._nursery.start_soon(
                self._tell_slowly, gap, gap.label, name, missed, name=f"{gap.label} {name}"
            )
        return False

    async def _tell_slowly(self, gap: Gap, label: str, name: str, missed: deque[GatewayEvent]) -> None:
        while True:
            await trio.sleep(AGAIN_AFTER)
            if gap.label != label:
                return
            if self._tell(gap, name, missed):
                self._close_if_done(gap)
                return

    def _tell(self, gap: Gap, name: str, missed: deque[GatewayEvent]) -> bool:
        """Tell as much as the actor has room for; whether that was all. No checkpoint: order counts."""
        address = guild_actor(gap.guild_id, name)
        while missed:
            if self._bus.tell_event(address, missed[0]) in _HELD_UP:
                return False
            missed.popleft()
        held = gap.held[name]
        while held:
            if self._bus.tell_event(address, held[0]) in _HELD_UP:
                return False
            held.popleft()
            self._held -= 1
            self._budget.give()
        del gap.held[name]
        return True

    def _close_if_done(self, gap: Gap) -> None:
        if gap.is_done and self._gaps.get(gap.guild_id) is gap:
            del self._gaps[gap.guild_id]
            self._counts.closed += 1
            self._close_stored(gap.guild_id)

    def _close_stored(self, guild_id: GuildId) -> None:
        if self._keeper is not None:
            self._keeper.closed(guild_id)

    # -- what is noted

    def _overdue(self, gap: Gap, found: Found) -> None:
        self._counts.overdue += 1
        log.warning(
            "a guild goes live before everything that it missed is read",
            extra={"event": "backfill_overdue", "guild_id": gap.guild_id, "pages": found.pages},
        )

    def _note(self, gap: Gap, found: Found) -> None:
        counts = self._counts
        counts.pages += found.pages
        counts.forbidden += len(found.forbidden)
        counts.failed += found.failed
        counts.cut += found.cut
        if not (found.pages or found.forbidden or found.failed or found.gone):
            counts.unchanged += 1
            return
        self._complaints.tell(gap.guild_id, found.forbidden)
        log.info(
            "what a guild missed is read back",
            extra={
                "event": "backfill_read",
                "guild_id": gap.guild_id,
                "pages": found.pages,
                "messages": len(found.messages),
                "malformed": found.malformed,
                "forbidden": len(found.forbidden),
                "gone": found.gone,
                "failed": found.failed,
                "cut": found.cut,
            },
        )


def _places(guild: CachedGuild | None) -> Iterator[Channel]:
    """Where members of a guild write."""
    if guild is not None:
        for channel in (*guild.channels.values(), *(guild.threads or {}).values()):
            if channel.type in WRITTEN_IN:
                yield channel


def _is_wanted(subscription: Subscription, message: MessageCreate) -> bool:
    """What the subscription's test says; one that fails spares its actor nothing, as with live events."""
    outcome = contain_sync(subscription.wants, message)
    return True if isinstance(outcome, Failure) else outcome


_HELD_UP = frozenset({Delivery.FULL, Delivery.STOPPED})
"""Nothing was queued, and may be later, or by the next process."""
