"""Command registration: what Discord knows of our commands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alphapy.actors.command_sync.actor import CommandSync
from alphapy.actors.command_sync.messages import COMMAND_SYNC
from alphapy.actors.feature import ActorDef, Category, Feature
from alphapy.actors.kernel.supervision import ChildSpec
from alphapy.gateway.commands import manifest

if TYPE_CHECKING:
    from alphapy.actors.feature import Wiring
    from alphapy.actors.kernel.actor import Context


def build(wiring: Wiring) -> Feature:
    """The feature, with its collaborators."""

    def registered() -> list[dict[str, Any]]:
        """The manifest of every feature, those built later included."""
        return manifest(command for feature in wiring.catalogue.features() for command in feature.commands)

    def command_sync(context: Context) -> CommandSync:
        return CommandSync(
            context,
            pool=wiring.pool,
            clock=wiring.clock,
            discord=wiring.calls,
            application=lambda: wiring.owners.application_id,
            manifest=registered,
        )

    return Feature(
        name="command_sync",
        category=Category("Configuration", "⚙️"),
        actors=(ActorDef(COMMAND_SYNC.pattern, ChildSpec(factory=command_sync, idle_after=None)),),
    )
