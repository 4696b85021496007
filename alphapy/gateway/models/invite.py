"""Invites as a guild's list of them shows them.

Rules: https://docs.discord.com/developers/resources/invite
"""

from __future__ import annotations

from datetime import datetime

from alphapy.gateway.models.fields import Model
from alphapy.gateway.models.user import User


class Invite(Model, frozen=True, kw_only=True):
    """An invite; ``max_uses`` 0 and ``expires_at`` None mean without end.

    ``uses`` is None for a bot that may see the invites but does not manage the guild.
    """

    code: str
    inviter: User | None = None
    uses: int | None = None
    max_uses: int = 0
    expires_at: datetime | None = None


class VanityInvite(Model, frozen=True, kw_only=True):
    """The guild's own address (``discord.gg/<code>``), with how often it was used."""

    code: str | None = None
    uses: int = 0
