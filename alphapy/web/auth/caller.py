"""Who calls, and what a route asks of whoever does (spec/api.md 7.2)."""

from __future__ import annotations

import enum
from uuid import UUID

import attrs

from alphapy.pure.ids import UserId


class Access(enum.Enum):
    """The authentication class of a route."""

    OPEN = "open"
    """Anybody."""
    BASE = "base"
    """A valid token or the service key; anybody where neither is configured."""
    KEY = "key"
    """The service key."""
    USER = "user"
    """A verified token with a subject."""
    LINK = "link"
    """A user whose account is linked to a Discord id."""
    GUILD = "guild"
    """An admin of the guild: a linked user, or named by a service that has the key."""
    DADMIN = "dadmin"
    """An admin of the guild, named by a service that has the key."""
    HOOK = "hook"
    """A signed webhook (7.8)."""
    KEY_OR_USER = "key or user"
    """The service key, or a verified token."""
    OPERATOR = "operator"
    """Whoever runs this service: the service key, or this very machine where none is configured."""
    CONSOLE = "console"
    """A person who is logged in to the console."""


@attrs.frozen(kw_only=True)
class Caller:
    """Whoever was let in. ``service``: it has the service key."""

    access: Access
    subject: UUID | None = None
    """The subject of a verified token."""
    discord_id: UserId | None = None
    """The Discord user who acts."""
    service: bool = False
