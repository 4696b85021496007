"""The lot size quiz."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alphapy.actors.feature import ActorDef, Category, Feature, Subscription
from alphapy.actors.kernel.supervision import ChildSpec
from alphapy.actors.lot_quiz.actor import FEATURE, MOST_RUNS, LotQuizActor, Places
from alphapy.actors.lot_quiz.commands import LotQuizCommand
from alphapy.actors.lot_quiz.messages import LOT_QUIZ

if TYPE_CHECKING:
    from alphapy.actors.feature import Wiring
    from alphapy.actors.kernel.actor import Context


def build(wiring: Wiring) -> Feature:
    """The feature, with its collaborators."""
    places = Places()

    def actor(context: Context) -> LotQuizActor:
        return LotQuizActor(context, discord=wiring.calls, pool=wiring.pool, places=places)

    # A stop does not wait for people to answer.
    spec = ChildSpec(factory=actor, children=MOST_RUNS, stop_within=1.0)
    return Feature(
        name=FEATURE,
        category=Category("Quiz", "🎲"),
        commands=(LotQuizCommand(wiring.bus).command(),),
        subscriptions=(Subscription("MESSAGE_CREATE", places.wants, process=LOT_QUIZ),),
        actors=(ActorDef(LOT_QUIZ.pattern, spec),),
    )
