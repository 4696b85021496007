"""What may be told to or asked of the actor that registers commands at Discord, and what it tells itself."""

from __future__ import annotations

import enum

import attrs

from alphapy.actors.kernel.address import Address, Request
from alphapy.pure.ids import GuildId

COMMAND_SYNC = Address.process("command_sync")
"""Where commands are registered."""


class SyncType(enum.Enum):
    """Why a guild is looked after; the value is stored in events."""

    FIRST_READY = "first_ready"
    RECONNECT = "reconnect"
    GUILD_JOIN = "guild_join"
    BY_HAND = "manual"


class SyncOutcome(enum.Enum):
    """What became of one scope."""

    SYNCED = "synced"
    UNCHANGED = "unchanged"
    """Discord knows these commands already."""
    SKIPPED = "skipped"
    """Too soon, after the last success or after Discord asked for patience."""
    FAILED = "failed"


@attrs.frozen(kw_only=True)
class SyncResult:
    """What became of one scope. ``remaining``: seconds until it may be tried again, where it was skipped."""

    outcome: SyncOutcome
    command_count: int = 0
    remaining: float = 0.0
    limited_by_discord: bool = False
    error: str = ""


@attrs.frozen
class RegisterAtStart(Request[SyncResult]):
    """Register the global commands if they are not the ones that Discord knows; no cooldown holds."""


@attrs.frozen
class CountRecords(Request[int]):
    """How many scopes have a record, and maybe a cooldown, at hand."""


@attrs.frozen(kw_only=True)
class SyncByHand(Request[SyncResult]):
    """Register a guild's commands, or the global ones for None, even if nothing has changed.

    ``force`` passes over the cooldown, not over the patience that Discord asked for.
    """

    guild_id: GuildId | None
    force: bool


@attrs.frozen(kw_only=True)
class SyncGuilds:
    """See to these guilds by and by. For a reconnect, to the global commands first; it is recorded then."""

    guild_ids: tuple[GuildId, ...]
    sync_type: SyncType


@attrs.frozen
class NextGuilds:
    """To itself: go on with the guilds that wait."""


@attrs.frozen
class SweepTick:
    """To itself: it is time to forget what is of no use any more."""
