"""The part ``weekly``: an index of what is posted, reactions to it, and the awards of each week.

Posts go into the index with those of all guilds, in groups. A deletion or a reaction is one transaction with
the progress in the gateway's log, so that a repeated event changes nothing. A week is computed when it is
over, within two minutes; one that ended while nobody listened, within 48 hours (spec/engagement.md 5.4).

When it fails. The database is gone: posts wait in memory, all else in the mailbox, and the week is computed
when it is back. Discord does not say how many reactions are left after those with one emoji were removed: it
is asked a few times; a process that dies meanwhile leaves the higher number.
"""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, Protocol

import attrs
from typing_extensions import override

from alphapy.actors.engagement.part import NOT_MINE, Host, Part, PartDef, Work
from alphapy.actors.engagement.weekly_computing import PART, Computing, food_channels
from alphapy.actors.engagement.weekly_messages import (
    ComputeDue,
    ComputeWeek,
    Recount,
    Recounted,
    WhereAnnounced,
)
from alphapy.gateway.events import (
    MessageDelete,
    MessageDeleteBulk,
    MessageReactionAdd,
    MessageReactionRemove,
    MessageReactionRemoveAll,
    MessageReactionRemoveEmoji,
)
from alphapy.gateway.rest.errors import DiscordError
from alphapy.pure.engagement.food import is_food
from alphapy.pure.engagement.periods import CATCH_UP, completed, jitter
from alphapy.storage import engagement_weekly as storage
from alphapy.storage.engagement_rows import WeeklyRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alphapy.actors.engagement.part import Post, Row
    from alphapy.actors.feature import GatewayEvent
    from alphapy.pure.engagement.periods import Period
    from alphapy.pure.ids import ChannelId, GuildId, MessageId, UserId
    from alphapy.storage.effects import Draft, Effect
    from alphapy.storage.transaction import Transaction

GRACE: Final = timedelta(seconds=2)
"""How long after its end a week is computed at the soonest: what was posted just before has to arrive."""

BEHIND_LOOK: Final = 1.0
"""Seconds until it is looked again whether everything was told that was posted in a week."""

BOTS: Final = 500
"""Bots that are remembered: Discord does not say of who takes a reaction back whether it is one."""

RECOUNT_AFTER: Final = 5.0
MOST_FAILURES: Final = 5
"""Seconds until Discord is asked again for a message's reactions, and how often that may fail."""


class Reactions(Protocol):
    """Who knows how many reactions there are."""

    async def reaction_count(self, channel_id: ChannelId, message_id: MessageId) -> int:
        """How many a message has, without the bot's own; raises DiscordError."""
        ...


@attrs.frozen
class State:
    """What is known after the load: whether anything is indexed, and the end of a week that is computed."""

    has_rows: bool
    computed: datetime | None


