"""What engagement asks of Discord about members: their nicknames, and their reactions.

Every call states what shall be, so that a repetition changes nothing. Each raises :class:`DiscordError`.
Rules: https://docs.discord.com/developers/resources/guild#modify-guild-member and
https://docs.discord.com/developers/resources/message#create-reaction
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from alphapy.gateway.models.user import User
from alphapy.gateway.rest import routes
from alphapy.gateway.rest.client import Call
from alphapy.gateway.rest.errors import DiscordError, DiscordErrorKind

if TYPE_CHECKING:
    from alphapy.gateway.rest.client import RestClient
    from alphapy.pure.ids import ChannelId, GuildId, MessageId, UserId

REACTORS_PAGE = 100
"""Users of one page of reactors."""


class MemberCalls:
    """See the module. An ``emoji`` is a character, or ``name:id`` for one of a guild's own."""

    def __init__(self, client: RestClient) -> None:
        self._client = client

    async def set_nickname(
        self, guild_id: GuildId, user_id: UserId, nick: str | None, *, reason: str
    ) -> None:
        """Call a member this, at most 32 code points; None takes the nickname away."""
        target = routes.EDIT_MEMBER.to(guild_id=guild_id, user_id=user_id)
        await self._client.request(Call(target, json={"nick": nick}, reason=reason))

    async def add_reaction(self, channel_id: ChannelId, message_id: MessageId, emoji: str) -> None:
        """Let the bot react to a message."""
        target = routes.ADD_REACTION.to(channel_id=channel_id, message_id=message_id, emoji=emoji)
        await self._client.request(Call(target))

    async def remove_reaction(
        self, channel_id: ChannelId, message_id: MessageId, emoji: str, user_id: UserId
    ) -> None:
        """Take a user's reaction back; success too where it, or the message, is gone."""
        target = routes.REMOVE_REACTION.to(
            channel_id=channel_id, message_id=message_id, emoji=emoji, user_id=user_id
        )
        try:
            await self._client.request(Call(target))
        except DiscordError as error:
            if error.kind is not DiscordErrorKind.NOT_FOUND:
                raise

    async def reactors(
        self, channel_id: ChannelId, message_id: MessageId, emoji: str, *, after: int
    ) -> tuple[User, ...]:
        """The at most 100 users next after this id who reacted with an emoji, in the order of their ids."""
        target = routes.REACTORS.to(channel_id=channel_id, message_id=message_id, emoji=emoji)
        query = {"after": str(after), "limit": str(REACTORS_PAGE)}
        body = await self._client.request(Call(target, query=query))
        try:
            found = msgspec.json.decode(body, type=list[User], strict=False)
        except (msgspec.DecodeError, RecursionError) as error:
            raise DiscordError(
                kind=DiscordErrorKind.MALFORMED, route=target.route.key, message=str(error), status=200
            ) from error
        return tuple(sorted(found, key=lambda user: user.id))
