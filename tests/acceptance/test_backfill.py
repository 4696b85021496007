"""What was written while Discord had no session for the bot is read back: once, in order, as it is now."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import attrs
import pytest
import trio
from typing_extensions import override

from alphapy.actors.backfill import backfill, reading
from alphapy.actors.custom_commands.actor import ANSWER_LIVES
from alphapy.actors.kernel.waypoints import Waypoint
from alphapy.sandbox.faults import GatewayFault, RestFault
from alphapy.sandbox.world.permissions import Right
from tests.support.bot import described, title_of
from tests.support.clock import FakeClock
from tests.support.crash import Trap, mortal_bot
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from alphapy.actors.backfill.messages import BackfillStatistics
    from alphapy.service import Service
    from alphapy.storage.pool import Pool
    from tests.support.bot import JSON, Stage

HISTORY = "GET /channels/{channel_id}/messages"

COMMAND = """
    INSERT INTO custom_commands (guild_id, name, trigger_type, trigger_value, response, reply_to_user)
    VALUES (%s, 'hi', 'starts_with', '!hi', 'hi {uses}', true)
"""


async def prepare(stage: Stage, pool: Pool, *guild_ids: int) -> None:
    """A command that answers ``!hi`` in these guilds, the demo guild for none."""
    async with pool.transaction("test") as tx:
        for guild_id in guild_ids or (stage.demo.guild_id,):
            await tx.execute(COMMAND, (guild_id,))


async def fetch(pool: Pool, query: str) -> list[tuple[Any, ...]]:
    async with pool.transaction("test") as tx:
        return await tx.fetch_all(query)


async def lose_session(pool: Pool) -> None:
    """Let the stored session be one that Discord will not resume."""
    async with pool.transaction("test") as tx:
        await tx.execute("UPDATE gateway_sessions SET session_id = 'forgotten'")


def answered(stage: Stage, channel_id: int | None = None) -> list[tuple[str, str]]:
    """What was answered, and how, oldest first."""
    me = str(stage.demo.application_id)
    ada = stage.person("ada")
    said = [m for m in ada.visible_messages(channel_id or stage.general) if m["author"]["id"] == me]
    return [(m["message_reference"]["message_id"], m["content"]) for m in said if m["content"]]


async def until_answered(stage: Stage, pool: Pool, *said: JSON) -> None:
    """Each of these is answered once, in this order, and nothing else is."""

    async def settled() -> bool:
        rows = await fetch(pool, "SELECT sum(uses)::int FROM custom_commands")
        pending = await fetch(pool, "SELECT FROM effects WHERE state = 'pending'")
        return rows == [(len(said),)] and not pending

    await wait_until(settled, within=20, what=f"{len(said)} counted uses")
    assert sorted(answered(stage)) == sorted((m["id"], f"hi {n}") for n, m in enumerate(said, 1))


def say(stage: Stage, text: str = "!hi", channel_id: int | None = None) -> JSON:
    return stage.person("alan").say(channel_id or stage.general, text)


async def until_filled(service: Service) -> BackfillStatistics:
    """Every gap is closed, in the database as well."""
    await wait_until(lambda: service.is_ready, within=20, what="readiness")

    async def closed() -> bool:
        return not service.backfill.statistics().open and not await fetch(
            service.pool, "SELECT FROM gateway_guilds WHERE gap_since IS NOT NULL"
        )

    await wait_until(closed, within=20, what="closed gaps")
    return service.backfill.statistics()


@asynccontextmanager
async def away(stage: Stage, pool: Pool) -> AsyncIterator[None]:
    """The bot was here, and is away while the block runs; afterwards its session is refused."""
    async with stage.bot() as service:
        await wait_until(lambda: service.is_ready, what="readiness")
        say(stage, "just talk")
        await wait_until(lambda: caught_up(service, 1), what="the first message")
    yield
    await lose_session(pool)


def caught_up(service: Service, messages: int) -> bool:
    shard = service.progress.shard(0)
    routed = service.router.statistics().routed.get("MESSAGE_CREATE", 0)
    return shard is not None and shard.open == 0 and shard.mark == shard.top and routed >= messages


async def test_what_was_written_while_the_bot_was_away_is_answered_as_it_is_now(
    offstage: Stage, pool: Pool
) -> None:
    await prepare(offstage, pool)
    world = offstage.demo.world
    async with away(offstage, pool):
        kept = say(offstage)
        deleted = say(offstage)
        edited, made = say(offstage), say(offstage, "nothing yet")
        alan = offstage.person("alan")
        world.messages.delete(alan.id, offstage.general, int(deleted["id"]))
        world.messages.edit(alan.id, offstage.general, int(edited["id"]), {"content": "never mind"})
        world.messages.edit(alan.id, offstage.general, int(made["id"]), {"content": "!hi after all"})
    async with offstage.bot() as service:
        live = say(offstage)
        await until_answered(offstage, pool, kept, made, live)
        counts = await until_filled(service)
    assert counts.pages == 1
    assert counts.held == counts.overdue == counts.failed == counts.forbidden == counts.cut == 0


async def test_what_was_done_before_is_not_done_again(offstage: Stage, pool: Pool) -> None:
    await prepare(offstage, pool)
    async with offstage.bot() as service:
        first, second = say(offstage), say(offstage)
        await until_answered(offstage, pool, first, second)
        await wait_until(lambda: caught_up(service, 2), what="the mark")
    async with pool.transaction("test") as tx:
        # As if the process had been killed with nothing acknowledged, an hour ago, and its effects pruned.
        await tx.execute("UPDATE gateway_sessions SET mark = 1, seen = 0")
        await tx.execute("DELETE FROM effects")
    third = say(offstage)
    await lose_session(pool)
    async with offstage.bot() as service:
        await until_answered(offstage, pool, first, second, third)
        await until_filled(service)
        await wait_until(lambda: caught_up(service, 0), what="the mark")
    assert len(answered(offstage)) == 3


async def test_a_quiet_guild_costs_nothing(offstage: Stage, pool: Pool) -> None:
    await prepare(offstage, pool)
    async with offstage.bot() as service:
        await wait_until(lambda: service.is_ready, what="readiness")
    await lose_session(pool)
    async with pool.transaction("test") as tx:
        await tx.execute("UPDATE gateway_sessions SET seen = %s", (2**62,))
    async with offstage.bot() as service:
        counts = await until_filled(service)
        assert (counts.opened, counts.closed, counts.unchanged, counts.pages) == (1, 1, 1, 0)
    assert offstage.sandbox.requests.of(HISTORY) == []


async def test_a_first_start_reads_nothing_back(offstage: Stage, pool: Pool) -> None:
    await prepare(offstage, pool)
    say(offstage)
    async with offstage.bot() as service:
        counts = await until_filled(service)
        assert counts.opened == 0
    assert offstage.sandbox.requests.of(HISTORY) == []


async def test_refused_while_it_runs_and_again_there_is_one_gap(offstage: Stage, pool: Pool) -> None:
    await prepare(offstage, pool)
    async with offstage.bot() as service:
        await wait_until(lambda: service.is_ready, what="readiness")
        said = [say(offstage)]
        await until_answered(offstage, pool, *said)
        refused = len(offstage.sandbox.faults.struck)
        for _ in range(2):
            offstage.sandbox.faults.arm_gateway(GatewayFault.INVALID_SESSION, resumable=False)
        said += [say(offstage), say(offstage)]
        await wait_until(lambda: len(offstage.sandbox.faults.struck) > refused, what="the first refusal")
        said += [say(offstage)]
        await wait_until(
            lambda: len(offstage.sandbox.faults.struck) > refused + 1, within=20, what="the second"
        )
        said += [say(offstage)]
        await until_answered(offstage, pool, *said)
        counts = await until_filled(service)
        assert counts.closed == counts.opened
        assert len(answered(offstage)) == 5


@pytest.mark.parametrize(
    ("waypoint", "refused_again"),
    [
        (Waypoint.BEFORE_READ, True),
        (Waypoint.BEFORE_FILL, False),
        (Waypoint.BEFORE_FILL, True),
        (Waypoint.BEFORE_COMMIT, True),
        (Waypoint.AFTER_COMMIT, False),
        (Waypoint.AFTER_COMMIT, True),
        (Waypoint.AFTER_SEND, True),
        (Waypoint.BEFORE_PROGRESS, True),
        (Waypoint.AFTER_PROGRESS, False),
        (Waypoint.BEFORE_GAPS, True),
        (Waypoint.AFTER_GAPS, False),
    ],
    ids=lambda value: value.value if isinstance(value, Waypoint) else "refused" if value else "resumed",
)
async def test_killed_in_the_middle_nothing_is_lost_or_doubled(
    offstage: Stage, pool: Pool, waypoint: Waypoint, refused_again: bool
) -> None:
    await prepare(offstage, pool)
    async with away(offstage, pool):
        said = [say(offstage), say(offstage)]
        say(offstage, "nothing")
    trap = Trap(waypoint)
    async with mortal_bot(offstage, trap):
        said += [say(offstage)]
        while not trap.sprung.is_set():
            say(offstage, "nothing")
            with trio.move_on_after(0.5):
                await trap.sprung.wait()
    if refused_again:
        await lose_session(pool)
    said += [say(offstage)]
    async with offstage.bot() as service:
        said += [say(offstage)]
        await until_answered(offstage, pool, *said)
        await until_filled(service)


@attrs.define(eq=False)
class Gate(Trap):
    """Stops whoever reaches a waypoint until it is opened."""

    closed_at: Waypoint = Waypoint.BEFORE_FILL
    reached: trio.Event = attrs.field(factory=trio.Event)
    is_open: trio.Event = attrs.field(factory=trio.Event)

    @override
    async def reach(self, waypoint: Waypoint) -> None:
        if waypoint is self.closed_at:
            self.reached.set()
            await self.is_open.wait()


async def test_what_comes_live_waits_behind_what_was_missed(offstage: Stage, pool: Pool) -> None:
    await prepare(offstage, pool)
    async with away(offstage, pool):
        missed = [say(offstage), say(offstage)]
    gate = Gate()
    async with mortal_bot(offstage, gate) as service:
        await gate.reached.wait()
        live = [say(offstage), say(offstage)]
        await wait_until(lambda: service.backfill.statistics().held == 2, what="two that wait")
        await offstage.person("margaret").slash(offstage.general, "/version").wait_reply()
        assert answered(offstage) == []
        gate.is_open.set()
        await until_answered(offstage, pool, *missed, *live)
        counts = await until_filled(service)
        assert counts.held == 0
        assert counts.messages >= 2
        assert service.budget.statistics().used == 0


async def test_a_guild_that_is_slow_to_read_holds_up_no_other(
    offstage: Stage, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "CALL_WITHIN", 1.0)
    world, owner = offstage.demo.world, offstage.demo.owner_id
    other = world.guilds.create("Elsewhere", owner)
    world.members.join(other.id, offstage.demo.users["alan"])
    world.members.join(other.id, offstage.demo.application_id)
    hall = int(world.channels.create(owner, other.id, {"name": "hall"})["id"])
    await prepare(offstage, pool, offstage.demo.guild_id, other.id)
    async with away(offstage, pool):
        here, there = say(offstage), say(offstage, channel_id=hall)
    where = {"channel_id": str(offstage.general)}
    offstage.sandbox.faults.arm_rest(RestFault.HANG, route=HISTORY, where=where, times=10)
    async with offstage.bot() as service:
        live = say(offstage, channel_id=hall)
        await wait_until(lambda: len(answered(offstage, hall)) == 2, within=15, what="the other guild")
        # Up to three answers of a channel are under way at a time, so either may be posted first.
        assert sorted(answered(offstage, hall)) == sorted([(there["id"], "hi 1"), (live["id"], "hi 2")])
        assert answered(offstage) == []
        offstage.sandbox.faults.disarm()
        await wait_until(lambda: len(answered(offstage)) == 1, within=15, what="the slow one")
        assert answered(offstage) == [(here["id"], "hi 1")]
        counts = await until_filled(service)
    assert (counts.failed, counts.overdue) == (0, 0)


async def test_a_guild_goes_live_in_the_end_whatever_happens(
    offstage: Stage, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfill, "WITHIN", 1.0)
    await prepare(offstage, pool)
    async with away(offstage, pool):
        say(offstage)
    offstage.sandbox.faults.arm_rest(RestFault.HANG, route=HISTORY, times=10)
    async with offstage.bot() as service:
        live = say(offstage)
        await until_answered(offstage, pool, live)
        counts = await until_filled(service)
    assert (counts.overdue, counts.messages) == (1, 0)


async def test_channels_that_may_not_be_read_are_told_to_the_admins(offstage: Stage, pool: Pool) -> None:
    await prepare(offstage, pool)
    ada, logs = offstage.person("ada"), offstage.demo.channels["logs"]
    overwrite = {
        "id": str(offstage.demo.roles["Alphapy"]),
        "type": 0,
        "deny": str(int(Right.READ_MESSAGE_HISTORY)),
    }
    async with offstage.bot() as service:
        await wait_until(lambda: service.is_ready, what="readiness")
        await ada.slash(offstage.general, "/system set_log_channel", channel=logs).wait_reply()
    for _ in range(2):
        say(offstage)
        offstage.demo.world.channels.edit(ada.id, offstage.general, {"permission_overwrites": [overwrite]})
        await lose_session(pool)
        async with offstage.bot() as service:
            counts = await until_filled(service)
            assert counts.forbidden == 1
            told = await ada.wait_message(logs, lambda m: title_of(m) == "⚠️ I could not read what I missed")
            assert f"<#{offstage.general}>" in described(told)
    assert answered(offstage) == []


@pytest.mark.parametrize("status", [403, 404])
async def test_a_channel_that_is_refused_is_left_out_and_the_others_are_read(
    offstage: Stage, pool: Pool, status: int
) -> None:
    await prepare(offstage, pool)
    world, owner = offstage.demo.world, offstage.demo.owner_id
    thread = world.threads.start(owner, offstage.general, {"name": "aside", "type": 11})
    async with away(offstage, pool):
        say(offstage)
        kept = say(offstage, channel_id=int(thread["id"]))
    where = {"channel_id": str(offstage.general)}
    offstage.sandbox.faults.arm_rest(RestFault.SERVER_ERROR, route=HISTORY, where=where, status=status)
    async with offstage.bot() as service:
        counts = await until_filled(service)
        await wait_until(lambda: answered(offstage, int(thread["id"])) != [], what="the answer in the thread")
        assert answered(offstage, int(thread["id"])) == [(kept["id"], "hi 1")]
    assert counts.forbidden == (status == 403)
    assert answered(offstage) == []


async def test_a_thousand_missed_messages_and_rate_limits_on_the_way(offstage: Stage, pool: Pool) -> None:
    await prepare(offstage, pool)
    async with away(offstage, pool):
        said = []
        for number in range(1_000):
            message = say(offstage, "!hi" if number % 250 == 0 else f"talk {number}")
            said += [message] if number % 250 == 0 else []
    for kind in (RestFault.USER_LIMIT, RestFault.SHARED_LIMIT, RestFault.SERVER_ERROR):
        offstage.sandbox.faults.arm_rest(kind, route=HISTORY, after=2, seconds=0.2)
    async with offstage.bot() as service:
        said.append(say(offstage))
        await until_answered(offstage, pool, *said)
        counts = await until_filled(service)
    assert counts.pages == 11
    assert 1_000 <= counts.messages <= 1_002, (
        "what was done before, or comes live, is told twice and done once"
    )
    assert counts.cut == counts.failed == 0


async def test_what_is_too_old_is_not_even_read(offstage: Stage, pool: Pool) -> None:
    await prepare(offstage, pool)
    async with away(offstage, pool):
        say(offstage)
    offstage.clock = FakeClock(datetime.now(UTC) + ANSWER_LIVES + timedelta(seconds=5))
    async with offstage.bot() as service:
        await until_filled(service)
    assert offstage.sandbox.requests.of(HISTORY) == []
    assert answered(offstage) == []


async def test_an_actor_that_was_set_aside_reads_what_it_missed(
    offstage: Stage, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alphapy.service.EVENT_BUDGET", 40)
    monkeypatch.setattr("alphapy.actors.aside.READ_AGAIN_EVERY", 3600.0)
    await prepare(offstage, pool)
    gate = Gate(closed_at=Waypoint.BEFORE_COMMIT)
    async with mortal_bot(offstage, gate) as service:
        await wait_until(lambda: service.is_ready, what="readiness")
        said = [say(offstage)]
        for number in range(40):
            say(offstage, f"flood {number}")
        said += [say(offstage)]
        await wait_until(lambda: service.aside.count == 1, what="setting it aside")
        offstage.sandbox.faults.arm_gateway(GatewayFault.INVALID_SESSION, resumable=False)
        await wait_until(lambda: service.backfill.statistics().opened == 1, within=15, what="the gap")
        gate.is_open.set()
        said += [say(offstage)]
        await until_answered(offstage, pool, *said)
        await until_filled(service)
        assert service.aside.count == 0
        await wait_until(lambda: caught_up(service, 0), what="the mark")
