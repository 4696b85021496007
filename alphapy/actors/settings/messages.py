"""What others may ask of a guild's settings, and what they are told when one changes."""

from __future__ import annotations

import enum
from collections.abc import Mapping
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
class SettingWritten:
    """What became of one key: what was in force before and is now."""

    scope: str
    key: str
    old: Any
    new: Any
    is_reset: bool
    """The override is gone, and the default is in force."""


@attrs.frozen
class Saved:
    """Everything holds what was asked for. ``written`` is what had to be written for that, maybe nothing."""

    written: tuple[SettingWritten, ...]


class RefusalKind(enum.Enum):
    """Why nothing was written."""

    UNKNOWN = "unknown"
    """There is no such setting."""
    BAD_VALUE = "bad value"
    FORBIDDEN = "forbidden"
    """Only a bot owner may change it."""
    NOT_YET = "not yet"
    """Discord has not sent this guild's channels and roles, with which the value would be compared."""
    GONE = "gone"
    """The guild has no such entry in its history."""
    NOT_ROLLBACKABLE = "not rollbackable"
    """The entry holds no earlier value to go back to."""


@attrs.frozen(kw_only=True)
class NotSaved:
    """Nothing was written. ``expected`` completes the sentence "it must be …" where a value is bad."""

    kind: RefusalKind
    name: str = ""
    """``scope.key``, where one key is to blame."""
    expected: str = ""


SaveResult = Saved | NotSaved


@attrs.frozen(kw_only=True)
class SaveScope(Request[SaveResult]):
    """Set several keys of one scope, or none of them; None or an empty text clears an override.

    With ``replace``, keys that are not listed are cleared, too. The change is recorded in the guild's log
    channel. ``as_owner``: the actor is a bot owner, who may change what nobody else may.
    """

    scope: str
    values: Mapping[str, Any]
    replace: bool = False
    actor_id: int
    as_owner: bool = False
    source: Source = Source.API


@attrs.frozen(kw_only=True)
class RollBack(Request[SaveResult]):
    """Bring back the value that a change of the history replaced; recorded as :class:`SaveScope` is."""

    history_id: int
    actor_id: int
    as_owner: bool = False
    source: Source = Source.API


@attrs.frozen
class Reload(Request[int]):
    """Read the guild's rows again; the reply is how many of them are settings that can be read."""


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
