"""Settings: what every guild configures for itself, with its history and its log channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alphapy.actors.feature import ActorDef, Category, Feature
from alphapy.actors.kernel.supervision import ChildSpec
from alphapy.actors.patience import PatientBus
from alphapy.actors.settings.actor import GuildSettings
from alphapy.actors.settings.commands import SettingsCommands
from alphapy.actors.settings.guild_log import GuildLog
from alphapy.actors.settings.listeners import Listeners

if TYPE_CHECKING:
    from alphapy.actors.feature import Wiring
    from alphapy.actors.kernel.actor import Context


def build(wiring: Wiring) -> Feature:
    """The feature, with its collaborators."""

    def settings(context: Context) -> GuildSettings:
        return GuildSettings(
            context,
            pool=wiring.pool,
            board=wiring.settings,
            guilds=wiring.guilds,
            listeners=Listeners(wiring.bus, wiring.running, wiring.catalogue),
        )

    def guild_log(context: Context) -> GuildLog:
        return GuildLog(
            context,
            poster=wiring.calls,
            settings=wiring.settings,
            guilds=wiring.guilds,
            clock=wiring.clock,
        )

    commands = SettingsCommands(
        wiring.bus,
        wiring.settings,
        wiring.settings.registry,
        wiring.guilds,
        wiring.clock,
        PatientBus(wiring.bus, lambda: not wiring.pool.is_available),
    )
    return Feature(
        name="settings",
        category=Category("Configuration", "⚙️"),
        commands=commands.groups(),
        actors=(
            ActorDef("guild/*/settings", ChildSpec(factory=settings)),
            ActorDef("guild/*/guild_log", ChildSpec(factory=guild_log)),
        ),
    )
