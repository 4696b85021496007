"""Custom commands: answers to messages that match an admin's trigger."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from alphapy.actors.custom_commands.actor import ANSWER_LIVES, CustomCommandsActor
from alphapy.actors.custom_commands.commands import Commands
from alphapy.actors.custom_commands.components import Components
from alphapy.actors.custom_commands.desk import FEATURE, Desk
from alphapy.actors.feature import ActorDef, Category, Feature, Subscription
from alphapy.actors.kernel.supervision import ChildSpec
from alphapy.actors.patience import PatientBus
from alphapy.gateway.events import MessageCreate
from alphapy.gateway.models.message import DEFAULT, REPLY

if TYPE_CHECKING:
    from alphapy.actors.feature import Wiring
    from alphapy.actors.kernel.actor import Context
    from alphapy.gateway.events import Event


def build(wiring: Wiring) -> Feature:
    """The feature, with its collaborators."""
    desk = Desk(wiring.bus, PatientBus(wiring.bus, lambda: not wiring.pool.is_available))
    components = Components(desk)

    def actor(context: Context) -> CustomCommandsActor:
        return CustomCommandsActor(
            context,
            pool=wiring.pool,
            kit=wiring.journal,
            settings=wiring.settings,
            guilds=wiring.guilds,
            rng=random.Random(),
        )

    return Feature(
        name=FEATURE,
        category=Category("Custom Commands", "⚙️"),
        scope=FEATURE,
        commands=(Commands(desk, components, wiring.clock).group(),),
        components=(components.listing, components.delete),
        modals=(components.edit,),
        subscriptions=(Subscription("MESSAGE_CREATE", may_trigger, durable=True, backfill=ANSWER_LIVES),),
        actors=(ActorDef(f"guild/*/{FEATURE}", ChildSpec(factory=actor)),),
    )


def may_trigger(event: Event) -> bool:
    """Whether a message can trigger a command at all: a person's text (spec/moderation.md 5.9)."""
    return (
        isinstance(event, MessageCreate)
        and bool(event.content)
        and event.is_human
        and event.type in (DEFAULT, REPLY)
    )
