"""A guild's engagement: counts every post, and is the only writer of the guild's ``engagement_*`` rows.

It is composed of parts (:mod:`alphapy.actors.engagement.part`). A post costs each of them a few microseconds
of memory and no query of its own: the rows that change are written with those of all other guilds, in one
transaction with the progress in the gateway's log. So a message counts once, whatever the process dies of.

When it fails. The database is gone: posts are counted in memory as long as there is room for what waits, then
they wait in the mailbox. The settings cannot be read: posts wait. A part fails: what it knows is read again,
the posts are given to it one by one, and the one on which it fails is left out for this part alone, logged
and told to the operators; the others count it. The actor crashes: the next life has written what was counted,
and reads it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

import attrs
import psycopg
import trio
from typing_extensions import override

from alphapy.actors.effects.messages import EffectClosed, EffectLeft, PickUp
from alphapy.actors.engagement.messages import FEATURE, Forget, Wake
from alphapy.actors.engagement.part import NOT_MINE, Host, Part, Post, Row, Work
from alphapy.actors.feature import GatewayEvent
from alphapy.actors.journal import Journal, JournalKit
from alphapy.actors.kernel.actor import Actor, Context, Unavailable
from alphapy.actors.kernel.containment import Failure, contain, contain_sync, is_only, summary
from alphapy.actors.operational_events.messages import EVENTS, EventType, RecordEvent
from alphapy.actors.settings.messages import SettingsChanged
from alphapy.actors.settings.snapshot import SettingsReader, SettingsUnavailable
from alphapy.gateway.events import MessageCreate
from alphapy.gateway.guilds import GuildCache
from alphapy.gateway.models.guild import THREAD_TYPES
from alphapy.gateway.models.message import DEFAULT, REPLY
from alphapy.pure.ids import GuildId
from alphapy.storage.errors import DatabaseBusy, DatabaseUnavailable
from alphapy.storage.rows import write_rows

if TYPE_CHECKING:
    from collections.abc import Awaitable, Hashable

    from alphapy.actors.settings.snapshot import SettingsSnapshot
    from alphapy.gateway.events import Event
    from alphapy.pure.clock import Clock
    from alphapy.pure.ids import ChannelId, MessageId
    from alphapy.storage.effects import Draft, Effect
    from alphapy.storage.transaction import Transaction

T = TypeVar("T")
R = TypeVar("R", bound=Row)

log = logging.getLogger("alphapy.actors.engagement")

RECENT = 2_000
"""Message ids that are remembered, so that each counts once (spec/engagement.md 1)."""

BEHIND_FOR = 600.0
"""Seconds that what is due waits for a guild that is not heard, or that Discord has not named."""

_OUTAGES = (Unavailable, DatabaseUnavailable, DatabaseBusy, psycopg.OperationalError)


def qualifies(event: Event) -> bool:
    """Whether a message counts (spec/engagement.md, conventions)."""
    return (
        isinstance(event, MessageCreate)
        and event.guild_id is not None
        and not event.author.bot
        and event.webhook_id is None
        and event.type in (DEFAULT, REPLY)
    )


@attrs.frozen(kw_only=True)
class Collaborators:
    """What the actor works with; ``parts`` are built anew for each of its lives, and count in this order."""

    kit: JournalKit
    settings: SettingsReader
    guilds: GuildCache
    caught_up: Callable[[GuildId, str], bool]
    """Whether a feature has been told everything that happened in a guild until about now."""
    parts: Sequence[Callable[[Host], Part]]


@attrs.frozen
class _Failed:
    """This part has failed, and nothing was passed on."""

    part: Part


class GuildEngagement(Actor):
    """The actor ``guild/<id>/engagement``; to its parts it is their Host."""

    def __init__(self, context: Context, with_these: Collaborators) -> None:
        super().__init__(context)
        guild_id = context.address.guild_id
        assert guild_id is not None, "the address pattern says guild"  # noqa: S101
        self._guild_id: GuildId = guild_id
        self._with = with_these
        self._journal = Journal(context, with_these.kit, on_done=self._on_done, on_undone=self._on_undone)
        self._settings: SettingsSnapshot | None = None
        self._behind_since: float | None = None
        self._recent: dict[MessageId, None] = {}
        self._is_suspect = False
        """Whether parts may have counted what was not passed on, so that they have to read again."""
        self._failing: set[str] = set()
        """Parts whose failure was told."""
        self._parts = tuple(build(self) for build in with_these.parts)
        self._by_name = {part.name: part for part in self._parts}

    # -- what parts may ask (Host)

    @property
    def guild_id(self) -> GuildId:
        """See Host."""
        return self._guild_id

    @property
    def clock(self) -> Clock:
        """See Host."""
        return self._with.kit.clock

    @property
    def guilds(self) -> GuildCache:
        """See Host."""
        return self._with.guilds

    @property
    def settings(self) -> SettingsSnapshot:
        """See Host."""
        return self._settings or self._with.settings.snapshot(self._guild_id)

    def is_on(self, part: str) -> bool:
        """See Host."""
        settings = self.settings
        return settings.enabled(FEATURE) and bool(settings.value(FEATURE, f"{part}_enabled"))

    def is_caught_up(self) -> bool:
        """See Host."""
        if self.guilds.is_known(self._guild_id) and self._with.caught_up(self._guild_id, FEATURE):
            self._behind_since = None
            return True
        now = trio.current_time()
        if self._behind_since is None:
            self._behind_since = now
        return now - self._behind_since >= BEHIND_FOR

    async def flushed(self) -> None:
        """See Host."""
        await self._journal.flushed()

    async def commit(
        self,
        drafts: Sequence[Draft] = (),
        write: Callable[[Transaction], Awaitable[Sequence[Draft] | None]] | None = None,
    ) -> None:
        """See Host."""
        await self._journal.commit((), drafts, write)

    async def read(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """See Host."""
        return await self._with.kit.pool.run(FEATURE, work, idempotent=True)

    def waiting(self, kind: type[R], key: Hashable) -> R | None:
        """See Host."""
        return self._journal.waiting(kind, key)

    # -- the life

    @override
    async def load(self) -> None:
        self._adopt(await self._journal.load(self._read_parts))
        self.context.tell_self(Wake())

    async def _read_parts(self, tx: Transaction) -> list[object]:
        return [await part.read(tx) for part in self._parts]

    def _adopt(self, states: Sequence[object]) -> None:
        for part, state in zip(self._parts, states, strict=True):
            part.adopt(state)
        self._is_suspect = False

    async def _trust(self) -> None:
        """Have the parts read again where they may have counted what was not passed on."""
        if self._is_suspect:
            await self.flushed()
            self._adopt(await self.read(self._read_parts))

    async def _learn_settings(self) -> None:
        try:
            self._settings = await self._with.settings.fresh(self._guild_id)
        except SettingsUnavailable as error:
            raise Unavailable(str(error)) from error

    @override
    async def handle(self, message: object) -> object:
        match message:
            case EffectClosed() | EffectLeft():
                self._journal.closed(message)
                return None
            case PickUp():
                await self._journal.pick_up()
                return None
        await self._learn_settings()
        await self._trust()
        match message:
            case Wake() | SettingsChanged():
                await self._wake()
                return None
            case Forget(user_id):
                await self.flushed()
                for part in self._parts:
                    part.forget(user_id)
                return True
        for part in self._parts:
            answer = await part.handle(message)
            if answer is not NOT_MINE:
                return answer
        return await super().handle(message)

    async def _wake(self) -> None:
        for part in self._parts:
            self._check(part, await contain(part.wake))

    # -- events

    @override
    async def handle_batch(self, messages: Sequence[object]) -> None:
        events = [message for message in messages if isinstance(message, GatewayEvent)]
        fresh = self._journal.fresh(events) if events else ()
        if fresh:
            await self._on_events(fresh)
        # Behind the posts: what ends by the clock ends with what was posted before.
        for message in messages:
            if not isinstance(message, GatewayEvent):
                await self.handle(message)

    async def _on_events(self, fresh: Sequence[GatewayEvent]) -> None:
        await self._learn_settings()
        together: list[GatewayEvent] = []
        for event in fresh:
            if isinstance(event.event, MessageCreate) and not event.letter:
                together.append(event)
                continue
            await self._count(together)
            together = []
            if isinstance(event.event, MessageCreate):
                await self._count_alone(event)
            else:
                await self._on_event(event)
        await self._count(together)

    async def _on_event(self, event: GatewayEvent) -> None:
        """Have every part say what is to be done about an event that is no post, and do all of it at once."""
        await self._trust()
        works = [work for part in self._parts if (work := await self._work_of(part, event)) is not None]
        if not works and not event.letter:
            self._journal.passed((event,))
            return

        async def write(tx: Transaction) -> Sequence[Draft]:
            drafts: list[Draft] = []
            for work in works:
                drafts += (await work.write(tx) if work.write is not None else None) or ()
            return drafts

        await self._journal.commit((event,), [draft for work in works for draft in work.drafts], write)
        for work in works:
            work.done()

    async def _work_of(self, part: Part, event: GatewayEvent) -> Work | None:
        outcome = await contain(part.on_event, event)
        self._check(part, outcome)
        return None if isinstance(outcome, Failure) else outcome

    # -- posts

    async def _count(self, events: Sequence[GatewayEvent]) -> None:
        """Count these messages together; one by one where a part fails."""
        if not events:
            return
        await self._trust()
        posts = self._posts(events)
        parts = [part for part in self._parts if self.is_on(part.name)] if posts else []
        rows = await self._rows_of(parts, posts)
        if isinstance(rows, _Failed):
            for event in events:
                await self._count_alone(event)
            return
        self._journal.passed(events, rows)
        self._settle(posts)

    async def _count_alone(self, event: GatewayEvent) -> None:
        """Count one message, without the parts that fail on it."""
        parts = [part for part in self._parts if self.is_on(part.name)]
        while True:
            await self._trust()
            posts = self._posts((event,))
            rows = await self._rows_of(parts, posts)
            if not isinstance(rows, _Failed):
                break
            parts.remove(rows.part)
        if event.letter:
            await self._journal.commit((event,), also=lambda tx: write_rows(tx, rows))
        else:
            self._journal.passed((event,), rows)
        self._settle(posts)

    async def _rows_of(self, parts: Sequence[Part], posts: Sequence[Post]) -> list[Row] | _Failed:
        """What changes when these parts count these posts, or the part that failed.

        From the first count on the parts are suspect, until the rows are passed on. Raises Unavailable.
        """
        for part in parts:
            outcome = await contain(part.prepare, posts)
            if self._check(part, outcome):
                return _Failed(part)
        self._journal.check()
        # No checkpoint from here on: what was counted is passed on at once.
        self._is_suspect = True
        rows: list[Row] = []
        for part in parts:
            counted = contain_sync(part.count, posts)
            if isinstance(counted, Failure):
                self._check(part, counted)
                return _Failed(part)
            rows += counted
        return rows

    def _settle(self, posts: Sequence[Post]) -> None:
        """These were passed on."""
        self._is_suspect = False
        for post in posts:
            self._recent[post.message_id] = None
        while len(self._recent) > RECENT:
            del self._recent[next(iter(self._recent))]

    def _posts(self, events: Sequence[GatewayEvent]) -> list[Post]:
        """Those that qualify, and were not counted a moment ago."""
        posts = []
        for told in events:
            event = told.event
            if qualifies(event) and isinstance(event, MessageCreate) and event.id not in self._recent:
                posts.append(
                    Post(
                        message_id=event.id,
                        channel_id=event.channel_id,
                        parent_id=self._parent_of(event.channel_id),
                        author_id=event.author.id,
                        at=event.sent_at,
                        event=event,
                    )
                )
        return posts

    def _parent_of(self, channel_id: ChannelId) -> ChannelId | None:
        guild = self._with.guilds.get(self._guild_id)
        channel = guild.channel(channel_id) if guild is not None else None
        return channel.parent_id if channel is not None and channel.type in THREAD_TYPES else None

    # -- parts that fail

    def _check(self, part: Part, outcome: object) -> bool:
        """Whether a part has failed, which is told; an outage is raised as Unavailable."""
        if not isinstance(outcome, Failure):
            return False
        error = outcome.error
        if is_only(error, _OUTAGES):
            raise Unavailable(summary(error)) from error
        log.error(
            "a part of engagement failed; what it failed on is left out for this part alone",
            exc_info=error,
            extra={"event": "engagement_part_failed", "guild_id": self._guild_id, "part": part.name},
        )
        if part.name not in self._failing:
            self._failing.add(part.name)
            event = RecordEvent(
                event_type=EventType.COG_ERROR.value,
                message=f"engagement: {part.name} failed, and leaves out what it failed on",
                guild_id=self._guild_id,
                details={"part": part.name, "error": summary(error)},
            )
            self.context.bus.tell(EVENTS, event)
        return True

    # -- effects

    async def _on_done(self, tx: Transaction, effect: Effect) -> Sequence[Draft]:
        part = self._part_of(effect)
        return () if part is None else await part.on_done(tx, effect)

    async def _on_undone(self, tx: Transaction, effect: Effect, why: str) -> Sequence[Draft]:
        part = self._part_of(effect)
        return () if part is None else await part.on_undone(tx, effect, why)

    def _part_of(self, effect: Effect) -> Part | None:
        about = effect.payload.get("about")
        return self._by_name.get(about.get("part", "")) if isinstance(about, dict) else None
