"""Auto-moderation: rules for what members write, and what is done about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alphapy.actors.automod.actor import AutomodActor, Parts
from alphapy.actors.automod.asking import AskingActor, ModelJudge
from alphapy.actors.automod.clock import AutomodClock
from alphapy.actors.automod.commands import Commands
from alphapy.actors.automod.components import Components
from alphapy.actors.automod.desk import Desk
from alphapy.actors.automod.judging import may_be_judged
from alphapy.actors.automod.messages import ASKING, CLOCK, FEATURE, Tick
from alphapy.actors.automod.planning import ACT_WITHIN
from alphapy.actors.automod.rulebook import RuleMemory
from alphapy.actors.feature import ActorDef, Category, Feature, Subscription
from alphapy.actors.kernel.supervision import ChildSpec
from alphapy.actors.premium import PremiumBook

if TYPE_CHECKING:
    from collections.abc import Callable

    from alphapy.actors.feature import Wiring
    from alphapy.actors.kernel.actor import Context


def build(wiring: Wiring) -> Feature:
    """The feature, with its collaborators."""
    premium = PremiumBook(wiring.pool, wiring.clock, keep=wiring.config.premium_cache_ttl)
    judge = ModelJudge(wiring.model, wiring.settings, wiring.clock)
    memory = RuleMemory()
    parts = Parts(
        pool=wiring.pool,
        kit=wiring.journal,
        settings=wiring.settings,
        premium=premium,
        memory=memory,
        guilds=wiring.guilds,
        members=wiring.calls,
    )
    desk = Desk(
        bus=wiring.bus,
        settings=wiring.settings,
        guilds=wiring.guilds,
        premium=premium,
        clock=wiring.clock,
    )
    components = Components(desk)

    def actor(context: Context) -> AutomodActor:
        return AutomodActor(context, parts)

    def asking(context: Context) -> AskingActor:
        return AskingActor(
            context,
            kit=wiring.journal,
            judge=judge,
            settings=wiring.settings,
            premium=premium,
            guilds=wiring.guilds,
        )

    return Feature(
        name=FEATURE,
        category=Category("AutoMod", "🛡️"),
        scope=FEATURE,
        commands=(Commands(desk, components).group(),),
        components=components.buttons,
        modals=(components.appeal_form,),
        subscriptions=(
            Subscription("MESSAGE_CREATE", may_be_judged, durable=True, backfill=ACT_WITHIN),
            Subscription("MESSAGE_UPDATE", may_be_judged, durable=True),
            Subscription("GUILD_MEMBER_ADD", durable=True),
            Subscription("GUILD_MEMBER_UPDATE", durable=True),
        ),
        actors=(
            ActorDef(f"guild/*/{FEATURE}", ChildSpec(factory=actor)),
            ActorDef(f"guild/*/{ASKING}", ChildSpec(factory=asking)),
            ActorDef(CLOCK.pattern, ChildSpec(factory=_clock(wiring, memory), idle_after=None)),
        ),
        first_messages=((CLOCK, Tick()),),
    )


def _clock(wiring: Wiring, memory: RuleMemory) -> Callable[[Context], AutomodClock]:
    def clock(context: Context) -> AutomodClock:
        return AutomodClock(
            context,
            pool=wiring.pool,
            settings=wiring.settings,
            clock=wiring.clock,
            memory=memory,
            forgets=wiring.config.retention_feature_windows,
        )

    return clock
