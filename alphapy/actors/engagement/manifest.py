"""Engagement: what members are rewarded for. Each part is a module of its own, and so are its commands."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import TYPE_CHECKING

from alphapy.actors.engagement import challenges
from alphapy.actors.engagement.actor import Collaborators, GuildEngagement, qualifies
from alphapy.actors.engagement.badge_commands import BadgeCommands
from alphapy.actors.engagement.badges import Badges
from alphapy.actors.engagement.challenge_charts import Charts
from alphapy.actors.engagement.challenge_commands import Commands as ChallengeCommands
from alphapy.actors.engagement.clock import EngagementClock, where_known
from alphapy.actors.engagement.config_commands import ConfigCommands
from alphapy.actors.engagement.desk import Desk
from alphapy.actors.engagement.messages import CLOCK, FEATURE, Tick
from alphapy.actors.engagement.nickname_book import NicknameBook
from alphapy.actors.engagement.nicknames import Nicknames
from alphapy.actors.engagement.og import Og, OgDiscord
from alphapy.actors.engagement.og_book import OgBook, SessionWatch
from alphapy.actors.engagement.og_commands import OgCommands
from alphapy.actors.engagement.og_messages import SESSIONS
from alphapy.actors.engagement.part import PartDef
from alphapy.actors.engagement.streaks import Streaks
from alphapy.actors.engagement.weekly import part as weekly_part
from alphapy.actors.engagement.weekly_commands import WeeklyCommands
from alphapy.actors.feature import ActorDef, Category, Feature, Subscription
from alphapy.actors.kernel.supervision import ChildSpec
from alphapy.actors.patience import PatientBus

if TYPE_CHECKING:
    from alphapy.actors.feature import Wiring
    from alphapy.actors.kernel.actor import Context

MISSED = timedelta(days=7)
"""How old a message may be that is read back and counted; a week of awards is as long."""

FLAGS = ("challenges_enabled", "weekly_enabled", "badges_enabled", "streaks_enabled", "og_enabled")

EVENTS = (
    "MESSAGE_DELETE",
    "MESSAGE_DELETE_BULK",
    "MESSAGE_REACTION_ADD",
    "MESSAGE_REACTION_REMOVE",
    "MESSAGE_REACTION_REMOVE_ALL",
    "MESSAGE_REACTION_REMOVE_EMOJI",
    "CHANNEL_DELETE",
)
"""What the parts are told besides messages."""


def build(wiring: Wiring) -> Feature:
    """The feature, with its collaborators."""
    og_book = OgBook(wiring.settings)
    parts = (
        challenges.part(random.Random()),
        _streaks(wiring),
        _og(wiring, og_book),
        weekly_part(wiring.reaction_counts),
        PartDef(build=Badges),
    )
    with_these = Collaborators(
        kit=wiring.journal,
        settings=wiring.settings,
        guilds=wiring.guilds,
        caught_up=wiring.caught_up,
        parts=[part.build for part in parts],
    )
    desk = Desk(
        bus=PatientBus(wiring.bus, lambda: not wiring.pool.is_available),
        settings=wiring.settings,
        guilds=wiring.guilds,
        clock=wiring.clock,
    )
    due = [part.due for part in parts if part.due is not None]

    def actor(context: Context) -> GuildEngagement:
        return GuildEngagement(context, with_these)

    def clock(context: Context) -> EngagementClock:
        return EngagementClock(context, pool=wiring.pool, clock=wiring.clock, due=due)

    def watch(context: Context) -> SessionWatch:
        return SessionWatch(context, og_book)

    return Feature(
        name=FEATURE,
        category=Category("Engagement", "🎉"),
        scope=FEATURE,
        flags=FLAGS,
        commands=(
            ChallengeCommands(desk, Charts(wiring.drawing, wiring.calls)).group(),
            BadgeCommands(desk, wiring.members).group(),
            OgCommands(desk, wiring.calls, wiring.members).group(),
            WeeklyCommands(desk, wiring.drawing).group(),
            ConfigCommands(desk, wiring.bus).group(),
        ),
        subscriptions=(
            Subscription("MESSAGE_CREATE", qualifies, durable=True, backfill=MISSED),
            *(Subscription(event, durable=True) for event in EVENTS),
            Subscription("READY", process=SESSIONS),
        ),
        actors=(
            ActorDef(f"guild/*/{FEATURE}", ChildSpec(factory=actor)),
            ActorDef(CLOCK.pattern, ChildSpec(factory=clock, idle_after=None)),
            ActorDef(SESSIONS.pattern, ChildSpec(factory=watch)),
        ),
        listens_to=frozenset({FEATURE}),
        first_messages=((CLOCK, Tick()),),
    )


def _streaks(wiring: Wiring) -> PartDef:
    book = NicknameBook(wiring.settings)
    return PartDef(
        build=lambda host: Streaks(host, Nicknames(host, wiring.members, book)),
        due=where_known(wiring.guilds, book.due),
    )


def _og(wiring: Wiring, book: OgBook) -> PartDef:
    discord = OgDiscord(reactions=wiring.members, directory=wiring.calls, book=book)
    return PartDef(build=lambda host: Og(host, discord), due=where_known(wiring.guilds, book.due))
