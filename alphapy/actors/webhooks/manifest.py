"""Webhooks: what follows their answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alphapy.actors.feature import ActorDef, Category, Feature
from alphapy.actors.kernel.supervision import ChildSpec
from alphapy.actors.webhooks.intake import WebhookIntake
from alphapy.actors.webhooks.messages import INTAKE, KeepReceipts

if TYPE_CHECKING:
    from alphapy.actors.feature import Wiring
    from alphapy.actors.kernel.actor import Context


def build(wiring: Wiring) -> Feature:
    """The feature, with its collaborators."""

    def intake(context: Context) -> WebhookIntake:
        return WebhookIntake(context, pool=wiring.pool, clock=wiring.clock, discord=wiring.calls)

    return Feature(
        name="webhooks",
        category=Category("Status & Info", "📊"),
        actors=(ActorDef(INTAKE.pattern, ChildSpec(factory=intake, idle_after=None)),),
        first_messages=((INTAKE, KeepReceipts()),),
    )
