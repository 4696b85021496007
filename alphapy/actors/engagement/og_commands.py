"""``/og`` (spec/engagement.md 4.3)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, Protocol

from alphapy.actors.embeds import Colour, notice
from alphapy.actors.engagement.desk import Desk, refused, require_manage_server
from alphapy.actors.engagement.messages import FEATURE
from alphapy.actors.engagement.og_effects import PART
from alphapy.actors.engagement.og_messages import EMOJI, SPELLINGS, ReadOg, SetUpOg
from alphapy.gateway.commands import Command, Group, Option, OptionKind
from alphapy.gateway.models.guild import ChannelType, Permissions
from alphapy.gateway.models.outgoing import OutgoingMessage
from alphapy.gateway.refusals import Refusal
from alphapy.gateway.rest.errors import DiscordError, DiscordErrorKind
from alphapy.pure.ids import ChannelId, MessageId, deterministic_nonce

if TYPE_CHECKING:
    from alphapy.actors.settings.snapshot import SettingsSnapshot
    from alphapy.gateway.invocation import Invocation

log = logging.getLogger("alphapy.actors.engagement")

_CHANNELS: Final = (ChannelType.TEXT, ChannelType.ANNOUNCEMENT)
_NEEDED: Final = {
    Permissions.VIEW_CHANNEL: "View Channel",
    Permissions.SEND_MESSAGES: "Send Messages",
    Permissions.ADD_REACTIONS: "Add Reactions",
    Permissions.READ_MESSAGE_HISTORY: "Read Message History",
}


class Poster(Protocol):
    """Who posts and deletes messages; raises DiscordError."""

    async def create_message(self, channel_id: ChannelId, message: OutgoingMessage) -> MessageId:
        """Post a message."""
        ...

    async def delete_message(
        self, channel_id: ChannelId, message_id: MessageId, *, reason: str | None = None
    ) -> None:
        """Delete a message."""
        ...


class Reacting(Protocol):
    """Who reacts; raises DiscordError."""

    async def add_reaction(self, channel_id: ChannelId, message_id: MessageId, emoji: str) -> None:
        """Let the bot react."""
        ...


class OgCommands:
    """The handlers."""

    def __init__(self, desk: Desk, poster: Poster, reacting: Reacting) -> None:
        self._desk = desk
        self._poster = poster
        self._reacting = reacting

    def group(self) -> Group:
        """The declaration."""
        return Group(
            name="og",
            description="OG claims: the first members who react get a badge",
            guild_only=True,
            gated_by=FEATURE,
            children=(
                Command(
                    name="setup",
                    description="Post the message by which members claim",
                    handler=self._set_up,
                    options=(
                        Option(
                            kind=OptionKind.CHANNEL,
                            name="channel",
                            description="Where (default: here)",
                            channel_types=_CHANNELS,
                        ),
                    ),
                ),
                Command(
                    name="status",
                    description="Show how many places are left",
                    handler=self._status,
                    changes=False,
                ),
            ),
        )

    async def _set_up(self, invocation: Invocation) -> None:
        snapshot = await self._desk.require_feature(invocation, PART)
        require_manage_server(invocation)
        channel_id = self._target(invocation)
        await invocation.defer()
        message_id = await self._post(invocation, channel_id, claim_text(snapshot))
        try:
            await self._desk.ask(invocation.guild_id, SetUpOg(channel_id, message_id))
        except Refusal:
            await self._take_back(channel_id, message_id)
            raise
        text = (
            f"Members claim in <#{channel_id}> by reacting with {EMOJI} to the message `{message_id}`. An "
            "earlier message does not work any more; claims that were made count."
        )
        await invocation.reply(notice(Colour.SUCCESS, "OG claims are open", text))

    def _target(self, invocation: Invocation) -> ChannelId:
        """The channel to post in; raises Refused."""
        given = invocation.options.channel("channel", None)
        channel_id = invocation.channel_id if given is None else ChannelId(given.id)
        guild = self._desk.guilds.get(invocation.guild_id)
        channel = None if guild is None else guild.channel(channel_id)
        if given is None and (channel is None or channel.type not in _CHANNELS):
            raise refused(
                "Not in this channel",
                "The message goes to a text or announcement channel. Name one with the option `channel`.",
                reason="not a text channel",
            )
        mine = self._desk.guilds.my_permissions(invocation.guild_id, channel_id, now=self._desk.clock.now())
        lacking = [] if mine is None else [f"*{name}*" for bit, name in _NEEDED.items() if bit not in mine]
        if lacking:
            raise refused(
                "I cannot post there",
                f"I need these permissions in <#{channel_id}>: {', '.join(lacking)}.",
                reason="bot permissions",
            )
        return channel_id

    async def _post(self, invocation: Invocation, channel_id: ChannelId, text: str) -> MessageId:
        """Post the message with its reaction, or neither; raises Refused."""
        nonce = deterministic_nonce("og", invocation.interaction.id)
        try:
            message_id = await self._poster.create_message(
                channel_id, OutgoingMessage(content=text, nonce=nonce)
            )
        except DiscordError as error:
            raise refused(
                "The message could not be posted",
                f"Discord does not let me post in <#{channel_id}>. Nothing has changed.",
                reason=f"not posted: {error.kind.value}",
            ) from error
        try:
            await self._react(channel_id, message_id)
        except DiscordError as error:
            await self._take_back(channel_id, message_id)
            raise refused(
                "The reaction could not be added",
                f"Without *Add Reactions* and *Read Message History* in <#{channel_id}> nobody sees how to "
                "claim, so I took the message back. Nothing has changed.",
                reason=f"no reaction: {error.kind.value}",
            ) from error
        return message_id

    async def _react(self, channel_id: ChannelId, message_id: MessageId) -> None:
        try:
            await self._reacting.add_reaction(channel_id, message_id, SPELLINGS[0])
        except DiscordError as error:
            if error.kind is not DiscordErrorKind.INVALID:
                raise
            await self._reacting.add_reaction(channel_id, message_id, SPELLINGS[1])

    async def _take_back(self, channel_id: ChannelId, message_id: MessageId) -> None:
        try:
            await self._poster.delete_message(channel_id, message_id)
        except DiscordError as error:
            log.warning(
                "a message for OG claims that does not work could not be deleted",
                extra={"event": "og_not_taken_back", "channel_id": channel_id, "error": str(error)},
            )

    async def _status(self, invocation: Invocation) -> None:
        snapshot = await self._desk.require_feature(invocation, PART)
        status = await self._desk.ask(invocation.guild_id, ReadOg())
        cap = snapshot.number(FEATURE, "og_cap")
        left = max(0, cap - status.claimed)
        where = (
            "There is no message to claim by."
            if status.setup is None
            else f"Claim by reacting with {EMOJI} to [this message]"
            f"(https://discord.com/channels/{invocation.guild_id}/{status.setup.channel_id}"
            f"/{status.setup.message_id})."
        )
        text = f"**{status.claimed} of {cap}** places are taken; **{left}** left.\n{where}"
        await invocation.reply(notice(Colour.INFO, f"{EMOJI} OG", text))


def claim_text(snapshot: SettingsSnapshot) -> str:
    """What the message says: the guild's own words, or the built-in ones with the cap."""
    own = snapshot.text(FEATURE, "og_claim_text")
    cap = snapshot.number(FEATURE, "og_cap")
    places = "place" if cap == 1 else "places"
    return (
        own if own.strip() else f"{EMOJI} **Be an OG!**\nReact with {EMOJI} to claim one of {cap} {places}."
    )
