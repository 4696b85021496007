"""Nothing is lost and nothing happens twice: restarts, kills at every waypoint, refusals, doubt."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs
import pytest
import trio
from psycopg.types.json import Jsonb
from typing_extensions import override

from alphapy import supervisor
from alphapy.actors.custom_commands.actor import ANSWER_LIVES
from alphapy.actors.effects.rules import NONCE_WINDOW
from alphapy.actors.kernel.waypoints import Waypoint
from alphapy.pure.groups import leaves
from alphapy.sandbox.faults import GatewayFault, RestFault
from alphapy.sandbox.world.permissions import Right
from alphapy.storage.pool import open_pool
from alphapy.storage.shard_locks import ShardsTaken
from alphapy.supervisor import StopSwitch
from tests.support.bot import JSON, Stage, described, title_of
from tests.support.clock import FakeClock
from tests.support.crash import Trap, mortal_bot
from tests.support.outage import outage
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from alphapy.service import Service
    from alphapy.storage.pool import Pool
    from tests.support.postgres import Databases

BACKFILL = {Waypoint.BEFORE_READ, Waypoint.BEFORE_FILL, Waypoint.BEFORE_GAPS, Waypoint.AFTER_GAPS}
"""Passed only where something was missed: see test_backfill.py."""

CREATE = "POST /channels/{channel_id}/messages"

COMMAND = """
    INSERT INTO custom_commands (guild_id, name, trigger_type, trigger_value, response, delete_trigger,
                                 reply_to_user)
    VALUES (%s, 'hi', 'starts_with', '!hi', 'hi {uses}', %s, %s)
"""


async def prepare(
    stage: Stage, pool: Pool, *, delete_trigger: bool = False, reply_to_user: bool = True
) -> None:
    """A guild with a command that answers ``!hi``."""
    async with pool.transaction("test") as tx:
        await tx.execute(COMMAND, (stage.demo.guild_id, delete_trigger, reply_to_user))


async def fetch(pool: Pool, query: str) -> list[tuple[Any, ...]]:
    async with pool.transaction("test") as tx:
        return await tx.fetch_all(query)


def answers(stage: Stage) -> list[str]:
    """What the bot has said in #general, oldest first."""
    me = str(stage.demo.application_id)
    said = [m for m in stage.person("ada").visible_messages(stage.general) if m["author"]["id"] == me]
    return [m["content"] for m in said if m["content"]]


async def until_answered(stage: Stage, pool: Pool, *uses: int) -> None:
    """Each of these uses is answered once, and counted."""

    async def settled() -> bool:
        rows = await fetch(
            pool, "SELECT (SELECT uses FROM custom_commands), count(*) FROM effects WHERE state = 'pending'"
        )
        return rows == [(len(uses), 0)]

    await wait_until(settled, within=15, what=f"{len(uses)} counted uses")
    assert sorted(answers(stage)) == sorted(f"hi {use}" for use in uses)


def say_hi(stage: Stage, times: int = 1) -> list[JSON]:
    alan = stage.person("alan")
    return [alan.say(stage.general, f"!hi {n}") for n in range(times)]


async def starts_left(service: Service) -> int:
    """How many sessions the bot may still begin: a RESUME takes none."""
    return (await service.calls.gateway()).remaining


async def test_a_restart_resumes_and_answers_what_was_written_meanwhile(offstage: Stage, pool: Pool) -> None:
    await prepare(offstage, pool)
    async with offstage.bot() as service:
        left = await starts_left(service)
        say_hi(offstage)
        await until_answered(offstage, pool, 1)
    (session,) = await fetch(pool, "SELECT session_id, mark FROM gateway_sessions")
    say_hi(offstage, 2)
    async with offstage.bot() as service:
        await until_answered(offstage, pool, 1, 2, 3)
        assert await starts_left(service) == left
        await wait_until(lambda: service.is_ready, what="readiness")
    (later,) = await fetch(pool, "SELECT session_id, mark FROM gateway_sessions")
    assert later[0] == session[0]
    assert later[1] > session[1]


async def test_the_guild_cache_survives_a_resume(offstage: Stage) -> None:
    ada, logs = offstage.person("ada"), offstage.demo.channels["logs"]
    async with offstage.bot() as service:
        await wait_until(lambda: service.is_ready, what="readiness")
    offstage.demo.world.channels.edit(ada.id, offstage.general, {"name": "renamed"})
    async with offstage.bot() as service:
        await wait_until(lambda: service.is_ready, what="readiness")
        done = await ada.slash(offstage.general, "/system set_log_channel", channel=logs).wait_reply()
        assert f"<#{logs}>" in described(done) + done["content"] + title_of(done)
        guild = next(iter(service.guilds))
        assert guild.channels[offstage.general].name == "renamed"  # type: ignore[index]
        assert service.guilds.me == offstage.demo.application_id


