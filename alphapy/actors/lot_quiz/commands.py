"""``/lotquiz``: the declaration, and the first question."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from alphapy.actors.kernel.bus import Answered, Bus
from alphapy.actors.lot_quiz import rendering
from alphapy.actors.lot_quiz.messages import LOT_QUIZ, AbandonQuiz, BeginQuiz, Begun
from alphapy.environment import Secret
from alphapy.gateway.answer import InteractionLost
from alphapy.gateway.commands import Command
from alphapy.gateway.refusals import Busy, Refused
from alphapy.gateway.rest.errors import DiscordError

if TYPE_CHECKING:
    from alphapy.gateway.invocation import Invocation

ANSWER_WITHIN: Final = 2.0
"""Seconds that the quiz may take to say whether it begins."""


@attrs.frozen
class LotQuizCommand:
    """The handler."""

    _bus: Bus

    def command(self) -> Command:
        """The declaration. What it changes is stored at its end, so it works while the database is away."""
        return Command(
            name="lotquiz",
            description="Three questions about the size of a trade, a minute each",
            handler=self._begin,
            changes=False,
        )

    async def _begin(self, invocation: Invocation) -> None:
        interaction = invocation.interaction
        reply = await self._bus.ask(
            LOT_QUIZ,
            BeginQuiz(
                guild_id=interaction.guild_id,
                channel_id=invocation.channel_id,
                user_id=invocation.user_id,
                interaction_id=interaction.id,
                application_id=interaction.application_id,
                token=Secret(interaction.token),
            ),
            timeout=ANSWER_WITHIN,
        )
        begun = reply.value if isinstance(reply, Answered) else Begun.FULL
        if begun is Begun.RUNNING:
            raise Refused("You are in the middle of a quiz here. Please finish that one first.", "running")
        if begun is Begun.FULL:
            raise Busy
        try:
            await invocation.reply(rendering.opening(), ephemeral=True)
        except (DiscordError, InteractionLost):
            self._bus.tell(LOT_QUIZ, AbandonQuiz(interaction.guild_id, invocation.user_id))
            raise
