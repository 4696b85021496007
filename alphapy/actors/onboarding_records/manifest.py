"""Records of onboarding: taking them out, and reading them back in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alphapy.actors.feature import ActorDef, Category, Feature, Subscription
from alphapy.actors.kernel.supervision import ChildSpec
from alphapy.actors.onboarding_records.export import ExportOnboarding
from alphapy.actors.onboarding_records.importing import ImportOnboarding, may_be_command
from alphapy.actors.onboarding_records.messages import IMPORT

if TYPE_CHECKING:
    from alphapy.actors.feature import Wiring
    from alphapy.actors.kernel.actor import Context


def build(wiring: Wiring) -> Feature:
    """The feature, with its collaborators."""

    def importing(context: Context) -> ImportOnboarding:
        return ImportOnboarding(
            context,
            discord=wiring.calls,
            owners=wiring.owners,
            clock=wiring.clock,
            settings=wiring.settings,
            guilds=wiring.guilds,
            pool=wiring.pool,
        )

    return Feature(
        name="onboarding_records",
        category=Category("Exports", "📤"),
        commands=(ExportOnboarding(pool=wiring.pool).command(),),
        subscriptions=(Subscription("MESSAGE_CREATE", may_be_command, process=IMPORT),),
        actors=(ActorDef(IMPORT.pattern, ChildSpec(factory=importing, mailbox=100, children=4)),),
    )
