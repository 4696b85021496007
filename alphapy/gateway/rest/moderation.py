"""What moderation asks of Discord, with its own priority: timeouts, bans, roles, and many deletions at once.

Every call states what shall be, so that a repetition changes nothing. Each raises :class:`DiscordError`.
Rules: https://docs.discord.com/developers/resources/guild and
https://docs.discord.com/developers/resources/message#bulk-delete-messages
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from alphapy.gateway.rest import routes
from alphapy.gateway.rest.client import Call
from alphapy.gateway.rest.errors import DiscordError, DiscordErrorKind
from alphapy.gateway.rest.tickets import Priority

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from alphapy.gateway.rest.client import RestClient
    from alphapy.pure.ids import ChannelId, GuildId, MessageId, RoleId, UserId

BULK_LEAST, BULK_MOST = 2, 100
"""Messages of one bulk deletion."""


class ModerationCalls:
    """See the module. ``reason`` is what the guild's audit log says."""

    def __init__(self, client: RestClient) -> None:
        self._client = client

    async def time_out(
        self, guild_id: GuildId, user_id: UserId, until: datetime | None, *, reason: str
    ) -> None:
        """Let a member's timeout end at this instant, at most 28 days from now; None ends it now."""
        stamp = None if until is None else until.astimezone(UTC).isoformat(timespec="milliseconds")
        target = routes.EDIT_MEMBER.to(guild_id=guild_id, user_id=user_id)
        await self._request(target, {"communication_disabled_until": stamp}, reason)

    async def ban(self, guild_id: GuildId, user_id: UserId, *, delete_seconds: int, reason: str) -> None:
        """Ban a user, and delete what they wrote in the last seconds (0 to 604800)."""
        json = {"delete_message_seconds": delete_seconds} if delete_seconds else {}
        await self._request(routes.BAN.to(guild_id=guild_id, user_id=user_id), json, reason)

    async def unban(self, guild_id: GuildId, user_id: UserId, *, reason: str) -> None:
        """Lift a ban; success too where there is none."""
        await self._gone(routes.UNBAN.to(guild_id=guild_id, user_id=user_id), reason, {})

    async def give_role(self, guild_id: GuildId, user_id: UserId, role_id: RoleId, *, reason: str) -> None:
        """Give a member a role."""
        target = routes.GIVE_ROLE.to(guild_id=guild_id, user_id=user_id, role_id=role_id)
        await self._request(target, None, reason)

    async def take_role(self, guild_id: GuildId, user_id: UserId, role_id: RoleId, *, reason: str) -> None:
        """Take a role from a member; success too where the member or the role is gone."""
        target = routes.TAKE_ROLE.to(guild_id=guild_id, user_id=user_id, role_id=role_id)
        await self._gone(target, reason)

    async def delete_messages(
        self, channel_id: ChannelId, message_ids: Sequence[MessageId], *, reason: str
    ) -> None:
        """Delete 2 to 100 messages younger than two weeks; those that are gone already do not matter."""
        if not BULK_LEAST <= len(message_ids) <= BULK_MOST:
            raise ValueError(f"{BULK_LEAST} to {BULK_MOST} messages are deleted at once")
        json = {"messages": [str(message_id) for message_id in message_ids]}
        await self._request(routes.BULK_DELETE.to(channel_id=channel_id), json, reason)

    async def delete_message(
        self, channel_id: ChannelId, message_id: MessageId, *, reason: str, within: float
    ) -> bool:
        """Delete one message of any age, within so many seconds; False where it is gone already."""
        target = routes.DELETE_MESSAGE.to(channel_id=channel_id, message_id=message_id)
        try:
            await self._client.request(Call(target, reason=reason, deadline=within))
        except DiscordError as error:
            if error.kind is not DiscordErrorKind.NOT_FOUND:
                raise
            return False
        return True

    async def _request(self, target: routes.Target, json: Mapping[str, Any] | None, reason: str) -> None:
        await self._client.request(
            Call(target, json=json, reason=reason, priority=Priority.MODERATION, repeatable=True)
        )

    async def _gone(self, target: routes.Target, reason: str, json: Mapping[str, Any] | None = None) -> None:
        try:
            await self._request(target, json, reason)
        except DiscordError as error:
            if error.kind is not DiscordErrorKind.NOT_FOUND:
                raise