async def test_signing_off_begins_a_new_session(offstage: Stage, pool: Pool) -> None:
    trap = Trap()
    async with mortal_bot(offstage, trap) as service:
        await wait_until(lambda: service.is_ready, what="readiness")
        await service.sessions.write()
        left = await starts_left(service)
        assert len(await fetch(pool, "SELECT FROM gateway_sessions")) == 1
        await service.sessions.forget()
    assert await fetch(pool, "SELECT FROM gateway_sessions") == []
    async with offstage.bot() as service:
        await wait_until(lambda: service.is_ready, what="readiness")
        assert await starts_left(service) == left - 1


async def test_a_refused_resume_begins_a_new_session_and_goes_on(offstage: Stage, pool: Pool) -> None:
    await prepare(offstage, pool)
    async with offstage.bot() as service:
        await wait_until(lambda: service.is_ready, what="readiness")
        left = await starts_left(service)
    async with pool.transaction("test") as tx:
        await tx.execute("UPDATE gateway_sessions SET session_id = 'forgotten', mark = 3")
        await tx.execute("UPDATE event_progress SET session_id = 'forgotten', seq = 1000000")
    async with offstage.bot() as service:
        await wait_until(lambda: service.is_ready, within=15, what="readiness")
        assert await starts_left(service) == left - 1
        say_hi(offstage)
        await until_answered(offstage, pool, 1)
        await wait_until(lambda: stored_session(pool, "forgotten", False), what="the new session")


async def stored_session(pool: Pool, session_id: str, there: bool) -> bool:
    rows = await fetch(pool, "SELECT session_id FROM gateway_sessions")
    return (rows == [(session_id,)]) is there


@pytest.mark.parametrize(
    "waypoint",
    [waypoint for waypoint in Waypoint if waypoint not in BACKFILL],
    ids=lambda waypoint: waypoint.value,
)
@pytest.mark.parametrize("nth", [1, 2])
async def test_killed_at_any_waypoint_everything_happens_once(
    offstage: Stage, pool: Pool, waypoint: Waypoint, nth: int
) -> None:
    await prepare(offstage, pool, delete_trigger=True)
    async with offstage.bot() as service:
        await wait_until(lambda: service.is_ready, what="readiness")
    trap = Trap(waypoint, nth)
    said: list[JSON] = []
    async with mortal_bot(offstage, trap):
        for number in range(3):
            said += say_hi(offstage)
            offstage.person("ada").say(offstage.general, f"nothing {number}")
            with trio.move_on_after(0.7):
                await trap.sprung.wait()
        await wait_until(trap.sprung.is_set, within=10, what=f"{waypoint}, {nth}")
    said += say_hi(offstage)
    async with offstage.bot():
        await until_answered(offstage, pool, 1, 2, 3, 4)
        ids = {message["id"] for message in said}
        await wait_until(
            lambda: not ids & {m["id"] for m in offstage.person("ada").visible_messages(offstage.general)},
            what="the deletion of every trigger",
        )
    rows = await fetch(pool, "SELECT kind, state, count(*) FROM effects GROUP BY 1, 2 ORDER BY 1")
    assert rows == [("delete_message", "done", 4), ("send_message", "done", 4)]


async def test_a_lost_answer_is_repeated_with_the_same_nonce(offstage: Stage, pool: Pool) -> None:
    await prepare(offstage, pool)
    async with offstage.bot():
        offstage.sandbox.faults.arm_rest(RestFault.LOST_ANSWER, route=CREATE, times=6)
        say_hi(offstage)
        await until_answered(offstage, pool, 1)
    nonces = {record.body["nonce"] for record in offstage.sandbox.requests.of(CREATE)}
    assert len(nonces) == 1
    assert all(record.body["enforce_nonce"] for record in offstage.sandbox.requests.of(CREATE))


async def test_duplicates_and_drops_on_the_gateway_change_nothing(offstage: Stage, pool: Pool) -> None:
    await prepare(offstage, pool)
    async with offstage.bot() as service:
        await wait_until(lambda: service.is_ready, what="readiness")
        offstage.sandbox.faults.arm_gateway(GatewayFault.DUPLICATE, times=2)
        say_hi(offstage, 2)
        await until_answered(offstage, pool, 1, 2)
        offstage.sandbox.faults.arm_gateway(GatewayFault.DROP)
        say_hi(offstage, 2)
        await until_answered(offstage, pool, 1, 2, 3, 4)


