"""Whether a command's module is enabled in the guild, freshly read (spec/settings.md 3.1)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import attrs

from alphapy.actors.settings.snapshot import SettingsReader, SettingsUnavailable
from alphapy.gateway.refusals import DatabaseAway, ModuleDisabled, Refusal

if TYPE_CHECKING:
    from alphapy.gateway.models.interaction import Interaction

log = logging.getLogger("alphapy.actors.module_gate")


@attrs.frozen
class SettingsGate:
    """The dispatcher's gate."""

    _settings: SettingsReader

    async def __call__(self, interaction: Interaction, scope: str) -> Refusal | None:
        """The refusal while the module is off, or cannot be known to be on; always None in a DM."""
        guild_id = interaction.guild_id
        if guild_id is None:
            return None
        try:
            snapshot = await self._settings.fresh(guild_id)
        except SettingsUnavailable:
            log.warning(
                "a module counts as disabled while the settings cannot be read",
                extra={"event": "gate_closed", "guild_id": guild_id, "scope": scope},
            )
            return DatabaseAway()
        return None if snapshot.enabled(scope) else ModuleDisabled(scope)
