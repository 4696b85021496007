"""How Discord's primitive values are read: the base of every incoming model, and ids out of strings.

Incoming models are msgspec structs, decoded with ``strict=False``, which reads Discord's snowflakes (strings
of digits) straight into integers. Unknown fields are skipped. What Discord documents as optional has a
default here, so that a payload is refused only when it lacks what gives it its identity.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from alphapy.pure.ids import (
    MAX_SNOWFLAKE,
    ApplicationId,
    ChannelId,
    GuildId,
    MessageId,
    RoleId,
    UserId,
)

_SNOWFLAKE = msgspec.Meta(ge=0, le=MAX_SNOWFLAKE)

Snowflake = Annotated[int, _SNOWFLAKE]
"""The id of something that has no type of its own here (attachments, webhooks, emoji)."""

GuildRef = Annotated[GuildId, _SNOWFLAKE]
ChannelRef = Annotated[ChannelId, _SNOWFLAKE]
MessageRef = Annotated[MessageId, _SNOWFLAKE]
UserRef = Annotated[UserId, _SNOWFLAKE]
RoleRef = Annotated[RoleId, _SNOWFLAKE]
ApplicationRef = Annotated[ApplicationId, _SNOWFLAKE]

PermissionBits = Annotated[int, msgspec.Meta(ge=0, le=MAX_SNOWFLAKE)]
"""A permission set as Discord sends it: a decimal string of a bit field."""


class Model(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Base of everything that is read from Discord: frozen, and never part of a reference cycle."""
