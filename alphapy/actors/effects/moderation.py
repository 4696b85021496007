"""What moderation does at Discord, as effects: timeouts, bans, roles, deletions, and notes to members.

All but the notes are idempotent: they state what shall be. Payloads name the guild's member by ``user_id``;
``reason`` is for Discord's audit log. Nothing here is told in the guild's log when Discord refuses it: the
log of auto-moderation shows how each step went.
"""

from __future__ import annotations

from abc import abstractmethod
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from typing_extensions import override

from alphapy.actors.effects.verbs import (
    MOST_PAGES,
    PAGE,
    Discord,
    Repeatable,
    Unprovable,
    Verb,
    is_ours,
    lifetime,
)
from alphapy.gateway.rest.errors import DiscordError, DiscordErrorKind
from alphapy.pure.ids import (
    ChannelId,
    GuildId,
    MessageId,
    RoleId,
    UserId,
    snowflake_at,
    snowflake_time,
)
from alphapy.storage.effects import Draft

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from alphapy.gateway.models.outgoing import OutgoingMessage
    from alphapy.storage.effects import Effect

TIME_OUT = "time_out"
BAN = "ban"
UNBAN = "unban"
GIVE_ROLE = "give_role"
TAKE_ROLE = "take_role"
DELETE_MANY = "delete_messages"
SEND_DIRECT = "send_direct"
"""Names of verbs; they are stored."""


class Moderation(Protocol):
    """What the verbs need of Discord; every call raises DiscordError."""

    async def time_out(
        self, guild_id: GuildId, user_id: UserId, until: datetime | None, *, reason: str
    ) -> None:
        """Set the end of a timeout."""
        ...

    async def ban(self, guild_id: GuildId, user_id: UserId, *, delete_seconds: int, reason: str) -> None:
        """Ban a user."""
        ...

    async def unban(self, guild_id: GuildId, user_id: UserId, *, reason: str) -> None:
        """Lift a ban."""
        ...

    async def give_role(self, guild_id: GuildId, user_id: UserId, role_id: RoleId, *, reason: str) -> None:
        """Give a role."""
        ...

    async def take_role(self, guild_id: GuildId, user_id: UserId, role_id: RoleId, *, reason: str) -> None:
        """Take a role."""
        ...

    async def delete_messages(
        self, channel_id: ChannelId, message_ids: Sequence[MessageId], *, reason: str
    ) -> None:
        """Delete many messages."""
        ...


class Directs(Discord, Protocol):
    """Sending messages, and who to."""

    async def open_direct(self, user_id: UserId) -> ChannelId:
        """The direct message channel with a user."""
        ...


class _Stated(Repeatable):
    """What states how a member or a message is to be."""

    def __init__(self, moderation: Moderation) -> None:
        self._moderation = moderation

    @override
    async def perform(self, effect: Effect, *, within: float) -> None:
        payload = effect.payload
        await self._do(effect.guild_id, payload, str(payload["reason"]))

    @abstractmethod
    async def _do(self, guild_id: GuildId, payload: Mapping[str, Any], reason: str) -> None:
        """Do it; raises DiscordError."""

    @override
    def explain(self, effect: Effect, error: DiscordError) -> str:
        return ""


class TimeOut(_Stated):
    """Let a member's timeout end at ``until``; null ends it now, and is done where the member has left."""

    @override
    async def _do(self, guild_id: GuildId, payload: Mapping[str, Any], reason: str) -> None:
        until = None if payload["until"] is None else datetime.fromisoformat(payload["until"])
        try:
            await self._moderation.time_out(guild_id, UserId(payload["user_id"]), until, reason=reason)
        except DiscordError as error:
            if until is not None or error.kind is not DiscordErrorKind.NOT_FOUND:
                raise


class Ban(_Stated):
    """Ban a user and delete what they wrote in the last ``delete_seconds``."""

    @override
    async def _do(self, guild_id: GuildId, payload: Mapping[str, Any], reason: str) -> None:
        seconds = int(payload["delete_seconds"])
        await self._moderation.ban(
            guild_id, UserId(payload["user_id"]), delete_seconds=seconds, reason=reason
        )


class Unban(_Stated):
    """Lift a ban."""

    @override
    async def _do(self, guild_id: GuildId, payload: Mapping[str, Any], reason: str) -> None:
        await self._moderation.unban(guild_id, UserId(payload["user_id"]), reason=reason)


