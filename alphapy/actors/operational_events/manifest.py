"""Operational events: what happened to the service and to its guilds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alphapy.actors.feature import ActorDef, Category, Feature
from alphapy.actors.kernel.supervision import ChildSpec
from alphapy.actors.operational_events.actor import OperationalEvents
from alphapy.actors.operational_events.messages import EVENTS

if TYPE_CHECKING:
    from alphapy.actors.feature import Wiring
    from alphapy.actors.kernel.actor import Context


def build(wiring: Wiring) -> Feature:
    """The feature, with its collaborators."""

    def events(context: Context) -> OperationalEvents:
        return OperationalEvents(context, pool=wiring.pool, clock=wiring.clock, mask=wiring.mask)

    return Feature(
        name="operational_events",
        category=Category("Status & Info", "📊"),
        actors=(ActorDef(EVENTS.pattern, ChildSpec(factory=events, mailbox=10_000, idle_after=None)),),
    )
