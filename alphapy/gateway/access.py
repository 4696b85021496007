"""Who somebody is to the bot: everyone, an admin of the guild, or a bot owner (spec/operations.md 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from alphapy.gateway.commands import Access
from alphapy.gateway.models.guild import Permissions

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from alphapy.gateway.models.interaction import Interaction
    from alphapy.pure.ids import GuildId


class Authority(Protocol):
    """Knows who somebody is, from what Discord says in the interaction and never from what they entered."""

    def access(self, interaction: Interaction) -> Access:
        """The invoker's level where the interaction happened."""
        ...


class RoleAuthority:
    """The one definition of owner and admin.

    A bot owner is one whom ``is_owner`` knows. An admin is a bot owner, the guild's owner, a member with
    ADMINISTRATOR, or one with a role in ``admin_role_ids``. In a DM only bot owners are admins.
    """

    def __init__(
        self,
        *,
        is_owner: Callable[[int], bool],
        admin_role_ids: Collection[int],
        owner_of_guild: Callable[[GuildId], int | None],
    ) -> None:
        self._is_owner = is_owner
        self._admin_role_ids = frozenset(admin_role_ids)
        self._owner_of_guild = owner_of_guild

    def access(self, interaction: Interaction) -> Access:
        """The invoker's level where the interaction happened."""
        user_id = interaction.invoker.id
        if self._is_owner(user_id):
            return Access.OWNER
        if interaction.guild_id is None or interaction.member is None:
            return Access.EVERYONE
        admin = (
            Permissions.ADMINISTRATOR in interaction.permissions
            or not self._admin_role_ids.isdisjoint(interaction.member.roles)
            or self._owner_of_guild(interaction.guild_id) == user_id
        )
        return Access.ADMIN if admin else Access.EVERYONE
