"""Status: what the bot is, how it is doing, and which commands are used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alphapy.actors.feature import ActorDef, Category, Feature
from alphapy.actors.kernel.supervision import ChildSpec
from alphapy.actors.status.commands import StatusCommands
from alphapy.actors.status.health_history import CAPACITY as HISTORY_CAPACITY
from alphapy.actors.status.health_history import HealthHistory
from alphapy.actors.status.messages import HEALTH_HISTORY, TRACKER, KeepHistory
from alphapy.actors.status.release import ReleaseCommand
from alphapy.actors.status.tracker import CAPACITY, CommandTracker

if TYPE_CHECKING:
    from alphapy.actors.feature import Wiring
    from alphapy.actors.kernel.actor import Context


def build(wiring: Wiring) -> Feature:
    """The feature, with its collaborators."""

    def tracker(context: Context) -> CommandTracker:
        return CommandTracker(context, pool=wiring.pool)

    def history(context: Context) -> HealthHistory:
        return HealthHistory(context, pool=wiring.pool, clock=wiring.clock)

    commands = StatusCommands(wiring)
    return Feature(
        name="status",
        category=Category("Status & Info", "📊"),
        commands=(*commands.commands(), ReleaseCommand(wiring).command()),
        components=(commands.paging,),
        actors=(
            ActorDef(TRACKER.pattern, ChildSpec(factory=tracker, mailbox=CAPACITY, idle_after=None)),
            ActorDef(
                HEALTH_HISTORY.pattern,
                ChildSpec(factory=history, mailbox=HISTORY_CAPACITY, idle_after=None),
            ),
        ),
        first_messages=((HEALTH_HISTORY, KeepHistory()),),
    )
