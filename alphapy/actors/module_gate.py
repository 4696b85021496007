"""Whether a command's module is enabled in the guild, freshly read (spec/settings.md 3.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from alphapy.actors.settings.snapshot import SettingsReader
from alphapy.gateway.refusals import ModuleDisabled, Refusal

if TYPE_CHECKING:
    from alphapy.gateway.models.interaction import Interaction


@attrs.frozen
class SettingsGate:
    """The dispatcher's gate."""

    _settings: SettingsReader

    async def __call__(self, interaction: Interaction, scope: str) -> Refusal | None:
        """The refusal while the module is off, or cannot be known to be on; always None in a DM."""
        if interaction.guild_id is None or await self._settings.enabled(interaction.guild_id, scope):
            return None
        return ModuleDisabled(scope)
