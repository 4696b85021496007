"""The part of the weekly awards by itself: what it asks of its host, and when."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from alphapy.actors.effects.reactions import ReactionCounts
from alphapy.actors.engagement.part import NOT_MINE
from alphapy.actors.engagement.weekly import BOTS, State, Weekly, due, part
from alphapy.actors.engagement.weekly_computing import badge_roles
from alphapy.actors.engagement.weekly_messages import ComputeDue
from alphapy.actors.feature import GatewayEvent
from alphapy.gateway.events import (
    ChannelDelete,
    Emoji,
    MessageDelete,
    MessageReactionAdd,
    MessageReactionRemove,
)
from alphapy.gateway.models.user import Member, User
from alphapy.pure.engagement.awards import BUILT_IN
from alphapy.pure.engagement.periods import WEEK, jitter
from alphapy.pure.ids import ChannelId, MessageId, UserId
from tests.actors.engagement.members_host import FakeHost
from tests.actors.engagement.weekly_house import PERIOD

if TYPE_CHECKING:
    from alphapy.gateway.events import Event
    from alphapy.storage.pool import Pool

CHANNEL, MESSAGE = ChannelId(20), MessageId(30)
REACTION = partial(MessageReactionAdd, channel_id=CHANNEL, message_id=MESSAGE, emoji=Emoji(name="x"))


def weekly(host: FakeHost, *, has_rows: bool = True) -> tuple[Weekly, ReactionCounts]:
    counts = ReactionCounts()
    found = Weekly(host, counts)
    found.adopt(State(has_rows, None))
    return found, counts


def told(event: Event) -> GatewayEvent:
    return GatewayEvent("EVENT", event, 0, "session", 1)


def host_at(pool: Pool | None = None, *, after: timedelta, **values: Any) -> FakeHost:
    host = FakeHost(pool, weekly_enabled=True, **values)
    host.the_clock.jump_to(PERIOD.end + after)
    return host


async def test_a_timer_runs_to_the_guilds_own_instant_within_two_minutes() -> None:
    host = host_at(after=timedelta(0))
    found, _ = weekly(host)
    await found.wake()
    await found.wake()
    ((seconds, message),) = host.the_context.later
    expected = max(jitter(host.guild_id, PERIOD).total_seconds(), 2.0)
    assert seconds == pytest.approx(expected)
    assert message == ComputeDue()


async def test_after_a_load_what_was_missed_is_waited_for(pool: Pool) -> None:
    host = host_at(pool, after=timedelta(hours=1))
    host.caught_up = False
    found, _ = weekly(host)
    await found.wake()
    assert await found.handle(ComputeDue()) is None
    assert [seconds for seconds, _ in host.the_context.later] == [1.0, 1.0]
    async with pool.transaction("test") as tx:
        assert await tx.fetch_value("SELECT count(*) FROM engagement_weekly_awards") == 0
    host.caught_up = True
    assert await found.handle(ComputeDue()) is None
    async with pool.transaction("test") as tx:
        assert await tx.fetch_value("SELECT count(*) FROM engagement_weekly_awards") == 1
    await found.wake()
    assert len(host.the_context.later) == 2, "it is known to be computed"
    host.the_clock.advance(WEEK - timedelta(hours=1))
    await found.wake()
    assert len(host.the_context.later) == 3, "the next week"


async def test_no_week_is_computed_outside_of_its_48_hours_nor_while_off_nor_for_a_guild_without_a_name() -> (
    None
):
    for after, is_on in ((timedelta(hours=49), True), (timedelta(0), False)):
        host = host_at(after=after)
        host.values["enabled"] = is_on
        found, _ = weekly(host)
        await found.wake()
        assert host.the_context.later == []
    host = host_at(after=timedelta(0))
    host.the_guilds = type(host.the_guilds)(host.the_guilds.me)
    found, _ = weekly(host)
    await found.wake()
    assert host.the_context.later == []


async def test_where_nothing_is_indexed_no_event_costs_a_transaction() -> None:
    host = host_at(after=timedelta(0))
    found, _ = weekly(host, has_rows=False)
    assert await found.on_event(told(MessageDelete(id=MESSAGE, channel_id=CHANNEL))) is None
    assert await found.on_event(told(REACTION(user_id=UserId(5)))) is None
    found.adopt(State(True, None))
    assert await found.on_event(told(MessageDelete(id=MESSAGE, channel_id=CHANNEL))) is not None
    assert await found.on_event(told(REACTION(user_id=UserId(5)))) is not None
    assert await found.on_event(told(ChannelDelete(id=CHANNEL, type=0))) is None


async def test_bots_are_remembered_the_last_ones() -> None:
    host = host_at(after=timedelta(0))
    found, _ = weekly(host)

    def removed(user_id: int) -> MessageReactionRemove:
        return MessageReactionRemove(
            user_id=UserId(user_id), channel_id=CHANNEL, message_id=MESSAGE, emoji=Emoji(name="x")
        )

    for user_id in range(100, 100 + BOTS + 1):
        bot = Member(user=User(id=UserId(user_id), bot=True))
        assert await found.on_event(told(REACTION(user_id=UserId(user_id), member=bot))) is None
    assert await found.on_event(told(removed(101))) is None
    assert await found.on_event(told(removed(100))) is not None
    found.forget(UserId(101))
    assert await found.on_event(told(removed(101))) is not None


async def test_other_messages_are_not_its_own() -> None:
    found, _ = weekly(host_at(after=timedelta(0)))
    assert await found.handle("other") is NOT_MINE
    await found.prepare(())


async def test_guilds_are_due_for_48_hours_and_again_a_week_later(pool: Pool) -> None:
    async with pool.transaction("test") as tx:
        await tx.execute(
            "INSERT INTO bot_settings (guild_id, scope, key, value, value_type) "
            "VALUES (7, 'engagement', 'weekly_enabled', 'true', 'bool')"
        )
        for after, expected in ((0, [7]), (48, [7]), (49, [])):
            guilds, following = await due(tx, PERIOD.end + timedelta(hours=after))
            assert (list(guilds), following) == (expected, PERIOD.end + WEEK)
    assert part(ReactionCounts()).due is due
    assert part(ReactionCounts()).build(host_at(after=timedelta(0))).name == "weekly"


def test_any_badge_may_have_a_role() -> None:
    host = FakeHost(badge_role_star=60, badge_role_motivator=None)
    assert badge_roles(host.settings, BUILT_IN) == {"star": 60}