async def test_the_whole_log_again_is_skipped(offstage: Stage, pool: Pool) -> None:
    await prepare(offstage, pool)
    async with offstage.bot():
        say_hi(offstage, 3)
        await until_answered(offstage, pool, 1, 2, 3)
    async with pool.transaction("test") as tx:
        await tx.execute("UPDATE gateway_sessions SET mark = 1")
    async with offstage.bot() as service:
        say_hi(offstage)
        await until_answered(offstage, pool, 1, 2, 3, 4)
        await wait_until(lambda: is_caught_up(service), what="the mark")


def is_caught_up(service: Service) -> bool:
    shard = service.progress.shard(0)
    return shard is not None and shard.open == 0 and shard.mark == shard.top


def forbid(stage: Stage, right: Right) -> None:
    """Take a right in #general from the bot."""
    overwrite = {"id": str(stage.demo.roles["Alphapy"]), "type": 0, "deny": str(int(right))}
    stage.demo.world.channels.edit(stage.demo.owner_id, stage.general, {"permission_overwrites": [overwrite]})


async def test_a_refusal_is_recorded_and_told_once(offstage: Stage, pool: Pool) -> None:
    await prepare(offstage, pool)
    ada, logs = offstage.person("ada"), offstage.demo.channels["logs"]
    async with offstage.bot():
        await ada.slash(offstage.general, "/system set_log_channel", channel=logs).wait_reply()
        forbid(offstage, Right.SEND_MESSAGES)
        say_hi(offstage, 2)
        told = await ada.wait_message(logs, lambda m: "not allowed to" in described(m))
        assert f"<#{offstage.general}>" in described(told)
        assert title_of(told) == "⚠️ Discord does not let me do this"

        async def refused(times: int) -> bool:
            return await fetch(pool, "SELECT state FROM effects") == [("refused",)] * times

        await wait_until(lambda: refused(2), what="the record of two refusals")
    async with offstage.bot():
        say_hi(offstage)
        await wait_until(lambda: refused(3), what="the record of the third")
        forbid(offstage, Right.MENTION_EVERYONE)
        say_hi(offstage)
        await wait_until(lambda: answers(offstage) == ["hi 1"], what="an answer, with the first number")
    assert await fetch(pool, "SELECT uses FROM custom_commands") == [(1,)]
    warnings = [m for m in ada.visible_messages(logs) if "not allowed to" in described(m)]
    assert len(warnings) == 1


async def test_an_answer_that_is_late_is_not_given(offstage: Stage, pool: Pool) -> None:
    await prepare(offstage, pool)
    async with offstage.bot():
        offstage.sandbox.faults.arm_rest(RestFault.SERVER_ERROR, route=CREATE, times=10_000)
        say_hi(offstage)

        async def tried() -> bool:
            return await fetch(pool, "SELECT attempts > 0, last_error <> '' FROM effects") == [(True, True)]

        await wait_until(tried, within=15, what="a failed attempt")
    async with pool.transaction("test") as tx:
        await tx.execute("UPDATE effects SET deadline_at = now() - interval '1 second'")
    offstage.sandbox.faults.disarm()
    async with offstage.bot():

        async def expired() -> bool:
            return await fetch(pool, "SELECT state FROM effects") == [("expired",)]

        await wait_until(expired, what="the expiry")
    assert answers(offstage) == []
    assert await fetch(pool, "SELECT uses FROM custom_commands") == [(0,)]


async def test_a_message_that_is_too_old_is_not_answered_at_all(offstage: Stage, pool: Pool) -> None:
    await prepare(offstage, pool)
    offstage.clock = FakeClock(datetime.now(UTC) + ANSWER_LIVES + timedelta(seconds=5))
    async with offstage.bot() as service:
        await wait_until(lambda: service.is_ready, what="readiness")
        say_hi(offstage)
        await wait_until(lambda: counted(service, 1) and is_caught_up(service), what="the message")
    assert await fetch(pool, "SELECT FROM effects") == []
    assert answers(offstage) == []