class GiveRole(_Stated):
    """Give a member ``role_id``."""

    @override
    async def _do(self, guild_id: GuildId, payload: Mapping[str, Any], reason: str) -> None:
        user_id, role_id = UserId(payload["user_id"]), RoleId(payload["role_id"])
        await self._moderation.give_role(guild_id, user_id, role_id, reason=reason)


class TakeRole(_Stated):
    """Take ``role_id`` from a member."""

    @override
    async def _do(self, guild_id: GuildId, payload: Mapping[str, Any], reason: str) -> None:
        user_id, role_id = UserId(payload["user_id"]), RoleId(payload["role_id"])
        await self._moderation.take_role(guild_id, user_id, role_id, reason=reason)


class DeleteMany(_Stated):
    """Delete ``message_ids`` of ``channel_id``."""

    @override
    async def _do(self, guild_id: GuildId, payload: Mapping[str, Any], reason: str) -> None:
        channel_id = ChannelId(payload["channel_id"])
        wanted = [MessageId(message_id) for message_id in payload["message_ids"]]
        try:
            await self._moderation.delete_messages(channel_id, wanted, reason=reason)
        except DiscordError as error:
            if error.kind is not DiscordErrorKind.NOT_FOUND:  # the whole channel is gone
                raise


class SendDirect(Verb):
    """Send ``message`` to ``user_id``. Who does not take messages from the bot makes it refused."""

    idempotent = False

    def __init__(self, directs: Directs, me: Callable[[], UserId | None]) -> None:
        self._directs = directs
        self._me = me

    @override
    async def perform(self, effect: Effect, *, within: float) -> MessageId:
        channel_id = await self._directs.open_direct(UserId(effect.payload["user_id"]))
        return await self._directs.create_recorded(
            channel_id, effect.payload["message"], nonce=effect.nonce, within=within
        )

    @override
    async def find(self, effect: Effect) -> tuple[MessageId, ...]:
        me = self._me()
        if me is None:
            raise Unprovable("the bot does not know itself yet")
        channel_id = await self._directs.open_direct(UserId(effect.payload["user_id"]))
        begin, end = lifetime(effect)
        found: list[MessageId] = []
        after = MessageId(snowflake_at(begin))
        for _ in range(MOST_PAGES):
            page = await self._directs.messages_after(channel_id, after, limit=PAGE)
            found += [
                message.id
                for message in page
                if snowflake_time(message.id) <= end and is_ours(message, effect, me)
            ]
            if len(page) < PAGE:
                return tuple(found)
            after = page[-1].id
        raise Unprovable("there are too many messages to look through")

    @override
    def explain(self, effect: Effect, error: DiscordError) -> str:
        return ""


def moderation_verbs(
    moderation: Moderation, directs: Directs, me: Callable[[], UserId | None]
) -> Mapping[str, Verb]:
    """Every verb by its stored name."""
    return {
        TIME_OUT: TimeOut(moderation),
        BAN: Ban(moderation),
        UNBAN: Unban(moderation),
        GIVE_ROLE: GiveRole(moderation),
        TAKE_ROLE: TakeRole(moderation),
        DELETE_MANY: DeleteMany(moderation),
        SEND_DIRECT: SendDirect(directs, me),
    }


def on_member(
    kind: str,
    event_key: str,
    user_id: int,
    *,
    reason: str,
    deadline_at: datetime,
    about: Mapping[str, Any],
    **more: Any,
) -> Draft:
    """Do something about a member: ``more`` is the rest of the verb's payload."""
    payload = {"user_id": user_id, "reason": reason, "about": dict(about), **more}
    return Draft(kind=kind, event_key=event_key, payload=payload, deadline_at=deadline_at)


def delete_many(
    event_key: str,
    channel_id: int,
    message_ids: Sequence[int],
    *,
    reason: str,
    deadline_at: datetime,
    about: Mapping[str, Any],
) -> Draft:
    """Delete 2 to 100 messages of a channel."""
    payload = {
        "channel_id": channel_id,
        "message_ids": list(message_ids),
        "reason": reason,
        "about": dict(about),
    }
    return Draft(kind=DELETE_MANY, event_key=event_key, payload=payload, deadline_at=deadline_at)


def send_direct(
    event_key: str, user_id: int, message: OutgoingMessage, *, deadline_at: datetime, about: Mapping[str, Any]
) -> Draft:
    """Send a member a message of their own."""
    payload = {"user_id": user_id, "message": message.to_json(), "about": dict(about)}
    return Draft(kind=SEND_DIRECT, event_key=event_key, payload=payload, deadline_at=deadline_at)
