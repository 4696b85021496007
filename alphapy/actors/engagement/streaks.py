"""The part ``streaks``: days in a row, and the name under which a member is known (spec/engagement.md 5.5).

Memory holds the members who wrote last, and of most guilds all of them. Only where there are more is one who
is not among them read by the batch in which they write, all such members of a batch at once; a row that is
still on its way to the database is found there. What is shown in nicknames is a matter of whoever is told of
it (:class:`Shown`), and never delays a count.

When it fails: the memory is thrown away and read again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import attrs
from typing_extensions import override

from alphapy.actors.engagement.part import Part
from alphapy.pure.engagement.nicknames import Streak
from alphapy.pure.engagement.streaks import Days, after_post, day_of
from alphapy.storage import engagement_streaks as storage
from alphapy.storage.engagement_rows import StreakRow

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from alphapy.actors.engagement.part import Host, Post, Row, Work
    from alphapy.actors.feature import GatewayEvent
    from alphapy.pure.ids import UserId
    from alphapy.storage.effects import Draft, Effect
    from alphapy.storage.transaction import Transaction

REMEMBERED = 5_000
"""Members of a guild whose streaks lie in memory (spec/engagement.md 1)."""


class Shown(Protocol):
    """Who shows streaks. Shares the part's turns: what is not described is as in :class:`Part`."""

    @property
    def is_on(self) -> bool:
        """Whether streaks are shown, as of the message that is being handled."""
        ...

    async def read(self, tx: Transaction) -> object:
        """See Part."""
        ...

    def adopt(self, state: object) -> None:
        """See Part."""
        ...

    def base(self, post: Post, stored: Streak | None) -> str:
        """The name to store of a member whose streak was ``stored`` until now."""
        ...

    def see(self, post: Post, days: int, base: str) -> None:
        """A member who has just written has a streak of so many days."""
        ...

    async def handle(self, message: object) -> object:
        """See Part."""
        ...

    async def wake(self) -> None:
        """See Part."""
        ...

    async def on_done(self, tx: Transaction, effect: Effect) -> Sequence[Draft]:
        """See Part."""
        ...

    async def on_undone(self, tx: Transaction, effect: Effect, why: str) -> Sequence[Draft]:
        """See Part."""
        ...

    def forget(self, user_id: UserId) -> None:
        """See Part."""
        ...


@attrs.frozen
class _Member:
    """What is known of a member; both are None of one who has no row."""

    days: Days | None = None
    base: str | None = None


_NOBODY = _Member()


@attrs.frozen
class _State:
    """What the part reads: those who wrote last, the last one first, and what is shown."""

    rows: Sequence[StreakRow]
    shown: object


class Streaks(Part):
    """The streaks of one guild; see the module."""

    def __init__(self, host: Host, shown: Shown, *, remembered: int = REMEMBERED) -> None:
        self._host = host
        self._shown = shown
        self._remembered = remembered
        self._members: OrderedDict[UserId, _Member] = OrderedDict()
        self._has_all = False
        """Whether whoever is not in memory has no row."""

    @property
    @override
    def name(self) -> str:
        return "streaks"

    @override
    async def read(self, tx: Transaction) -> object:
        rows = await storage.latest(tx, self._host.guild_id, limit=self._remembered + 1)
        return _State(rows, await self._shown.read(tx))

    @override
    def adopt(self, state: object) -> None:
        assert isinstance(state, _State), "what read returned"  # noqa: S101
        kept = state.rows[: self._remembered]
        self._members = OrderedDict((row.user_id, _member(row)) for row in reversed(kept))
        self._has_all = len(kept) == len(state.rows)
        self._shown.adopt(state.shown)

    @override
    def forget(self, user_id: UserId) -> None:
        self._members.pop(user_id, None)
        self._shown.forget(user_id)

    # -- posts

    @override
    async def prepare(self, posts: Sequence[Post]) -> None:
        members = self._members
        missing: dict[UserId, None] = {}
        for post in posts:
            if post.author_id in members:
                members.move_to_end(post.author_id)
            else:
                missing[post.author_id] = None
        if missing:
            await self._learn(missing)
            # The batch's own members are the last ones.
            while len(members) > max(self._remembered, len(posts)):
                members.popitem(last=False)
                self._has_all = False

    async def _learn(self, missing: Iterable[UserId]) -> None:
        """Find out about these members, from rows that are not written yet, or else from the database."""
        if self._has_all:
            self._members.update(dict.fromkeys(missing, _NOBODY))
            return
        guild_id = self._host.guild_id
        found = {
            user_id: row
            for user_id in missing
            if (row := self._host.waiting(StreakRow, (guild_id, user_id))) is not None
        }
        unknown = [user_id for user_id in missing if user_id not in found]
        if unknown:
            rows = await self._host.read(lambda tx: storage.of_members(tx, guild_id, unknown))
            found |= {row.user_id: row for row in rows}
        for user_id in missing:
            row = found.get(user_id)
            self._members[user_id] = _NOBODY if row is None else _member(row)

    @override
    def count(self, posts: Sequence[Post]) -> Sequence[Row]:
        shows = self._shown.is_on
        changed: dict[UserId, StreakRow] = {}
        for post in posts:
            row = self._count(post, day_of(post.at), shows=shows)
            if row is not None:
                changed[post.author_id] = row
        return tuple(changed.values())

    def _count(self, post: Post, day: date, *, shows: bool) -> StreakRow | None:
        member = self._members[post.author_id]
        days = after_post(member.days, day)
        if days is None or (days is member.days and not shows):
            return None
        stored = None if member.days is None else Streak(member.days.count, member.base)
        base = self._shown.base(post, stored)
        if shows:
            self._shown.see(post, days.count, base)
        if days is member.days and base == member.base:
            return None
        self._members[post.author_id] = _Member(days, base)
        return StreakRow(
            guild_id=self._host.guild_id,
            user_id=post.author_id,
            last_day=days.last,
            current_days=days.count,
            base_nickname=base,
        )

    # -- what else there is

    @override
    async def on_event(self, event: GatewayEvent) -> Work | None:
        return None

    @override
    async def handle(self, message: object) -> object:
        return await self._shown.handle(message)

    @override
    async def wake(self) -> None:
        await self._shown.wake()

    @override
    async def on_done(self, tx: Transaction, effect: Effect) -> Sequence[Draft]:
        return await self._shown.on_done(tx, effect)

    @override
    async def on_undone(self, tx: Transaction, effect: Effect, why: str) -> Sequence[Draft]:
        return await self._shown.on_undone(tx, effect, why)


def _member(row: StreakRow) -> _Member:
    return _Member(Days(row.last_day, row.current_days), row.base_nickname)
