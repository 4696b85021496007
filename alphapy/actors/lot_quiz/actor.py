"""The quiz: who plays where, and the runs, each a task of its own (spec/engagement.md 4.10).

A question is answered by the player's first message behind it in the same channel: whatever was written
before the question was there does not count, however late it comes. So each question consumes one message.

When it fails: a run lives in memory only, and a restart abandons it. Where Discord takes no further question,
the run ends and nothing is saved. The score of a finished run is shown even where its rows cannot be stored.
"""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING, Final, Protocol

import trio
from typing_extensions import override

from alphapy.actors.feature import GatewayEvent
from alphapy.actors.kernel.actor import Actor, Context
from alphapy.actors.kernel.containment import Failure, contain, summary
from alphapy.actors.lot_quiz import rendering
from alphapy.actors.lot_quiz.messages import AbandonQuiz, BeginQuiz, Begun
from alphapy.gateway.events import MessageCreate
from alphapy.gateway.models.message import DEFAULT, REPLY
from alphapy.gateway.rest.errors import DiscordError
from alphapy.pure.lot_quiz import ANSWER_WITHIN, Answer, Quiz
from alphapy.storage import lot_quiz as storage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alphapy.gateway.events import Event
    from alphapy.gateway.models.outgoing import OutgoingMessage
    from alphapy.pure.ids import ApplicationId, ChannelId, GuildId, MessageId, UserId
    from alphapy.storage.pool import Pool

log = logging.getLogger("alphapy.actors.lot_quiz")

FEATURE: Final = "lot_quiz"

MOST_RUNS: Final = 500
"""Runs at a time, of all guilds together."""

_HEARD: Final = 20
"""Messages of a player that are kept while a question is on its way; older ones were written before it."""


class FollowUps(Protocol):
    """Who sends further answers to interactions; raises DiscordError."""

    async def follow_up(
        self, application_id: ApplicationId, token: str, message: OutgoingMessage
    ) -> MessageId:
        """Send one more message."""
        ...


class Places:
    """Whose messages are waited for, and where: written by the actor, read by the router for each message."""

    def __init__(self) -> None:
        self._places: set[tuple[int, int]] = set()

    def clear(self) -> None:
        """Nobody plays any more."""
        self._places.clear()

    def enter(self, channel_id: ChannelId, user_id: UserId) -> None:
        """Somebody plays."""
        self._places.add((channel_id, user_id))

    def leave(self, channel_id: ChannelId, user_id: UserId) -> None:
        """They do not any more."""
        self._places.discard((channel_id, user_id))

    def wants(self, event: Event) -> bool:
        """Whether a message may be an answer."""
        return (
            bool(self._places)
            and isinstance(event, MessageCreate)
            and (event.channel_id, event.author.id) in self._places
            and event.type in {DEFAULT, REPLY}
            and event.is_human
        )


class _Run:
    """One player's run."""

    def __init__(self, begun: BeginQuiz) -> None:
        self.begun = begun
        self.scope = trio.CancelScope()
        self._behind: int = begun.interaction_id
        self._heard: deque[MessageCreate] = deque(maxlen=_HEARD)
        self._lot = trio.lowlevel.ParkingLot()

    def hear(self, said: MessageCreate) -> None:
        """The player has written something."""
        self._heard.append(said)
        self._lot.unpark_all()

    def asked(self, question: MessageId) -> None:
        """The next question is there, with this id."""
        self._behind = question

    async def answer(self, within: float) -> str | None:
        """The first message behind the question; None where there is none in so many seconds."""
        with trio.move_on_after(within):
            while True:
                while self._heard:
                    said = self._heard.popleft()
                    if said.id > self._behind:
                        return said.content
                await self._lot.park()
        return None


class LotQuizActor(Actor):
    """The actor ``process/lot_quiz``."""

    def __init__(
        self,
        context: Context,
        *,
        discord: FollowUps,
        pool: Pool,
        places: Places,
        answer_within: float = ANSWER_WITHIN,
    ) -> None:
        super().__init__(context)
        self._discord = discord
        self._pool = pool
        self._places = places
        self._answer_within = answer_within
        self._runs: dict[tuple[GuildId | None, UserId], _Run] = {}
        self._by_place: dict[tuple[ChannelId, UserId], _Run] = {}
        places.clear()

    @override
    async def handle(self, message: object) -> object:
        match message:
            case BeginQuiz():
                return self._begin(message)
            case AbandonQuiz(guild_id, user_id):
                run = self._runs.get((guild_id, user_id))
                if run is not None:
                    run.scope.cancel(reason="the player was not asked")
                return None
            case GatewayEvent(event=MessageCreate() as said):
                run = self._by_place.get((said.channel_id, said.author.id))
                if run is not None:
                    run.hear(said)
                return None
            case _:
                return await super().handle(message)

    def _begin(self, begun: BeginQuiz) -> Begun:
        key = (begun.guild_id, begun.user_id)
        if key in self._runs:
            return Begun.RUNNING
        run = _Run(begun)
        if not self.context.start(self._play, run):
            return Begun.FULL
        self._runs[key] = self._by_place[begun.channel_id, begun.user_id] = run
        self._places.enter(begun.channel_id, begun.user_id)
        return Begun.STARTED

    async def _play(self, run: _Run) -> None:
        begun = run.begun
        answers: Sequence[Answer] | None = None
        try:
            with run.scope:
                answers = await self._ask_all(run)
        finally:
            self._runs.pop((begun.guild_id, begun.user_id), None)
            self._by_place.pop((begun.channel_id, begun.user_id), None)
            self._places.leave(begun.channel_id, begun.user_id)
        if answers is not None:
            await self._save(begun, answers)

    async def _ask_all(self, run: _Run) -> Sequence[Answer] | None:
        """The answers to all questions; None where the player cannot be reached any more."""
        quiz = Quiz()
        while quiz.question is not None:
            answer = quiz.take(await run.answer(self._answer_within))
            try:
                run.asked(
                    await self._discord.follow_up(
                        run.begun.application_id, run.begun.token.reveal(), rendering.step(answer, quiz)
                    )
                )
            except DiscordError as error:
                log.info(
                    "a quiz ends because its player cannot be reached",
                    extra={"event": "quiz_abandoned", "guild_id": run.begun.guild_id, "error": str(error)},
                )
                return None
        return quiz.answers

    async def _save(self, begun: BeginQuiz, answers: Sequence[Answer]) -> None:
        saved = await contain(
            lambda: self._pool.run(FEATURE, lambda tx: storage.save(tx, begun.user_id, answers))
        )
        if isinstance(saved, Failure):
            log.warning(
                "a finished quiz could not be saved",
                extra={
                    "event": "quiz_not_saved",
                    "guild_id": begun.guild_id,
                    "error": summary(saved.error),
                },
            )
