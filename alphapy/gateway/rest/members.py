"""What engagement asks of Discord about members: who they are, their nicknames and reactions.

Every call states what shall be, so that a repetition changes nothing. Each raises :class:`DiscordError`.
Rules: https://docs.discord.com/developers/resources/guild#modify-guild-member and
https://docs.discord.com/developers/resources/message#create-reaction
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec

from alphapy.gateway.models.user import Member, User
from alphapy.gateway.rest import routes
from alphapy.gateway.rest.client import Call
from alphapy.gateway.rest.errors import DiscordError, DiscordErrorKind
from alphapy.gateway.rest.tickets import Priority

if TYPE_CHECKING:
    from alphapy.gateway.rest.client import RestClient
    from alphapy.pure.ids import ChannelId, GuildId, MessageId, RoleId, UserId

T = TypeVar("T")


class _Reaction(msgspec.Struct):
    count: int = 0
    me: bool = False


class _Reacted(msgspec.Struct):
    reactions: list[_Reaction] = []


REACTORS_PAGE, MEMBERS_PAGE = 100, 1000
"""Users of one page of reactors, and of members."""


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

    async def give_role(self, guild_id: GuildId, user_id: UserId, role_id: RoleId, *, reason: str) -> None:
        """Give a member a role, for somebody who waits for the answer."""
        target = routes.GIVE_ROLE.to(guild_id=guild_id, user_id=user_id, role_id=role_id)
        await self._client.request(Call(target, reason=reason, priority=Priority.INTERACTION))

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
        found = await self._list(Call(target, query=query), User)
        return tuple(sorted(found, key=lambda user: user.id))

    async def reaction_count(self, channel_id: ChannelId, message_id: MessageId) -> int:
        """How many reactions a message has, without the bot's own; each emoji of a user is one."""
        target = routes.GET_MESSAGE.to(channel_id=channel_id, message_id=message_id)
        found = await self._decode(Call(target), _Reacted)
        return sum(reaction.count - reaction.me for reaction in found.reactions)

    async def members(self, guild_id: GuildId, *, after: int) -> tuple[Member, ...]:
        """The at most 1000 members next after this id, in the order of their ids; each has its user."""
        target = routes.LIST_MEMBERS.to(guild_id=guild_id)
        query = {"after": str(after), "limit": str(MEMBERS_PAGE)}
        found = await self._list(Call(target, query=query, priority=Priority.BACKFILL), Member)
        known = [(member.user.id, member) for member in found if member.user is not None]
        return tuple(member for _, member in sorted(known, key=lambda one: one[0]))

    async def member(self, guild_id: GuildId, user_id: UserId, *, within: float) -> Member:
        """A member of a guild; no attempt begins later than ``within`` seconds from now."""
        target = routes.GET_MEMBER.to(guild_id=guild_id, user_id=user_id)
        return await self._decode(Call(target, start_within=within), Member)

    async def _list(self, call: Call, shape: type[T]) -> list[T]:
        return await self._decode(call, list[shape])  # type: ignore[valid-type]

    async def _decode(self, call: Call, shape: type[T]) -> T:
        body = await self._client.request(call)
        try:
            return msgspec.json.decode(body, type=shape, strict=False)
        except (msgspec.DecodeError, RecursionError) as error:
            raise DiscordError(
                kind=DiscordErrorKind.MALFORMED, route=call.target.route.key, message=str(error), status=200
            ) from error