class Weekly(Part):
    """The weekly awards of one guild; see the module."""

    def __init__(self, host: Host, reactions: Reactions) -> None:
        self._host = host
        self._reactions = reactions
        self._computing = Computing(host)
        self._has_rows = False
        self._bots: OrderedDict[UserId, None] = OrderedDict()
        self._recounting: dict[MessageId, bool] = {}
        """Messages whose reactions Discord is asked for, and whether there was one meanwhile."""
        self._computed: datetime | None = None
        """The end of the last week that is known to be computed."""
        self._armed: datetime | None = None
        """The end of the week for which a timer runs."""

    @property
    @override
    def name(self) -> str:
        return PART

    @override
    async def read(self, tx: Transaction) -> object:
        period = completed(self._host.clock.now())
        is_computed = await storage.is_computed(tx, self._host.guild_id, period)
        return State(
            has_rows=await storage.has_rows(tx, self._host.guild_id),
            computed=period.end if is_computed else None,
        )

    @override
    def adopt(self, state: object) -> None:
        assert isinstance(state, State), "what read returned"  # noqa: S101
        self._has_rows, self._computed = state.has_rows, state.computed

    @override
    def forget(self, user_id: UserId) -> None:
        self._bots.pop(user_id, None)

    # -- the index

    @override
    async def prepare(self, posts: Sequence[Post]) -> None:
        return None

    @override
    def count(self, posts: Sequence[Post]) -> Sequence[Row]:
        food = food_channels(self._host.settings)
        self._has_rows = True
        return [
            WeeklyRow(
                guild_id=self._host.guild_id,
                message_id=post.message_id,
                channel_id=post.channel_id,
                user_id=post.author_id,
                created_at=post.at,
                has_image=any(
                    (attachment.content_type or "").lower().startswith("image/")
                    for attachment in post.event.attachments
                ),
                is_food=is_food(food, post.channel_id, post.parent_id, self._names(post)),
            )
            for post in posts
        ]

    def _names(self, post: Post) -> list[str | None]:
        guild = self._host.guilds.get(self._host.guild_id)
        ids = [post.channel_id] if post.parent_id is None else [post.channel_id, post.parent_id]
        channels = [] if guild is None else [guild.channel(channel_id) for channel_id in ids]
        return [channel.name for channel in channels if channel is not None]

    @override
    async def on_event(self, event: GatewayEvent) -> Work | None:
        told, guild_id = event.event, self._host.guild_id
        if not self._has_rows:
            return None
        match told:
            case MessageDelete():
                return self._write(lambda tx: storage.remove(tx, guild_id, [told.id]))
            case MessageDeleteBulk():
                return self._write(lambda tx: storage.remove(tx, guild_id, told.ids))
        work = self._on_reaction(told) if self._host.is_on(PART) else None
        message_id = getattr(told, "message_id", None)
        if work is not None and message_id in self._recounting:
            self._recounting[message_id] = True
        return work

    def _on_reaction(self, told: object) -> Work | None:
        guild_id = self._host.guild_id
        match told:
            case MessageReactionAdd(user_id=user_id, message_id=message_id, member=member):
                if member is not None and member.user is not None and member.user.bot:
                    self._remember_bot(user_id)
                if self._is_bot(user_id) or user_id == told.message_author_id:
                    return None
                return self._write(lambda tx: storage.react(tx, guild_id, message_id, user_id, 1))
            case MessageReactionRemove(user_id=user_id, message_id=message_id):
                if self._is_bot(user_id):
                    return None
                return self._write(lambda tx: storage.react(tx, guild_id, message_id, user_id, -1))
            case MessageReactionRemoveAll(message_id=message_id):
                return self._write(lambda tx: storage.set_reactions(tx, guild_id, message_id, 0))
            case MessageReactionRemoveEmoji(channel_id=channel_id, message_id=message_id):
                again = Recount(channel_id, message_id)
                return Work(done=lambda: self._host.context.tell_self(again))
            case _:
                return None

    @staticmethod
    def _write(work: _Write) -> Work:
        async def write(tx: Transaction) -> None:
            await work(tx)

        return Work(write=write)

    def _remember_bot(self, user_id: UserId) -> None:
        """Right whatever becomes of the event."""
        self._bots[user_id] = None
        self._bots.move_to_end(user_id)
        while len(self._bots) > BOTS:
            self._bots.popitem(last=False)

    def _is_bot(self, user_id: UserId) -> bool:
        return user_id == self._host.guilds.me or user_id in self._bots

    # -- messages

    @override
    async def handle(self, message: object) -> object:
        match message:
            case ComputeWeek():
                period = completed(self._host.clock.now())
                report = await self._computing.run(period, again=True)
                self._computed = period.end
                return report
            case WhereAnnounced(week_id):
                return await self._computing.where(week_id)
            case ComputeDue():
                self._armed = None
                await self.wake()
            case Recount():
                self._recounting[message.message_id] = False
                if not self._host.context.start(self._recount, message):
                    self._host.context.tell_after(RECOUNT_AFTER, message)
            case Recounted():
                await self._recounted(message)
            case _:
                return NOT_MINE
        return None

    async def _recount(self, wanted: Recount) -> None:
        """In a child task: ask Discord how many reactions a message has."""
        count = None
        try:
            count = await self._reactions.reaction_count(wanted.channel_id, wanted.message_id)
        except DiscordError as error:
            if error.transient and wanted.failures + 1 < MOST_FAILURES:
                again = attrs.evolve(wanted, failures=wanted.failures + 1)
                self._host.context.tell_after(RECOUNT_AFTER, again)
                return
        self._host.context.tell_self(Recounted(wanted, count))

    async def _recounted(self, answer: Recounted) -> None:
        """Store the number, unless there were reactions meanwhile that it may or may not have in it."""
        wanted, count, guild_id = answer.wanted, answer.count, self._host.guild_id
        is_stale = self._recounting.get(wanted.message_id, False)
        if count is not None and is_stale and wanted.failures + 1 < MOST_FAILURES:
            self._host.context.tell_self(attrs.evolve(wanted, failures=wanted.failures + 1))
            return
        if count is not None:
            await self._host.commit(
                write=lambda tx: storage.set_reactions(tx, guild_id, wanted.message_id, count)
            )
        self._recounting.pop(wanted.message_id, None)

    # -- the week

    @override
    async def wake(self) -> None:
        period = completed(self._host.clock.now())
        if not self._is_due(period):
            return
        now = self._host.clock.now()
        at = period.end + max(jitter(self._host.guild_id, period), GRACE)
        wait = (at - now).total_seconds()
        if wait <= 0 and self._host.is_caught_up():
            await self._computing.run(period, again=False)
            self._computed = period.end
        elif self._armed != period.end:
            self._armed = period.end
            self._host.context.tell_after(max(wait, BEHIND_LOOK), ComputeDue())

    def _is_due(self, period: Period) -> bool:
        """Whether a week is to be computed, as far as is known, and the guild's name is known for it."""
        return (
            self._host.is_on(PART)
            and self._computed != period.end
            and self._host.clock.now() - period.end <= CATCH_UP
            and self._host.guilds.get(self._host.guild_id) is not None
        )

    # -- effects

    @override
    async def on_done(self, tx: Transaction, effect: Effect) -> Sequence[Draft]:
        return await self._computing.on_done(tx, effect)

    @override
    async def on_undone(self, tx: Transaction, effect: Effect, why: str) -> Sequence[Draft]:
        return await self._computing.on_undone(tx, effect)


class _Write(Protocol):
    """A statement; what it returns does not matter."""

    async def __call__(self, tx: Transaction, /) -> object: ...


async def due(tx: Transaction, now: datetime) -> tuple[Sequence[GuildId], datetime | None]:
    """Guilds whose last completed week seems to be due, and when the next week is over."""
    period = completed(now)
    guilds = await storage.due(tx, period) if now - period.end <= CATCH_UP else ()
    return guilds, period.following.end


def part(reactions: Reactions) -> PartDef:
    """The part of each guild."""
    return PartDef(build=lambda host: Weekly(host, reactions), due=due)