async def owe(stage: Stage, pool: Pool, trigger: JSON, use: int, *, reply: bool, live: bool) -> None:
    """Record an answer that was tried long ago by a process that has died since."""
    body: JSON = {"content": f"hi {use}", "allowed_mentions": {"parse": [], "users": []}}
    if reply:
        body["message_reference"] = {"message_id": trigger["id"], "fail_if_not_exists": False}
    about = {"command_id": 1, "use": use, "message_id": int(trigger["id"]), "delete_trigger": False}
    tried_at = datetime.now(UTC) - NONCE_WINDOW - timedelta(seconds=5)
    async with pool.transaction("test") as tx:
        await tx.execute(
            """
            INSERT INTO effects
                (guild_id, feature, kind, event_key, payload, nonce, first_tried_at, deadline_at)
            VALUES (%s, 'custom_commands', 'send_message', %s, %s, %s, %s, %s)
            """,
            (
                stage.demo.guild_id,
                f"answer:{trigger['id']}",
                Jsonb({"channel_id": stage.general, "message": body, "about": about}),
                f"nonce{use}",
                tried_at,
                datetime.now(UTC) + timedelta(seconds=40 if live else -10),
            ),
        )


@pytest.mark.parametrize("reply", [True, False])
async def test_an_old_doubt_is_settled_by_reading_the_channel(
    offstage: Stage, pool: Pool, reply: bool
) -> None:
    await prepare(offstage, pool, reply_to_user=reply)
    async with offstage.bot() as service:
        await wait_until(lambda: service.is_ready, what="readiness")
    sent, unsent, late = say_hi(offstage, 3)
    async with pool.transaction("test") as tx:
        # As if their events had been dealt with.
        await tx.execute("DELETE FROM event_progress")
        await tx.execute("UPDATE gateway_sessions SET mark = mark + 3")
    body: JSON = {"content": "hi 1", "allowed_mentions": {"parse": []}}
    if reply:
        body["message_reference"] = {"message_id": sent["id"]}
    posted = offstage.demo.world.messages.create(offstage.demo.application_id, offstage.general, body)
    await owe(offstage, pool, sent, 1, reply=reply, live=False)
    await owe(offstage, pool, unsent, 2, reply=reply, live=True)
    await owe(offstage, pool, late, 3, reply=reply, live=False)
    async with offstage.bot():

        async def settled() -> bool:
            return not await fetch(pool, "SELECT FROM effects WHERE state = 'pending'")

        await wait_until(settled, within=10, what="all doubts settled")
    assert sorted(answers(offstage)) == ["hi 1", "hi 2"]
    rows = await fetch(pool, "SELECT state, message_id FROM effects ORDER BY id")
    assert [state for state, _ in rows] == ["done", "done", "expired"]
    assert rows[0][1] == int(posted["id"])
    assert await fetch(pool, "SELECT uses FROM custom_commands") == [(2,)]


async def test_what_cannot_be_proved_is_not_sent_twice(offstage: Stage, pool: Pool) -> None:
    await prepare(offstage, pool)
    async with offstage.bot() as service:
        await wait_until(lambda: service.is_ready, what="readiness")
        forbid(offstage, Right.READ_MESSAGE_HISTORY)
        await wait_until(lambda: is_caught_up(service), what="the change")
    (said,) = say_hi(offstage)
    async with pool.transaction("test") as tx:
        await tx.execute("UPDATE gateway_sessions SET mark = mark + 1")
    await owe(offstage, pool, said, 1, reply=True, live=True)
    async with offstage.bot():

        async def given_up() -> bool:
            found = await fetch(pool, "SELECT state, last_error FROM effects")
            return found == [("expired", "in doubt: the channel's history cannot be read")]

        await wait_until(given_up, what="giving it up")
    assert answers(offstage) == []


async def test_an_effect_that_makes_no_sense_does_not_hold_up_the_rest(offstage: Stage, pool: Pool) -> None:
    await prepare(offstage, pool)
    (said,) = say_hi(offstage)
    await owe(offstage, pool, said, 1, reply=True, live=True)
    async with pool.transaction("test") as tx:
        await tx.execute("UPDATE effects SET kind = 'unheard_of'")
    async with offstage.bot() as service:

        async def refused() -> bool:
            return await fetch(pool, "SELECT state FROM effects") == [("refused",)]

        await wait_until(refused, what="the refusal of the senseless effect")
        await wait_until(lambda: service.is_ready, what="readiness")
        say_hi(offstage)
        await wait_until(lambda: len(answers(offstage)) == 1, what="the answer")


