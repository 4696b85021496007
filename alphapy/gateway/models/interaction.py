"""Interactions as they come in: a command, a press, a suggestion asked for, a submitted modal.

Rules: https://docs.discord.com/developers/interactions/receiving-and-responding
"""

from __future__ import annotations

import enum
from typing import Annotated, Any

import msgspec
from typing_extensions import override

from alphapy.gateway.models.fields import (
    ApplicationRef,
    ChannelRef,
    GuildRef,
    Model,
    PermissionBits,
    RoleRef,
    Snowflake,
    UserRef,
)
from alphapy.gateway.models.guild import NO_PERMISSIONS, Permissions, Role
from alphapy.gateway.models.message import Attachment, Message
from alphapy.gateway.models.user import Member, User
from alphapy.pure.ids import InteractionId

InteractionRef = Annotated[InteractionId, msgspec.Meta(ge=0)]


class InteractionType(enum.IntEnum):
    """What kind of interaction it is."""

    PING = 1
    COMMAND = 2
    COMPONENT = 3
    AUTOCOMPLETE = 4
    MODAL = 5


class ResolvedMember(Model, frozen=True, kw_only=True):
    """A member whom an option or a select names; the user is beside it, under the same id."""

    nick: str | None = None
    roles: tuple[RoleRef, ...] = ()
    permission_bits: PermissionBits = msgspec.field(name="permissions", default=0)

    @property
    def permissions(self) -> Permissions:
        """What the member may do in the interaction's channel."""
        return Permissions(self.permission_bits)


class ResolvedChannel(Model, frozen=True, kw_only=True):
    """A channel that an option or a select names; ``permissions`` are those of the invoker in it."""

    id: ChannelRef
    type: int = 0
    name: str | None = None
    parent_id: ChannelRef | None = None
    permission_bits: PermissionBits = msgspec.field(name="permissions", default=0)

    @property
    def permissions(self) -> Permissions:
        """What the invoker may do in the channel."""
        return Permissions(self.permission_bits)


class Resolved(Model, frozen=True, kw_only=True):
    """What the ids in options and selects stand for."""

    users: dict[Snowflake, User] = msgspec.field(default_factory=dict)
    members: dict[Snowflake, ResolvedMember] = msgspec.field(default_factory=dict)
    roles: dict[Snowflake, Role] = msgspec.field(default_factory=dict)
    channels: dict[Snowflake, ResolvedChannel] = msgspec.field(default_factory=dict)
    attachments: dict[Snowflake, Attachment] = msgspec.field(default_factory=dict)


class SuppliedOption(Model, frozen=True, kw_only=True):
    """An option that a member gave, or the subcommand (group) that was chosen, holding its own options."""

    name: str
    type: int
    value: Any = None
    """As it stood in the JSON: string, number or boolean. Ids are strings here."""
    options: tuple[SuppliedOption, ...] = ()
    focused: bool = False


class SubmittedComponent(Model, frozen=True, kw_only=True):
    """A part of a submitted modal: a row or label around fields, or a field."""

    type: int = 0
    custom_id: str = ""
    value: str | None = None
    values: tuple[str, ...] = ()
    components: tuple[SubmittedComponent, ...] = ()
    """The fields of an action row."""
    component: SubmittedComponent | None = None
    """The field of a label."""


class InteractionData(Model, frozen=True, kw_only=True):
    """What was done: fields of a command, of a component, or of a modal; the others keep their defaults."""

    name: str = ""
    options: tuple[SuppliedOption, ...] = ()
    resolved: Resolved = Resolved()
    custom_id: str = ""
    component_type: int = 0
    values: tuple[str, ...] = ()
    components: tuple[SubmittedComponent, ...] = ()

    def fields(self) -> dict[str, SubmittedComponent]:
        """The fields of a submitted modal by custom_id, in both layouts that Discord has."""
        found: dict[str, SubmittedComponent] = {}
        waiting = list(reversed(self.components))
        while waiting:
            part = waiting.pop()
            if part.custom_id:
                found.setdefault(part.custom_id, part)
            waiting.extend(reversed(part.components))
            if part.component is not None:
                waiting.append(part.component)
        return found


class Interaction(Model, frozen=True, kw_only=True):
    """One interaction. In a guild ``member`` tells who did it, elsewhere ``user`` does.

    ``token`` answers it for 15 minutes and is a secret until then. ``message`` is the one that a component,
    or the component that opened a modal, is on.
    """

    id: InteractionRef
    application_id: ApplicationRef
    type: int
    token: str
    data: InteractionData = InteractionData()
    guild_id: GuildRef | None = None
    channel_id: ChannelRef | None = None
    member: Member | None = None
    user: User | None = None
    message: Message | None = None
    locale: str = "en-US"
    guild_locale: str | None = None
    context: int | None = None
    app_permission_bits: PermissionBits = msgspec.field(name="app_permissions", default=0)

    def __post_init__(self) -> None:
        if self.type != InteractionType.PING and self._invoker is None:
            raise ValueError("an interaction has a member with a user, or a user")

    @property
    def _invoker(self) -> User | None:
        return self.member.user if self.member is not None and self.member.user is not None else self.user

    @property
    def invoker(self) -> User:
        """Who did it. Raises ValueError for a ping, which nobody did."""
        invoker = self._invoker
        if invoker is None:
            raise ValueError("nobody did this interaction")
        return invoker

    @property
    def user_id(self) -> UserRef:
        """The invoker's id."""
        return self.invoker.id

    @property
    def permissions(self) -> Permissions:
        """What the invoker may do in the channel, as Discord says; nothing in a DM."""
        return self.member.permissions if self.member is not None else NO_PERMISSIONS

    @property
    def app_permissions(self) -> Permissions:
        """What the bot may do in the channel."""
        return Permissions(self.app_permission_bits)

    @override
    def __repr__(self) -> str:
        """Without the token and what the member entered."""
        return f"Interaction(id={self.id}, type={self.type}, guild_id={self.guild_id})"
