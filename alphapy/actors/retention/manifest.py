"""Retention: rows that need not be kept are deleted in time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alphapy.actors.feature import ActorDef, Category, Feature
from alphapy.actors.kernel.supervision import ChildSpec
from alphapy.actors.retention.actor import Retention
from alphapy.actors.retention.messages import RETENTION, Begin

if TYPE_CHECKING:
    from alphapy.actors.feature import Wiring
    from alphapy.actors.kernel.actor import Context


def build(wiring: Wiring) -> Feature:
    """The feature, with its collaborators."""

    def retention(context: Context) -> Retention:
        return Retention(
            context,
            pool=wiring.pool,
            clock=wiring.clock,
            audit_setting=wiring.settings.registry.definition("system", "audit_retention_days"),
            audit_days_of_messages=wiring.config.audit_retention_days_dm,
        )

    return Feature(
        name="retention",
        category=Category("Data", "📊"),
        actors=(ActorDef(RETENTION.pattern, ChildSpec(factory=retention, mailbox=10, idle_after=None)),),
        first_messages=((RETENTION, Begin()),),
    )
