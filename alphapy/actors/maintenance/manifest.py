"""Maintenance: what the bot's owners do to the running service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alphapy.actors.feature import ActorDef, Category, Feature, Subscription
from alphapy.actors.kernel.supervision import ChildSpec
from alphapy.actors.maintenance.messages import TEXT_COMMANDS
from alphapy.actors.maintenance.migrations import Migrations
from alphapy.actors.maintenance.migrator import Migrator
from alphapy.actors.maintenance.reload import Reload
from alphapy.actors.maintenance.text_commands import TextCommands, may_be_command

if TYPE_CHECKING:
    from alphapy.actors.feature import Wiring
    from alphapy.actors.kernel.actor import Context


def build_migrations(wiring: Wiring) -> Feature:
    """The schema's commands, and ``!sync``."""
    migrations = Migrations(wiring, Migrator(wiring.dsn, wiring.mask), Reload(wiring))

    def text_commands(context: Context) -> TextCommands:
        return TextCommands(context, discord=wiring.calls, owners=wiring.owners, clock=wiring.clock)

    return Feature(
        name="maintenance",
        category=Category("Migrations", "🔄"),
        commands=migrations.commands(),
        components=(migrations.confirm, migrations.cancel),
        subscriptions=(Subscription("MESSAGE_CREATE", may_be_command, process=TEXT_COMMANDS),),
        actors=(ActorDef(TEXT_COMMANDS.pattern, ChildSpec(factory=text_commands, mailbox=100, children=4)),),
    )


def build_reload(wiring: Wiring) -> Feature:
    """``/reload``."""
    return Feature(name="reload", category=Category("Reload", "🔄"), commands=(Reload(wiring).command(),))
