"""What others may ask of a guild's settings, and what they are told when one changes."""

from __future__ import annotations

import enum
from typing import Any

import attrs

from alphapy.actors.kernel.address import Request
from alphapy.actors.settings.snapshot import FRESH_FOR, SettingsSnapshot
from alphapy.pure.ids import ChannelId, GuildId


class Source(enum.Enum):
    """Where a change came from."""

    COMMAND = "command"
    WIZARD = "wizard"
    API = "api"


@attrs.frozen
class EnsureFresh(Request[SettingsSnapshot]):
    """Read the guild's rows again unless the snapshot is at most ``max_age`` seconds old."""

    max_age: float = FRESH_FOR


@attrs.frozen
class Changed:
    """The key holds its new value, and everybody sees it. ``old`` is what was in force before."""

    snapshot: SettingsSnapshot
    old: Any


@attrs.frozen
class Unchanged:
    """The key held that value already; nothing was written."""

    snapshot: SettingsSnapshot


@attrs.frozen
class Rejected:
    """The value may not be written; ``expected`` completes the sentence "it must be …"."""

    expected: str


ChangeResult = Changed | Unchanged | Rejected


@attrs.frozen(kw_only=True)
class ChangeSetting(Request[ChangeResult]):
    """Set one key, or clear its override with ``value`` None."""

    scope: str
    key: str
    value: Any
    actor_id: int
    source: Source = Source.COMMAND


@attrs.frozen(kw_only=True)
class SettingsChanged:
    """The effective value of a key changed. Per guild these come in the order of the commits."""

    guild_id: GuildId
    scope: str
    key: str
    old: Any
    new: Any
    version: int
    source: Source | None
    """None when another program wrote the row."""
    actor_id: int | None


@attrs.frozen(kw_only=True)
class ConfigAudit:
    """To a guild's ``guild_log``: record a configuration change, whatever the log level.

    ``channels`` are posted to instead of the log channel in force; for when that is what changed
    (spec/settings.md 4.1).
    """

    title: str
    description: str
    channels: tuple[ChannelId, ...] = ()


class LogLevel(enum.Enum):
    """How much an entry of the guild log matters (spec/settings.md 5.6)."""

    DEBUG = "debug"
    INFO = "info"
    SUCCESS = "success"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"


@attrs.frozen(kw_only=True)
class LogEntry:
    """To a guild's ``guild_log``: tell the admins something, unless the guild's log level leaves it out."""

    title: str
    description: str
    level: LogLevel
    source: str
    """Which feature says so."""


@attrs.frozen
class TellLate:
    """To itself: tell the listeners that had no room."""


@attrs.frozen
class LogSent:
    """To the guild log itself: a message is posted, or given up."""
