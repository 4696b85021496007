"""What the quiz is asked and told."""

from __future__ import annotations

import enum
from typing import Final

import attrs

from alphapy.actors.kernel.address import Address, Request
from alphapy.environment import Secret
from alphapy.pure.ids import ApplicationId, ChannelId, GuildId, InteractionId, UserId

LOT_QUIZ: Final = Address.process("lot_quiz")


class Begun(enum.Enum):
    """What became of a wish to play."""

    STARTED = "started"
    RUNNING = "running"
    """The member is playing in this guild already."""
    FULL = "full"
    """As many play as can."""


@attrs.frozen(kw_only=True)
class BeginQuiz(Request[Begun]):
    """Listen to the member's messages behind this interaction, as answers to the first question on."""

    guild_id: GuildId | None
    channel_id: ChannelId
    user_id: UserId
    interaction_id: InteractionId
    application_id: ApplicationId
    token: Secret


@attrs.frozen
class AbandonQuiz:
    """The first question did not reach the member."""

    guild_id: GuildId | None
    user_id: UserId
