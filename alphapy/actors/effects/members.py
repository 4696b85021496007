"""What engagement does to members, as effects: nicknames, and reactions that are taken away.

Both are idempotent. Several changes of one nickname are not kept in order here: whoever records them has at
most one of a member pending, and records the last wanted state once that is closed
(:mod:`alphapy.actors.engagement.nicknames`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from typing_extensions import override

from alphapy.actors.effects.verbs import Repeatable
from alphapy.gateway.rest.errors import DiscordError, DiscordErrorKind
from alphapy.pure.ids import ChannelId, GuildId, MessageId, UserId
from alphapy.storage.effects import Draft

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from alphapy.actors.effects.verbs import Verb
    from alphapy.storage.effects import Effect

SET_NICKNAME = "set_nickname"
REMOVE_REACTION = "remove_reaction"
"""Names of verbs; they are stored."""


class Members(Protocol):
    """What the verbs need of Discord; every call raises DiscordError."""

    async def set_nickname(
        self, guild_id: GuildId, user_id: UserId, nick: str | None, *, reason: str
    ) -> None:
        """Call a member this; None takes the nickname away."""
        ...

    async def remove_reaction(
        self, channel_id: ChannelId, message_id: MessageId, emoji: str, user_id: UserId
    ) -> None:
        """Take a user's reaction back, which may be gone already."""
        ...


class SetNickname(Repeatable):
    """Call the member ``user_id`` ``nick``, or nothing where it is null; done where the member has left."""

    def __init__(self, members: Members) -> None:
        self._members = members

    @override
    async def perform(self, effect: Effect, *, within: float) -> None:
        payload = effect.payload
        try:
            await self._members.set_nickname(
                effect.guild_id, UserId(payload["user_id"]), payload["nick"], reason=str(payload["reason"])
            )
        except DiscordError as error:
            if error.kind is not DiscordErrorKind.NOT_FOUND:
                raise

    @override
    def explain(self, effect: Effect, error: DiscordError) -> str:
        member = f"<@{effect.payload['user_id']}>"
        if error.kind is DiscordErrorKind.FORBIDDEN:
            return (
                f"The nickname of {member} could not be changed: I am not allowed to. Please give me the "
                "permission *Manage Nicknames*, and move my role above those of your members. I try again "
                "tomorrow."
            )
        return f"The nickname of {member} could not be changed: Discord does not accept it."


class RemoveReaction(Repeatable):
    """Take the reaction ``emoji`` of ``user_id`` off ``message_id`` in ``channel_id``."""

    def __init__(self, members: Members) -> None:
        self._members = members

    @override
    async def perform(self, effect: Effect, *, within: float) -> None:
        payload = effect.payload
        await self._members.remove_reaction(
            ChannelId(payload["channel_id"]),
            MessageId(payload["message_id"]),
            str(payload["emoji"]),
            UserId(payload["user_id"]),
        )

    @override
    def explain(self, effect: Effect, error: DiscordError) -> str:
        channel = f"<#{effect.payload['channel_id']}>"
        if error.kind is DiscordErrorKind.FORBIDDEN:
            return (
                f"A reaction could not be removed in {channel}: I am not allowed to. Please give me the "
                "permission *Manage Messages* there."
            )
        return ""


def member_verbs(members: Members) -> Mapping[str, Verb]:
    """Every verb by its stored name."""
    return {SET_NICKNAME: SetNickname(members), REMOVE_REACTION: RemoveReaction(members)}


def set_nickname(
    event_key: str,
    user_id: UserId,
    nick: str | None,
    *,
    reason: str,
    deadline_at: datetime,
    about: Mapping[str, Any],
) -> Draft:
    """Call a member this, or take the nickname away with None; ``reason`` is for the audit log."""
    payload = {"user_id": user_id, "nick": nick, "reason": reason, "about": dict(about)}
    return Draft(kind=SET_NICKNAME, event_key=event_key, payload=payload, deadline_at=deadline_at)


def remove_reaction(
    event_key: str,
    channel_id: ChannelId,
    message_id: MessageId,
    *,
    emoji: str,
    user_id: UserId,
    deadline_at: datetime,
    about: Mapping[str, Any],
) -> Draft:
    """Take a user's reaction off a message; ``emoji`` exactly as it was received."""
    payload = {
        "channel_id": channel_id,
        "message_id": message_id,
        "emoji": emoji,
        "user_id": user_id,
        "about": dict(about),
    }
    return Draft(kind=REMOVE_REACTION, event_key=event_key, payload=payload, deadline_at=deadline_at)
