"""What every feature sees of a guild's settings: an immutable snapshot, swapped whole.

Reads never wait for the actor that writes. A feature handles one event with one snapshot; a gate that must
notice other programs' writes asks for one that is fresh (spec/settings.md 5.2).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import attrs

from alphapy.pure.ids import GuildId
from alphapy.pure.settings import SettingDef, SettingsRegistry

FRESH_FOR = 2.0
"""Seconds for which a gate trusts a snapshot (spec/settings.md 8)."""


@attrs.frozen(eq=False)
class SettingsSnapshot:
    """One guild's settings at one moment: the overrides, and the registry's defaults for the rest."""

    guild_id: GuildId
    registry: SettingsRegistry
    overrides: Mapping[tuple[str, str], Any]
    version: int
    loaded_at: float
    """When it was read from the database, on Trio's clock, in seconds."""

    def value(self, scope: str, key: str) -> Any:
        """The override where there is one, else the default; raises UnknownSetting."""
        definition = self.registry.definition(scope, key)
        return self.overrides.get((scope, key), definition.default)

    def is_overridden(self, definition: SettingDef) -> bool:
        """Whether the guild stored a value of its own."""
        return (definition.scope, definition.key) in self.overrides

    def enabled(self, scope: str) -> bool:
        """The module gate ``{scope}.enabled`` as of this snapshot."""
        return bool(self.value(scope, "enabled"))

    def text(self, scope: str, key: str) -> str:
        """A ``str`` setting."""
        return str(self.value(scope, key))

    def number(self, scope: str, key: str) -> int:
        """An ``int`` setting."""
        return int(self.value(scope, key))

    def snowflake(self, scope: str, key: str) -> int | None:
        """A channel or role setting; None when unset (0, null or absent)."""
        return int(self.value(scope, key) or 0) or None


class SettingsUnavailable(Exception):
    """The guild's settings could not be read in time; the caller must assume nothing."""


class SettingsReader(Protocol):
    """How features read settings."""

    def snapshot(self, guild_id: GuildId) -> SettingsSnapshot:
        """The last known snapshot, without waiting."""
        ...

    async def fresh(self, guild_id: GuildId, *, max_age: float = FRESH_FOR) -> SettingsSnapshot:
        """A snapshot at most ``max_age`` seconds old; raises SettingsUnavailable where there is none."""
        ...

    async def enabled(self, guild_id: GuildId, scope: str) -> bool:
        """The gate of a module, fresh; False when it cannot be known (spec/settings.md 3.1)."""
        ...
