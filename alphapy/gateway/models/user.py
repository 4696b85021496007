"""Users, and members: users as one guild knows them.

Rules: https://docs.discord.com/developers/resources/user and
https://docs.discord.com/developers/resources/guild#guild-member-object
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from alphapy.gateway.models.fields import Model, PermissionBits, RoleRef, UserRef
from alphapy.gateway.models.guild import Permissions

_CDN = "https://cdn.discordapp.com"


class User(Model, frozen=True, kw_only=True):
    """A Discord account."""

    id: UserRef
    username: str = ""
    global_name: str | None = None
    discriminator: str = "0"
    bot: bool = False
    system: bool = False
    avatar: str | None = None

    @property
    def display_name(self) -> str:
        """The name to show outside a guild: the global name, else the username."""
        return self.global_name or self.username

    @property
    def avatar_url(self) -> str:
        """Where the picture is found; Discord's default one for an account without."""
        if self.avatar is None:
            return f"{_CDN}/embed/avatars/{(self.id >> 22) % 6}.png"
        return f"{_CDN}/avatars/{self.id}/{self.avatar}.png"


class Member(Model, frozen=True, kw_only=True):
    """A user in a guild. ``user`` is absent where Discord sends it beside the member (MESSAGE_CREATE).

    ``permission_bits`` are the member's permissions in the channel; only interactions carry them.
    """

    user: User | None = None
    nick: str | None = None
    roles: tuple[RoleRef, ...] = ()
    joined_at: datetime | None = None
    premium_since: datetime | None = None
    communication_disabled_until: datetime | None = None
    pending: bool = False
    permission_bits: PermissionBits | None = msgspec.field(name="permissions", default=None)

    @property
    def permissions(self) -> Permissions:
        """The permissions that came with the member; none where Discord sent none."""
        return Permissions(self.permission_bits or 0)

    @property
    def display_name(self) -> str:
        """The name to show in the guild: nickname, else global name, else username."""
        return display_name(self.user, self) if self.user is not None else self.nick or ""

    def timed_out(self, now: datetime) -> bool:
        """Whether the member is in a timeout at this instant."""
        until = self.communication_disabled_until
        return until is not None and until > now


def display_name(user: User, member: Member | None = None) -> str:
    """The name to show: the guild nickname, else the global name, else the username."""
    return (member.nick if member is not None else None) or user.display_name
