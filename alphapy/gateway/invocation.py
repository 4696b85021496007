"""One interaction as its handler sees it: who did it, what they entered, and how to answer.

Handlers of commands, components and modals all get an :class:`Invocation`. The framework answers by itself
where a handler takes its time, and tells the member when a handler fails (:mod:`alphapy.gateway.dispatcher`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import attrs

from alphapy.gateway.answer import Answer
from alphapy.gateway.commands import Access
from alphapy.gateway.models.interaction import Interaction, Resolved
from alphapy.gateway.models.outgoing import OutgoingMessage
from alphapy.gateway.options import Options
from alphapy.gateway.refusals import GuildOnly
from alphapy.pure.ids import ChannelId, GuildId, UserId

if TYPE_CHECKING:
    from alphapy.gateway.models.component import Modal
    from alphapy.gateway.models.guild import Permissions
    from alphapy.gateway.models.message import Message
    from alphapy.gateway.models.user import Member, User


def _nothing() -> None:
    """There is no cooldown to give back."""


@attrs.frozen(kw_only=True, eq=False)
class Invocation:
    """One interaction's life in the hands of a handler.

    ``path`` is the command's full path, or the pattern of the component or modal. ``options`` are a
    command's, ``args`` what the custom_id carried, ``values`` what was chosen in a select, ``fields`` the
    texts of a modal by custom_id. ``trace_id`` is what the member is told when something goes wrong.
    """

    interaction: Interaction
    answer: Answer
    access: Access
    path: str
    trace_id: str
    options: Options = attrs.field(factory=Options)
    args: Mapping[str, Any] = attrs.field(factory=dict)
    values: tuple[str, ...] = ()
    fields: Mapping[str, str] = attrs.field(factory=dict)
    ephemeral: bool = True
    """Whether replies are for the member alone unless a reply says otherwise."""
    release_cooldown: Callable[[], None] = _nothing
    """Take back that this use counts towards the cooldown."""

    @property
    def guild_id(self) -> GuildId:
        """The guild; raises GuildOnly in a DM, which the member then reads."""
        if self.interaction.guild_id is None:
            raise GuildOnly
        return self.interaction.guild_id

    @property
    def in_guild(self) -> bool:
        """Whether it happened in a guild."""
        return self.interaction.guild_id is not None

    @property
    def channel_id(self) -> ChannelId:
        """The channel, or the DM; 0 where Discord does not say."""
        return self.interaction.channel_id or ChannelId(0)

    @property
    def user(self) -> User:
        """Who did it."""
        return self.interaction.invoker

    @property
    def user_id(self) -> UserId:
        """Whose id it was."""
        return self.interaction.invoker.id

    @property
    def member(self) -> Member | None:
        """The user as a member of the guild; None in a DM."""
        return self.interaction.member

    @property
    def permissions(self) -> Permissions:
        """What the user may do in the channel."""
        return self.interaction.permissions

    @property
    def is_admin(self) -> bool:
        """Whether the user is an admin of the guild, or a bot owner."""
        return self.access >= Access.ADMIN

    @property
    def is_owner(self) -> bool:
        """Whether the user is a bot owner."""
        return self.access >= Access.OWNER

    @property
    def message(self) -> Message | None:
        """The message that the component is on; None for a command."""
        return self.interaction.message

    @property
    def resolved(self) -> Resolved:
        """What the ids in ``values`` stand for."""
        return self.interaction.data.resolved

    async def reply(self, message: OutgoingMessage | str, *, ephemeral: bool | None = None) -> None:
        """Answer the member; raises InteractionLost when Discord does not take it any more.

        This is the first answer, or replaces a deferred one, or is one more message when there is a reply
        already. A message that says it is ephemeral always is.
        """
        await self.answer.reply(_message(message), ephemeral=self._visibility(message, ephemeral))

    async def revise(self, message: OutgoingMessage | str) -> None:
        """Turn the reply, which there must be, into this one; it stays visible to whom it was."""
        await self.answer.revise(_message(message))

    async def follow_up(self, message: OutgoingMessage | str, *, ephemeral: bool | None = None) -> None:
        """Send one more message, within 15 minutes."""
        await self.answer.follow_up(_message(message), ephemeral=self._visibility(message, ephemeral))

    async def defer(self, *, ephemeral: bool | None = None) -> None:
        """Acknowledge at once, before slow work; the framework does it after 1.5 s otherwise."""
        await self.answer.defer(ephemeral=self.ephemeral if ephemeral is None else ephemeral)

    async def modal(self, modal: Modal) -> None:
        """Open a modal: only as the first answer, so nothing slow may come before it."""
        await self.answer.modal(modal)

    async def update(self, message: OutgoingMessage | str) -> None:
        """Turn the message that the component is on into this one; its route must declare ``updates``."""
        await self.answer.update(_message(message))

    async def dismiss(self) -> None:
        """Leave no answer behind, for what shows its result elsewhere."""
        await self.answer.dismiss()

    def _visibility(self, message: OutgoingMessage | str, ephemeral: bool | None) -> bool:
        if isinstance(message, OutgoingMessage) and message.ephemeral:
            return True
        return self.ephemeral if ephemeral is None else ephemeral


def _message(message: OutgoingMessage | str) -> OutgoingMessage:
    return OutgoingMessage(content=message) if isinstance(message, str) else message


@attrs.frozen(kw_only=True)
class Outcome:
    """How an invocation of a command ended. ``guild_id`` is 0 in a DM; ``error`` None on success.

    Reported exactly once per invocation; autocomplete, components and modals are not invocations
    (spec/operations.md 5.4).
    """

    guild_id: GuildId
    user_id: UserId
    path: str
    kind: str = "slash"
    success: bool
    error: str | None
    ended_at: datetime


@attrs.frozen(kw_only=True)
class Crash:
    """A handler that raised what it should not have; ``error`` is at most 500 characters."""

    guild_id: GuildId | None
    user_id: UserId
    path: str
    trace_id: str
    error_type: str
    error: str
