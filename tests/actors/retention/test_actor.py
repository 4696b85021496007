"""Old rows go in time, in batches, whatever else fails (spec/schema.md 5.6; scenario 19)."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import trio

from alphapy.actors.kernel.actor import UnexpectedMessage
from alphapy.actors.kernel.supervision import ChildSpec
from alphapy.actors.retention.actor import Retention
from alphapy.actors.retention.messages import RETENTION, Begin
from alphapy.actors.settings.definitions import registry as settings
from alphapy.storage import retention as storage
from tests.support.actors import running
from tests.support.clock import START, FakeClock
from tests.support.faulty_pool import FaultyPool, gone
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    import pytest

    from alphapy.actors.kernel.actor import Context
    from alphapy.storage.pool import Pool

POLICIES = 4


class Watched(FakeClock):
    """A clock that knows who goes by it."""

    actor: Retention | None = None

    def is_waited_for(self) -> bool:
        """Whether every policy has seen what time it is, and is at work no more."""
        turns = () if self.actor is None else self.actor._due.values()
        return len(turns) == POLICIES and all(turn > self.now() for turn in turns)


def spec(pool: Any, clock: Watched, *, days_of_messages: int = 0) -> ChildSpec:
    definition = settings(llm_provider="grok").definition("system", "audit_retention_days")

    def retention(context: Context) -> Retention:
        clock.actor = Retention(
            context,
            pool=pool,
            clock=clock,
            audit_setting=definition,
            audit_days_of_messages=days_of_messages,
            look_every=0.01,
        )
        return clock.actor

    return ChildSpec(factory=retention, idle_after=None)


async def audit_row(pool: Pool, guild_id: int, *, days: int, times: int = 1) -> None:
    async with pool.transaction("test") as tx:
        await tx.execute(
            "INSERT INTO audit_logs (guild_id, user_id, command_name, command_type, created_at)"
            " SELECT %s, 7, %s, 'slash', %s FROM generate_series(1, %s)",
            (guild_id, f"{days} days", START - timedelta(days=days), times),
        )


async def kept(pool: Pool) -> list[tuple[Any, ...]]:
    async with pool.transaction("test") as tx:
        return await tx.fetch_all("SELECT guild_id, command_name FROM audit_logs ORDER BY 1, 2")


async def retain(pool: Pool, guild_id: int, days: str) -> None:
    async with pool.transaction("test") as tx:
        await tx.execute(
            "INSERT INTO bot_settings (guild_id, scope, key, value)"
            " VALUES (%s, 'system', 'audit_retention_days', %s::jsonb)",
            (guild_id, days),
        )


async def waiting(clock: Watched) -> None:
    await wait_until(clock.is_waited_for, what="the policies waiting for their turns")


NIGHT = START.replace(hour=3, minute=10) + timedelta(days=1)


async def test_scenario_19_a_guild_chooses_how_long_audit_rows_are_kept(pool: Pool) -> None:
    await retain(pool, 5, "30")
    await retain(pool, 8, '"soon"')
    for guild_id in (0, 5, 6, 8):
        await audit_row(pool, guild_id, days=40)
        await audit_row(pool, guild_id, days=20)
    clock = Watched()
    async with running(process_retention=spec(pool, clock)) as registry:
        registry.tell(RETENTION, Begin())
        await waiting(clock)
        before = await kept(pool)
        clock.jump_to(NIGHT - timedelta(seconds=1))
        await waiting(clock)
        assert await kept(pool) == before
        clock.jump_to(NIGHT)
        await wait_until(lambda: _differs(pool, before), what="the daily run")
        await waiting(clock)
    left = [row for row in before if row != (5, "40 days")]
    assert await kept(pool) == left


async def _differs(pool: Pool, before: list[tuple[Any, ...]]) -> bool:
    return await kept(pool) != before


async def test_direct_messages_follow_the_environment(pool: Pool) -> None:
    await audit_row(pool, 0, days=40)
    await audit_row(pool, 5, days=40)
    clock = Watched()
    async with running(process_retention=spec(pool, clock, days_of_messages=30)) as registry:
        registry.tell(RETENTION, Begin())
        await waiting(clock)
        clock.jump_to(NIGHT)
        await wait_until(lambda: _is(pool, [(5, "40 days")]), what="the daily run")


async def _is(pool: Pool, wanted: list[tuple[Any, ...]]) -> bool:
    return await kept(pool) == wanted


async def test_events_and_finished_erasures_go_every_hour(pool: Pool) -> None:
    async with pool.transaction("test") as tx:
        for days in (31, 29):
            await tx.execute(
                "INSERT INTO operational_events (event_type, message, created_at)"
                " VALUES ('BOT_READY', %s, %s)",
                (str(days), START - timedelta(days=days)),
            )
        ages = (("done", 31 * 24), ("done", 25), ("no_subject", 25), ("done", 23), ("pending", None))
        for state, hours in ages:
            ended = None if hours is None else START - timedelta(hours=hours)
            await tx.execute(
                "INSERT INTO gdpr_erasure_jobs"
                " (discord_user_id, innersync_user_id, source, state, completed_at)"
                " VALUES (7, gen_random_uuid(), 'command', %s, %s)",
                (state, ended),
            )
    clock = Watched()
    async with running(process_retention=spec(pool, clock)) as registry:
        registry.tell(RETENTION, Begin())
        await waiting(clock)
        assert await _events(pool) == ["31", "29"]
        clock.advance(60)
        await wait_until(lambda: _events_are(pool, ["29"]), what="the first run")
        await wait_until(lambda: _jobs_are(pool, [False, False, True, True]), what="the jobs")
        await waiting(clock)
        clock.advance(timedelta(days=2))
        await wait_until(lambda: _events_are(pool, []), what="a later run")
        await wait_until(lambda: _jobs_are(pool, [False, False, False, True]), what="the jobs again")


async def _events(pool: Pool) -> list[str]:
    async with pool.transaction("test") as tx:
        return [row[0] for row in await tx.fetch_all("SELECT message FROM operational_events ORDER BY id")]


async def _events_are(pool: Pool, wanted: list[str]) -> bool:
    return await _events(pool) == wanted


async def _jobs_are(pool: Pool, named: list[bool]) -> bool:
    async with pool.transaction("test") as tx:
        rows = await tx.fetch_all(
            "SELECT discord_user_id IS NOT NULL, innersync_user_id IS NOT NULL"
            " FROM gdpr_erasure_jobs ORDER BY id"
        )
    return rows == [(name, name) for name in named]


async def test_a_run_goes_in_batches(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "BATCH", 4)
    await retain(pool, 5, "30")
    await audit_row(pool, 5, days=40, times=10)
    counting = FaultyPool(pool, [])
    clock = Watched(NIGHT - timedelta(seconds=1))
    async with running(process_retention=spec(counting, clock)) as registry:
        registry.tell(RETENTION, Begin())
        await waiting(clock)
        clock.jump_to(NIGHT)
        await wait_until(lambda: _is(pool, []), what="the daily run")
        await waiting(clock)
    assert counting.calls == 1 + 3


async def test_a_failed_run_is_logged_and_tried_again_and_stops_no_other(
    pool: Pool, caplog: pytest.LogCaptureFixture
) -> None:
    await retain(pool, 5, "30")
    await audit_row(pool, 5, days=40)
    faulty = FaultyPool(pool, [gone(), psycopg.errors.QueryCanceled("slow")])
    clock = Watched(NIGHT - timedelta(seconds=1))
    async with running(process_retention=spec(faulty, clock)) as registry:
        registry.tell(RETENTION, Begin())
        await waiting(clock)
        for due in (NIGHT, NIGHT + timedelta(hours=1)):
            failures = len(faulty.errors)
            clock.jump_to(due)
            await wait_until(lambda left=failures: len(faulty.errors) < left, what="a failure")  # type: ignore[misc]
            await waiting(clock)
        clock.advance(timedelta(hours=1))
        await wait_until(lambda: _is(pool, []), what="the repeated run")
        found = registry.find(RETENTION)
        assert found is not None
        assert (found.failed, found.restarts) == (0, 0)
    warned = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert {vars(record)["event"] for record in warned} == {"retention_failed"}
    assert len(warned) == 2


async def test_a_second_process_leaves_it_to_the_first(pool: Pool) -> None:
    await retain(pool, 5, "30")
    await audit_row(pool, 5, days=40)
    counting = FaultyPool(pool, [])
    clock = Watched(NIGHT - timedelta(seconds=1))
    async with running(process_retention=spec(counting, clock)) as registry:
        async with pool.transaction("test") as tx:
            assert await storage.take(tx, "audit_logs")
            registry.tell(RETENTION, Begin())
            await waiting(clock)
            clock.jump_to(NIGHT)
            await wait_until(lambda: counting.calls >= 2, what="the run that is left to the other")
            await waiting(clock)
            assert await kept(pool) == [(5, "40 days")]
        clock.jump_to(NIGHT + timedelta(days=1))
        await wait_until(lambda: _is(pool, []), what="the next day's run")


async def test_a_stop_has_no_turn_to_wait_for(pool: Pool) -> None:
    clock = Watched()
    async with running(process_retention=spec(pool, clock)) as registry:
        registry.tell(RETENTION, Begin())
        await waiting(clock)
        began = trio.current_time()
        report = await registry.stop(deadline=began + 1000)
        assert report.is_clean
        assert trio.current_time() - began < 5


async def test_a_message_of_somebody_else_is_not_handled(pool: Pool) -> None:
    async with running(process_retention=spec(pool, Watched())) as registry:
        registry.tell(RETENTION, "what?")
        await wait_until(lambda: registry.dead_letters().parked == 1, what="the dead letter")
        found = registry.find(RETENTION)
        assert found is not None
        assert UnexpectedMessage.__name__ in str(found.last_error)


async def test_idempotency_keys_go_a_minute_after_they_expire(pool: Pool) -> None:
    async with pool.transaction("test") as tx:
        for key, seconds in (("old", -1), ("new", 90)):
            await tx.execute(
                "INSERT INTO api_idempotency"
                " (namespace, principal, idem_key, request_hash, state, expires_at)"
                " VALUES ('n', 'p', %s, 'h', 'done', %s)",
                (key, START + timedelta(seconds=seconds)),
            )
    clock = Watched()
    async with running(process_retention=spec(pool, clock)) as registry:
        registry.tell(RETENTION, Begin())
        await waiting(clock)
        for left in (["new"], []):
            clock.advance(60)
            await wait_until(lambda wanted=left: _keys_are(pool, wanted), what="the keys")  # type: ignore[misc]
            await waiting(clock)


async def _keys_are(pool: Pool, wanted: list[str]) -> bool:
    async with pool.transaction("test") as tx:
        return [row[0] for row in await tx.fetch_all("SELECT idem_key FROM api_idempotency")] == wanted
