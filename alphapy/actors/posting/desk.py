"""What posting for somebody takes: that they could write there themselves, and what Discord makes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import attrs

from alphapy.gateway.guilds import GuildCache
from alphapy.gateway.models.guild import NO_PERMISSIONS, ChannelType, Permissions
from alphapy.gateway.refusals import Refused
from alphapy.gateway.rest.errors import DiscordError, DiscordErrorKind
from alphapy.pure.clock import Clock
from alphapy.pure.ids import ChannelId, MessageId, deterministic_nonce

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alphapy.gateway.invocation import Invocation
    from alphapy.gateway.models.outgoing import OutgoingMessage

POSTED_IN = (ChannelType.TEXT, ChannelType.ANNOUNCEMENT)
"""The kinds of channels that can be chosen (spec/engagement.md 4)."""

_SPEAK = Permissions.VIEW_CHANNEL | Permissions.SEND_MESSAGES

TO_SEND: Mapping[Permissions, str] = {
    Permissions.VIEW_CHANNEL: "View Channel",
    Permissions.SEND_MESSAGES: "Send Messages",
}
TO_EMBED: Mapping[Permissions, str] = {**TO_SEND, Permissions.EMBED_LINKS: "Embed Links"}


class Posting(Protocol):
    """Who posts messages; raises DiscordError."""

    async def create_message(self, channel_id: ChannelId, message: OutgoingMessage) -> MessageId:
        """Send a message."""
        ...


@attrs.frozen
class Desk:
    """The collaborators of the handlers."""

    _discord: Posting
    _guilds: GuildCache
    _clock: Clock

    def check(
        self, invocation: Invocation, channel_id: ChannelId, needed: Mapping[Permissions, str]
    ) -> Permissions:
        """What the member may do in a channel of this guild, as of now.

        Raises Refused where the channel is none of it, or the member or the bot may not write there. A bot
        owner may have the bot write where they could not themselves.
        """
        now = self._clock.now()
        guild = self._guilds.get(invocation.guild_id)
        channel = None if guild is None else guild.channel(channel_id)
        if guild is None or channel is None or channel.type not in POSTED_IN:
            raise Refused("I know of no such text or announcement channel in this server.", "no such channel")
        member = invocation.member
        theirs = (
            NO_PERMISSIONS
            if member is None
            else guild.permissions(
                invocation.user_id, member.roles, channel_id, timed_out=member.timed_out(now)
            )
        )
        if theirs & _SPEAK != _SPEAK and not invocation.is_owner:
            raise Refused(f"You may not write in <#{channel_id}> yourself.", "member may not write there")
        mine = self._guilds.my_permissions(guild.id, channel_id, now=now)
        missing = [] if mine is None else [name for bit, name in needed.items() if bit not in mine]
        if missing:
            raise Refused(f"I lack {', '.join(missing)} in <#{channel_id}>.", "bot lacks permissions")
        return theirs

    async def post(self, invocation: Invocation, channel_id: ChannelId, message: OutgoingMessage) -> None:
        """Post it, once however often Discord is asked; raises Refused where that fails."""
        nonce = deterministic_nonce("posting", invocation.interaction.id)
        try:
            await self._discord.create_message(channel_id, attrs.evolve(message, nonce=nonce))
        except DiscordError as error:
            raise Refused(_excuse(error, channel_id), str(error)) from error


def _excuse(error: DiscordError, channel_id: ChannelId) -> str:
    if error.kind is DiscordErrorKind.FORBIDDEN:
        return f"Discord does not let me write in <#{channel_id}>. Please look at my permissions there."
    if error.in_doubt:
        return (
            f"Discord did not answer, so I cannot say whether it was posted. Please look at <#{channel_id}>."
        )
    return "Discord did not take it, and nothing was posted. Please try again in a moment."
