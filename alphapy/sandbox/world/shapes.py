"""What a saved world must look like to be loaded: the fields that the sandbox itself reads, and their types.

Checked once, when a file is loaded, so that one that somebody has edited is refused instead of failing later
at whoever looks. Fields that are only passed on to clients are not listed.
"""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - msgspec reads the annotations
from typing import Annotated, Any, NotRequired, TypedDict

import msgspec

Snowflake = Annotated[str, msgspec.Meta(pattern=r"^\d{1,20}$")]
Bits = Annotated[str, msgspec.Meta(pattern=r"^\d{1,20}$")]
"""Permissions."""


class User(TypedDict):
    """An account."""

    id: Snowflake
    username: str
    discriminator: str
    global_name: str | None


class Role(TypedDict):
    """A role."""

    id: Snowflake
    name: str
    permissions: Bits
    position: int
    color: int
    managed: bool
    mentionable: bool


class Overwrite(TypedDict):
    """A channel's permissions for a role or a member."""

    id: Snowflake
    type: int
    allow: Bits
    deny: Bits


class ThreadMetadata(TypedDict):
    """What a thread has besides a channel."""

    archived: bool
    locked: bool
    archive_timestamp: datetime


class Channel(TypedDict):
    """A channel or a thread."""

    id: Snowflake
    type: int
    guild_id: Snowflake
    name: str
    parent_id: Snowflake | None
    position: NotRequired[int]
    topic: NotRequired[str | None]
    permission_overwrites: NotRequired[list[Overwrite]]
    thread_metadata: NotRequired[ThreadMetadata]
    owner_id: NotRequired[Snowflake]
    message_count: NotRequired[int]
    total_message_sent: NotRequired[int]


class Member(TypedDict):
    """A member, without their account."""

    nick: str | None
    roles: list[Snowflake]
    joined_at: str
    communication_disabled_until: datetime | None


class Ban(TypedDict):
    """A ban."""

    reason: str | None
    user: User


class AuditEntry(TypedDict):
    """An entry of the audit log."""

    id: Snowflake
    user_id: Snowflake
    target_id: Snowflake | None
    action_type: int


class Invite(TypedDict):
    """An invite."""

    code: str
    channel_id: Snowflake
    inviter_id: Snowflake
    max_age: int
    max_uses: int
    uses: int
    temporary: bool
    created_at: datetime
    expires_at: datetime | None


class GuildRecord(TypedDict):
    """A guild's own object."""

    id: Snowflake
    name: str
    owner_id: Snowflake
    features: list[str]
    preferred_locale: str


class Guild(TypedDict):
    """A guild with what it holds."""

    record: GuildRecord
    roles: list[Role]
    channels: list[Channel]
    members: dict[Snowflake, Member]
    bans: dict[Snowflake, Ban]
    thread_members: dict[Snowflake, list[int]]
    audit_log: NotRequired[list[AuditEntry]]
    invites: NotRequired[dict[str, Invite]]


class Direct(TypedDict):
    """A direct message channel."""

    id: Snowflake
    type: int
    recipient_ids: list[Snowflake]


class World(TypedDict):
    """The parts whose shape is checked here; the others are checked by being built."""

    users: list[User]
    guilds: list[Guild]
    direct: list[Direct]


def check(state: Any) -> None:
    """Raises :class:`msgspec.ValidationError`, a ValueError, where a saved world has another shape."""
    msgspec.convert(state, World)
