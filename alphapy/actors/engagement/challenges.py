"""Challenges: timed contests of who posts most, or of who is drawn from those who have posted.

Counts lie in memory and go to the database as absolute totals. What ends a challenge is one transaction that
does nothing where the challenge is not active any more: whatever the process dies of, and whoever else ends
it, there is one winner, one badge and one announcement.

Membership follows the instants of the messages; the end, the wall clock, which is looked at once a minute at
least, and what was posted before it: nothing ends while some of that may not have been told.

When it fails: the database is gone: the end waits for it, behind the messages that came before. Discord
refuses the channel: the system channel is tried, then the guild's log is told. A role that cannot be given is
told there, too, and is not tried again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import attrs
import trio
from typing_extensions import override

from alphapy.actors.engagement.challenge_editing import Editing
from alphapy.actors.engagement.challenge_effects import PART, Effects
from alphapy.actors.engagement.challenge_messages import (
    CancelChallenge,
    EditChallenge,
    EndChallenge,
    LookAtDeadlines,
    NotActive,
    ReadChallenges,
    StartChallenge,
)
from alphapy.actors.engagement.challenge_roster import Roster
from alphapy.actors.engagement.part import NOT_MINE, Host, Part, PartDef
from alphapy.pure.engagement.badges import WINNER
from alphapy.pure.engagement.challenges import Challenge, Ended, Outcome, choose_winner
from alphapy.storage import engagement_badges as badges
from alphapy.storage import engagement_challenges as storage
from alphapy.storage.engagement_challenges import Active
from alphapy.storage.errors import DatabaseUnavailable

if TYPE_CHECKING:
    import random

    from alphapy.actors.engagement.part import Post, Row, Work
    from alphapy.actors.feature import GatewayEvent
    from alphapy.pure.ids import GuildId, UserId
    from alphapy.storage.effects import Draft, Effect
    from alphapy.storage.transaction import Transaction

GRACE: Final = timedelta(seconds=1)
"""How long after its end a challenge is ended, so that messages posted just before it have arrived."""

LOOK_EVERY: Final = 60.0
SOONEST: Final = 0.05
"""Seconds between two looks at the wall clock, at the most and at the least."""

DOUBT_LOOK: Final = 1.0
"""Seconds until it is looked whether a challenge was begun."""

BEHIND_LOOK: Final = 1.0
"""Seconds until it is looked again whether everything was told that was posted before an end."""


@attrs.frozen
class _State:
    active: Sequence[Active]
    unannounced: Sequence[Ended]


class Challenges(Part):
    """The challenges of one guild."""

    def __init__(self, host: Host, rng: random.Random) -> None:
        self._host = host
        self._rng = rng
        self._effects = Effects(host)
        self._roster = Roster()
        self._editing = Editing(host, self._roster)
        self._unannounced: list[Ended] = []
        self._armed_for: float | None = None
        self._is_in_doubt = False
        """Whether a challenge may have been begun that memory does not know."""

    @property
    @override
    def name(self) -> str:
        return PART

    @override
    async def read(self, tx: Transaction) -> object:
        guild_id = self._host.guild_id
        return _State(
            await storage.load(tx, guild_id),
            await storage.unannounced(tx, guild_id, now=self._host.clock.now()),
        )

    @override
    def adopt(self, state: object) -> None:
        assert isinstance(state, _State)  # noqa: S101 -- what read() returns
        self._roster.replace(state.active)
        self._unannounced = list(state.unannounced)

    @override
    async def prepare(self, posts: Sequence[Post]) -> None:
        pass

    @override
    def count(self, posts: Sequence[Post]) -> Sequence[Row]:
        return self._roster.count(posts)

    @override
    async def on_event(self, event: GatewayEvent) -> Work | None:
        return None  # messages that are deleted have counted, and a challenge outlives its channel

    @override
    async def on_done(self, tx: Transaction, effect: Effect) -> Sequence[Draft]:
        return await self._effects.on_done(tx, effect)

    @override
    async def on_undone(self, tx: Transaction, effect: Effect, why: str) -> Sequence[Draft]:
        return await self._effects.on_undone(tx, effect, why)

    @override
    def forget(self, user_id: UserId) -> None:
        self._roster.forget(user_id)

    @override
    async def handle(self, message: object) -> object:
        match message:
            case LookAtDeadlines():
                self._armed_for = None
                await self.wake()
                return None
            case ReadChallenges():
                return self._roster.standings()
            case StartChallenge():
                return await self._start(message)
            case EndChallenge(challenge_id):
                found = await self._find(challenge_id)
                return found if isinstance(found, NotActive) else await self._end(found)
            case CancelChallenge(challenge_id):
                found = await self._find(challenge_id)
                return found if isinstance(found, NotActive) else await self._cancel(found)
            case EditChallenge(challenge_id):
                found = await self._find(challenge_id)
                if isinstance(found, NotActive):
                    return found
                edited = await self._editing.edit(found, message.change)
                self._arm()
                return edited
            case _:
                return NOT_MINE

    # -- what becomes of a challenge

    async def _start(self, asked: StartChallenge) -> Challenge | None:
        started: list[Challenge | None] = []

        async def write(tx: Transaction) -> None:
            challenge = await storage.start(
                tx,
                self._host.guild_id,
                channel_id=asked.channel_id,
                mode=asked.mode,
                title=asked.title,
                started_at=asked.at,
                ends_at=asked.at + timedelta(seconds=asked.seconds),
            )
            started[:] = [challenge]

        try:
            await self._host.commit(write=write)
        except DatabaseUnavailable as error:
            if error.in_doubt:
                self._is_in_doubt = True
                self._host.context.tell_after(DOUBT_LOOK, LookAtDeadlines())
            raise
        (challenge,) = started
        if challenge is not None and self._roster.get(challenge.id) is None:
            self._roster.put(storage.Active(challenge, {}))
            self._arm()
        return challenge

    async def _find(self, challenge_id: int | None) -> Active | NotActive:
        """The active challenge that is meant: this one, or the newest; never another one instead."""
        if challenge_id is None:
            return self._roster.newest() or NotActive.NONE
        found = self._roster.get(challenge_id)
        if found is not None:
            return found
        was_there = await self._host.read(lambda tx: storage.exists(tx, self._host.guild_id, challenge_id))
        return NotActive.OVER if was_there else NotActive.UNKNOWN

    async def _cancel(self, active: Active) -> Challenge | NotActive:
        challenge = active.challenge
        ended = Ended(
            challenge=challenge,
            outcome=Outcome.CANCELLED,
            ended_at=self._host.clock.now(),
            participants=len(active.counts),
        )
        return challenge if await self._close(ended, announce=True) else NotActive.OVER

    async def _end(self, active: Active, *, silently: bool = False) -> Ended | NotActive:
        """Find the winner and write everything that follows."""
        challenge, counts = active.challenge, active.counts
        winner = choose_winner(challenge.mode, counts, self._rng)
        ended = Ended(
            challenge=challenge,
            outcome=Outcome.EMPTY if winner is None else Outcome.WINNER,
            ended_at=self._host.clock.now(),
            participants=len(counts),
            winner_id=None if winner is None else winner.user_id,
            messages=None if winner is None else winner.messages,
        )
        announcement = None if silently else self._effects.announcement(ended)
        drafts = [] if silently else self._effects.roles(ended)
        drafts += [] if announcement is None else [announcement]
        if not await self._close(ended, announce=announcement is not None, badge=not silently, drafts=drafts):
            return NotActive.OVER
        if announcement is None and not silently:
            self._effects.not_announced(challenge.id)
        return ended

    async def _close(
        self, ended: Ended, *, announce: bool, badge: bool = False, drafts: Sequence[Draft] = ()
    ) -> bool:
        """Write that a challenge is over, with what follows; False where somebody else has ended it."""
        host, challenge_id = self._host, ended.challenge.id
        mine = False

        async def write(tx: Transaction) -> Sequence[Draft]:
            nonlocal mine
            mine = await storage.finish(tx, host.guild_id, ended, announce=announce)
            if not mine:
                return ()
            if badge and ended.winner_id is not None:
                await badges.grant(
                    tx,
                    host.guild_id,
                    ended.winner_id,
                    WINNER,
                    source=f"challenge:{challenge_id}",
                    at=ended.ended_at,
                )
            return drafts

        await host.commit(write=write)
        self._roster.drop(challenge_id)
        return mine

    # -- deadlines

    @override
    async def wake(self) -> None:
        await self._look_for_what_is_in_doubt()
        await self._resume()
        now = self._host.clock.now()
        for active in self._roster:
            if self._is_over(active.challenge, now) and self._host.is_caught_up():
                await self._end(active, silently=self._is_silent())
        self._arm()

    async def _look_for_what_is_in_doubt(self) -> None:
        if self._is_in_doubt:
            await self._host.flushed()
            for active in await self._host.read(lambda tx: storage.load(tx, self._host.guild_id)):
                if self._roster.get(active.challenge.id) is None:
                    self._roster.put(active)
            self._is_in_doubt = False

    async def _resume(self) -> None:
        """See to it that what has ended lately is announced, once."""
        while self._unannounced:
            ended = self._unannounced[0]
            announcement = self._effects.announcement(ended)
            if announcement is not None:
                await self._host.commit([announcement, *self._effects.roles(ended)])
            else:
                await self._settle_quietly(ended)
            del self._unannounced[0]

    async def _settle_quietly(self, ended: Ended) -> None:
        guild_id, now = self._host.guild_id, self._host.clock.now()
        await self._host.commit(write=lambda tx: storage.announced(tx, guild_id, ended.challenge.id, at=now))
        self._effects.not_announced(ended.challenge.id)

    @staticmethod
    def _is_over(challenge: Challenge, now: datetime) -> bool:
        return challenge.ends_at is None or challenge.ends_at + GRACE <= now

    def _is_silent(self) -> bool:
        """Whether an end is told to nobody: the feature is off, or the bot has left (5.2)."""
        return not (self._host.is_on(PART) and self._host.guilds.is_known(self._host.guild_id))

    def _arm(self) -> None:
        """Look again when the next challenge is over, and in a minute at the latest."""
        if not self._roster:
            return
        now, moment = self._host.clock.now(), trio.current_time()
        ends = [
            now if one.challenge.ends_at is None else one.challenge.ends_at + GRACE for one in self._roster
        ]
        wait = (min(ends) - now).total_seconds()
        wait = min(max(wait, SOONEST if wait > 0 else BEHIND_LOOK), LOOK_EVERY)
        if self._armed_for is None or moment + wait < self._armed_for:
            self._armed_for = moment + wait
            self._host.context.tell_after(wait, LookAtDeadlines())


async def due(tx: Transaction, now: datetime) -> tuple[Sequence[GuildId], datetime | None]:
    """Guilds in which a challenge is over, and when the next one will be."""
    return await storage.due(tx, now, grace=GRACE)


def part(rng: random.Random) -> PartDef:
    """The part of each guild."""
    return PartDef(build=lambda host: Challenges(host, rng), due=due)
