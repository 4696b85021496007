"""The part ``weekly``: an index of what is posted, reactions to it, and the awards of each week.

Posts go into the index with those of all guilds, in groups. A deletion or a reaction is one transaction with
the progress in the gateway's log, so that a repeated event changes nothing. A week is computed when it is
over, within two minutes; one that ended while nobody listened, within 48 hours (spec/engagement.md 5.4).

When it fails. The database is gone: posts wait in memory, all else in the mailbox, and the week is computed
when it is back. Discord does not tell how many reactions are left after those with one emoji were removed: it
is asked, as an effect.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, Protocol

import attrs
import trio
from typing_extensions import override

from alphapy.actors.effects.reactions import COUNT_REACTIONS, count_reactions
from alphapy.actors.engagement.part import NOT_MINE, Host, Part, PartDef, Work
from alphapy.actors.engagement.weekly_computing import PART, Computing, food_channels
from alphapy.actors.engagement.weekly_messages import ComputeDue, ComputeWeek, WhereAnnounced
from alphapy.gateway.events import (
    MessageDelete,
    MessageDeleteBulk,
    MessageReactionAdd,
    MessageReactionRemove,
    MessageReactionRemoveAll,
    MessageReactionRemoveEmoji,
)
from alphapy.pure.engagement.food import is_food
from alphapy.pure.engagement.periods import CATCH_UP, completed, jitter
from alphapy.pure.ids import ChannelId, MessageId
from alphapy.storage import engagement_weekly as storage
from alphapy.storage.engagement_rows import WeeklyRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alphapy.actors.effects.reactions import ReactionCounts
    from alphapy.actors.engagement.part import Post, Row
    from alphapy.actors.feature import GatewayEvent
    from alphapy.pure.engagement.periods import Period
    from alphapy.pure.ids import GuildId, UserId
    from alphapy.storage.effects import Draft, Effect
    from alphapy.storage.transaction import Transaction

GRACE: Final = timedelta(seconds=2)
"""How long after its end a week is computed at the soonest: what was posted just before has to arrive."""

BEHIND_LOOK: Final = 1.0
"""Seconds until it is looked again whether everything was told that was posted in a week."""

BOTS: Final = 500
"""Bots that are remembered: Discord does not say of who takes a reaction back whether it is one."""

COUNTED_WITHIN: Final = timedelta(hours=6)
"""How long after the reactions of an emoji were removed the rest is still asked for."""

MOST_RECOUNTS: Final = 5
"""How often it is asked again where somebody has reacted meanwhile."""

REACTED: Final = 1_000
"""Messages of which it is remembered when somebody reacted last."""


@attrs.frozen
class State:
    """What is known after the load: whether anything is indexed, and the end of a week that is computed."""

    has_rows: bool
    computed: datetime | None


class Weekly(Part):
    """The weekly awards of one guild; see the module."""

    def __init__(self, host: Host, counts: ReactionCounts) -> None:
        self._host = host
        self._counts = counts
        self._computing = Computing(host)
        self._has_rows = False
        self._bots: OrderedDict[UserId, None] = OrderedDict()
        self._reacted: OrderedDict[MessageId, float] = OrderedDict()
        """When somebody reacted to a message last, on Trio's clock."""
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
        return self._on_reaction(event) if self._host.is_on(PART) else None

    def _on_reaction(self, event: GatewayEvent) -> Work | None:
        told, guild_id = event.event, self._host.guild_id
        match told:
            case MessageReactionAdd() | MessageReactionRemove() | MessageReactionRemoveAll():
                self._note_reaction(told.message_id)
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
                return Work(drafts=[self._recount(f"{event.session_id}:{event.seq}", channel_id, message_id)])
            case _:
                return None

    def _recount(self, key: str, channel_id: ChannelId, message_id: MessageId, turn: int = 0) -> Draft:
        return count_reactions(
            f"recount:{message_id}:{key}:{turn}",
            channel_id,
            message_id,
            deadline_at=self._host.clock.now() + COUNTED_WITHIN,
            about={"part": PART, "key": key, "turn": turn},
        )

    async def _recounted(self, tx: Transaction, effect: Effect) -> Sequence[Draft]:
        """Store the number, unless there were reactions meanwhile that it may or may not have in it."""
        payload, count = effect.payload, self._counts.of(effect)
        channel_id, message_id = ChannelId(payload["channel_id"]), MessageId(payload["message_id"])
        if count is None:
            return ()
        turn = payload["about"]["turn"] + 1
        if self._reacted.get(message_id, -math.inf) >= count.asked_at and turn < MOST_RECOUNTS:
            return [self._recount(payload["about"]["key"], channel_id, message_id, turn)]
        await storage.set_reactions(tx, self._host.guild_id, message_id, count.number)
        return ()

    def _note_reaction(self, message_id: MessageId) -> None:
        self._reacted[message_id] = trio.current_time()
        self._reacted.move_to_end(message_id)
        while len(self._reacted) > REACTED:
            self._reacted.popitem(last=False)

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
            case _:
                return NOT_MINE
        return None

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
        if effect.kind == COUNT_REACTIONS:
            return await self._recounted(tx, effect)
        return await self._computing.on_done(tx, effect)

    @override
    async def on_undone(self, tx: Transaction, effect: Effect, why: str) -> Sequence[Draft]:
        return () if effect.kind == COUNT_REACTIONS else await self._computing.on_undone(tx, effect)


class _Write(Protocol):
    """A statement; what it returns does not matter."""

    async def __call__(self, tx: Transaction, /) -> object: ...


async def due(tx: Transaction, now: datetime) -> tuple[Sequence[GuildId], datetime | None]:
    """Guilds whose last completed week seems to be due, and when the next week is over."""
    period = completed(now)
    guilds = await storage.due(tx, period) if now - period.end <= CATCH_UP else ()
    return guilds, period.following.end


def part(counts: ReactionCounts) -> PartDef:
    """The part of each guild."""
    return PartDef(build=lambda host: Weekly(host, counts), due=due)