async def test_a_second_process_is_refused_and_the_first_goes_on(
    offstage: Stage, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "TAKE_WITHIN", 0.5)
    await prepare(offstage, pool)
    async with offstage.bot():
        with pytest.raises(BaseExceptionGroup) as raised, trio.fail_after(10):
            await supervisor.serve(offstage.config())
        (refusal,) = leaves(raised.value)
        assert isinstance(refusal, ShardsTaken)
        assert "already runs shard 0" in str(refusal)
        say_hi(offstage)
        await until_answered(offstage, pool, 1)


async def test_a_rolling_restart_hands_over_without_a_gap(offstage: Stage, pool: Pool) -> None:
    await prepare(offstage, pool)
    first, second = StopSwitch(), StopSwitch()
    async with trio.open_nursery() as nursery:
        old: Service = await nursery.start(partial(supervisor.serve, offstage.config(), switch=first))
        await offstage.wait_online()
        await wait_until(lambda: old.is_ready, what="readiness")
        left = await starts_left(old)
        new: Service = await nursery.start(partial(supervisor.serve, offstage.config(), switch=second))
        say_hi(offstage)
        await until_answered(offstage, pool, 1)
        assert new.shards.statistics() == ()
        say_hi(offstage)
        first.flip()
        say_hi(offstage)
        await wait_until(lambda: new.is_ready, within=15, what="the new process")
        say_hi(offstage)
        await until_answered(offstage, pool, 1, 2, 3, 4)
        assert await starts_left(new) == left
        second.flip()


@attrs.define(eq=False)
class Gate(Trap):
    """Stops commits while it is shut."""

    is_open: trio.Event = attrs.field(factory=trio.Event)

    @override
    async def reach(self, waypoint: Waypoint) -> None:
        if waypoint is Waypoint.BEFORE_COMMIT:
            await self.is_open.wait()


async def test_a_flooded_actor_is_set_aside_and_catches_up(
    offstage: Stage, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alphapy.service.EVENT_BUDGET", 40)
    monkeypatch.setattr("alphapy.actors.aside.LOOK_EVERY", 0.05)
    await prepare(offstage, pool)
    gate = Gate()
    async with mortal_bot(offstage, gate) as service:
        await wait_until(lambda: service.is_ready, what="readiness")
        say_hi(offstage)
        alan = offstage.person("alan")
        for number in range(40):
            alan.say(offstage.general, f"flood {number}")
        say_hi(offstage)
        await wait_until(lambda: service.aside.count == 1, what="setting it aside")
        await offstage.person("margaret").slash(offstage.general, "/version").wait_reply()
        gate.is_open.set()
        await wait_until(lambda: service.aside.count == 0, what="reading the log again")
        say_hi(offstage)
        await until_answered(offstage, pool, 1, 2, 3)
        await wait_until(lambda: is_caught_up(service), what="the mark")


async def test_a_database_that_is_away_loses_nothing(
    offstage: Stage, databases: Databases, database_url: str
) -> None:
    async with open_pool(database_url, min_size=1) as pool:
        await prepare(offstage, pool)
        async with offstage.bot() as service:
            await wait_until(lambda: service.is_ready, what="readiness")
            say_hi(offstage)
            await until_answered(offstage, pool, 1)
            async with outage(databases, database_url):
                say_hi(offstage, 2)
                offstage.demo.world.channels.edit(
                    offstage.demo.owner_id, offstage.general, {"name": "renamed"}
                )
                await trio.sleep(1)
            await until_answered(offstage, pool, 1, 2, 3)
            await wait_until(lambda: is_caught_up(service), within=15, what="the mark")
            rows = await fetch(pool, "SELECT count(*) FROM gateway_guilds WHERE data LIKE '%renamed%'")
            assert rows == [(1,)]


async def test_messages_without_effect_cost_no_transaction_each(offstage: Stage, pool: Pool) -> None:
    await prepare(offstage, pool)
    async with offstage.bot() as service:
        await wait_until(lambda: service.is_ready, what="readiness")
        say_hi(offstage)
        await until_answered(offstage, pool, 1)
        await wait_until(lambda: is_caught_up(service), what="quiet")
        before = service.pool.statistics().committed
        alan = offstage.person("alan")
        for number in range(300):
            alan.say(offstage.general, f"just talk {number}")
        await wait_until(lambda: is_caught_up(service) and counted(service, 301), within=10, what="all of it")
        assert service.pool.statistics().committed - before < 60


def counted(service: Service, messages: int) -> bool:
    return service.router.statistics().routed.get("MESSAGE_CREATE", 0) >= messages
