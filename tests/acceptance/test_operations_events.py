"""What operators are told of, what is registered when, and who crashes without taking others along."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import trio

from alphapy.actors.operational_events.messages import EVENTS, OperationalEvent, Recent
from alphapy.config import Config, ConfigError
from alphapy.gateway.shard import ShardState
from alphapy.phases import Phase
from alphapy.pure.ids import GuildId
from alphapy.sandbox.faults import GatewayFault, RestFault
from alphapy.storage import custom_commands as custom_storage
from alphapy.supervisor import serve
from tests.support.actors import ask
from tests.support.bot import described, title_of
from tests.support.outage import outage
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from alphapy.sandbox.person import Person
    from alphapy.service import Service
    from alphapy.storage.pool import Pool
    from tests.support.bot import JSON, Stage
    from tests.support.postgres import Databases


async def run(person: Person, stage: Stage, path: str, **options: Any) -> JSON:
    return await person.slash(stage.general, path, **options).wait_reply()


async def recent(service: Service, guild_id: int | None = None) -> list[OperationalEvent]:
    """The events, oldest first."""
    request = Recent(guild_id=None if guild_id is None else GuildId(guild_id), limit=200)
    return list((await ask(service.registry, EVENTS, request)).events)[::-1]


async def kinds(service: Service) -> list[str]:
    return [event.event_type for event in await recent(service)]


def puts(stage: Stage, *, guild: bool = False) -> int:
    path = "guilds/{guild_id}/commands" if guild else "commands"
    return len(stage.sandbox.requests.of(f"PUT /applications/{{application_id}}/{path}"))


def shard_state(service: Service) -> ShardState:
    return service.shards.statistics()[0].state


def second_guild(stage: Stage) -> int:
    """One more guild with the bot in it."""
    world = stage.demo.world
    guild = world.guilds.create("Second", stage.demo.owner_id)
    world.members.join(guild.id, stage.demo.application_id)
    return int(guild.id)


def test_operations_2_strict_security_names_exactly_what_is_missing() -> None:
    names = (
        "SUPABASE_WEBHOOK_SECRET",
        "PREMIUM_INVALIDATE_WEBHOOK_SECRET",
        "APP_REFLECTIONS_WEBHOOK_SECRET",
        "LEGAL_UPDATE_WEBHOOK_SECRET",
        "DISCORD_LINK_WEBHOOK_SECRET",
        "API_KEY",
        "BOT_TOKEN",
    )
    environment = {name: f"value-of-{name}-0815" for name in names}
    environment |= {"STRICT_SECURITY_MODE": "1", "APP_ENV": "production", "DATABASE_URL": "postgresql://db/x"}
    with pytest.raises(ConfigError) as raised:
        Config.load(environment)
    problems = [line for line in str(raised.value).splitlines() if line.startswith("  - ")]
    assert problems == ["  - FOUNDER_WEBHOOK_SECRET is not set: strict security mode needs it"]


async def test_operations_3_and_5_one_put_for_all_and_one_for_each_guild(offstage: Stage, pool: Pool) -> None:
    guilds = {offstage.demo.guild_id, second_guild(offstage)}
    async with offstage.bot() as service:
        await wait_until(lambda: puts(offstage, guild=True) == 2, what="both guilds")

        async def both_told() -> bool:
            found = [await recent(service, guild_id) for guild_id in guilds]
            return all("GUILD_SYNC" in {event.event_type for event in events} for events in found)

        await wait_until(both_told, what="both events")
        for guild_id in guilds:
            (event,) = [one for one in await recent(service, guild_id) if one.event_type == "GUILD_SYNC"]
            assert event.details == {"sync_type": "first_ready", "command_count": 0}
        assert await kinds(service) == ["BOT_READY"]
    async with offstage.bot() as service:
        await wait_until(lambda: shard_state(service) is ShardState.READY, what="the session")
        assert (await kinds(service))[0] == "BOT_READY"
    assert (puts(offstage), puts(offstage, guild=True)) == (1, 2)
    async with pool.transaction("test") as tx:
        rows = await tx.fetch_all(
            "SELECT event_type FROM operational_events WHERE guild_id IS NULL ORDER BY id"
        )
    assert rows[0] == ("BOT_READY",)


async def test_operations_6_a_drop_and_a_resume_make_one_disconnect(offstage: Stage) -> None:
    async with offstage.bot() as service:
        await wait_until(lambda: puts(offstage, guild=True) == 1, what="the first look at the guild")
        offstage.sandbox.faults.arm_gateway(GatewayFault.DROP)
        await wait_until(lambda: service.shards.statistics()[0].reconnects == 1, what="the drop")
        await wait_until(lambda: shard_state(service) is ShardState.READY, what="the resume")
        await run(offstage.person("ada"), offstage, "/version")
        assert await kinds(service) == ["BOT_READY", "BOT_DISCONNECT"]
    assert (puts(offstage), puts(offstage, guild=True)) == (1, 1)


async def test_operations_6_a_drop_and_a_new_session_make_a_reconnect(offstage: Stage) -> None:
    async with offstage.bot() as service:
        await wait_until(lambda: puts(offstage, guild=True) == 1, what="the first look at the guild")
        offstage.sandbox.faults.arm_gateway(GatewayFault.INVALID_SESSION, resumable=False)

        async def reconnected() -> bool:
            return "BOT_RECONNECT" in await kinds(service)

        await wait_until(reconnected, what="the reconnect")
        found = await recent(service)
        assert [event.event_type for event in found] == ["BOT_READY", "BOT_DISCONNECT", "BOT_RECONNECT"]
        assert found[-1].details == {"synced": 0, "skipped": 0}
    assert (puts(offstage), puts(offstage, guild=True)) == (1, 1)


async def test_a_guild_that_is_joined_is_seen_to(offstage: Stage) -> None:
    async with offstage.bot() as service:
        await wait_until(lambda: puts(offstage, guild=True) == 1, what="the first look at the guild")
        joined = second_guild(offstage)
        await wait_until(lambda: puts(offstage, guild=True) == 2, what="the new guild")

        async def told() -> bool:
            found = await recent(service, joined)
            return [event.details["sync_type"] for event in found if event.guild_id] == ["guild_join"]

        await wait_until(told, what="the event")


async def test_what_discord_refuses_does_not_keep_the_bot_away(offstage: Stage) -> None:
    offstage.sandbox.faults.arm_rest(
        RestFault.SERVER_ERROR, route="PUT /applications/{application_id}/commands", times=50, status=502
    )
    async with trio.open_nursery() as nursery:
        service: Service = await nursery.start(serve, offstage.config())
        await wait_until(lambda: service.gateway_ready, within=60, what="the gateway")
        assert not offstage.demo.world.commands.registered
        nursery.cancel_scope.cancel()


async def test_operations_12_a_handler_that_raises_apologises_and_is_told(
    offstage: Stage, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_args: Any, **_options: Any) -> Any:
        raise RuntimeError("x" * 2000)

    ada = offstage.person("ada")
    monkeypatch.setattr("alphapy.actors.status.commands.StatusCommands._version", fails)
    async with offstage.bot() as service:
        reply = await run(ada, offstage, "/version")
        assert reply["flags"] & 64
        trace = reply["content"].rpartition("`")[0].rpartition("`")[2]
        assert len(trace) == 8
        (event,) = [
            one for one in await recent(service, offstage.demo.guild_id) if one.event_type == "COG_ERROR"
        ]
        assert event.details["command"] == "version"
        assert event.details["error_type"] == "RuntimeError"
        assert event.details["trace_id"] == trace
        assert event.details["user_id"] == str(ada.id)
        assert len(event.details["error"]) <= 500
    async with pool.transaction("test") as tx:
        rows = await tx.fetch_all("SELECT success, length(error_message) FROM audit_logs")
    assert rows == [(False, 500)]


async def test_operations_13_entries_of_an_outage_are_stored_with_their_own_times(
    offstage: Stage, pool: Pool, databases: Databases
) -> None:
    ada = offstage.person("ada")
    async with offstage.bot() as service:
        await run(ada, offstage, "/help")
        await wait_until(lambda: service.gateway_ready, what="the gateway")
        async with outage(databases, offstage.database_url):
            started = service.clock.now()
            for path in ("/version", "/help", "/version"):
                await run(ada, offstage, path)
            ended = service.clock.now()
    async with pool.transaction("test") as tx:
        rows = await tx.fetch_all("SELECT command_name, created_at FROM audit_logs ORDER BY id")
    assert [row[0] for row in rows] == ["help", "version", "help", "version"]
    times = [row[1] for row in rows[1:]]
    assert times == sorted(times)
    assert started <= times[0]
    assert times[-1] <= ended + timedelta(seconds=1)  # an invocation ends a little after its answer


async def test_operations_14_a_nul_does_not_hold_up_the_others(
    offstage: Stage, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_args: Any, **_options: Any) -> Any:
        raise RuntimeError("a\x00b")

    ada = offstage.person("ada")
    monkeypatch.setattr("alphapy.actors.status.commands.StatusCommands._version", fails)
    async with offstage.bot():
        for path in ("/help", "/version", "/help"):
            await run(ada, offstage, path)
    async with pool.transaction("test") as tx:
        rows = await tx.fetch_all("SELECT command_name, error_message FROM audit_logs ORDER BY id")
    assert rows == [("help", None), ("version", "RuntimeError: ab"), ("help", None)]


async def test_operations_27_an_actor_that_crashes_is_restarted_and_the_others_answer(
    offstage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = custom_storage.load
    crashes = 3

    async def load(*args: Any, **options: Any) -> Any:
        nonlocal crashes
        if crashes:
            crashes -= 1
            raise RuntimeError("defect")
        return await real(*args, **options)

    monkeypatch.setattr(custom_storage, "load", load)
    linus, ada = offstage.person("linus"), offstage.person("ada")
    async with offstage.bot() as service:
        view = linus.slash(
            offstage.general, "/cc add", name="hi", trigger_type="exact", trigger="hi", response="hello"
        )
        answered = 0
        while crashes:
            assert (await run(ada, offstage, "/version"))["content"]
            answered += 1
        assert answered
        await view.wait_reply()
        ada.say(offstage.general, "hi")
        await ada.wait_message(offstage.general, lambda message: message["content"] == "hello")
        assert service.registry.unhealthy() == ()


async def test_ready_names_the_kinds_of_actors_that_keep_crashing(
    offstage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def load(*_args: Any, **_options: Any) -> Any:
        raise RuntimeError("defect")

    monkeypatch.setattr(custom_storage, "load", load)
    monkeypatch.setattr("alphapy.actors.kernel.cell.UNHEALTHY_AFTER", 2)
    async with offstage.bot() as service, httpx.AsyncClient() as client:
        offstage.person("linus").say(offstage.general, "hi")
        await wait_until(lambda: service.registry.unhealthy() != (), what="the second crash")
        await wait_until(lambda: service.is_ready, what="the gateway")
        answer = await client.get(f"http://127.0.0.1:{service.port}/api/ready")
        assert answer.status_code == 200
        assert answer.json()["unhealthy"] == ["guild/*/custom_commands"]
        found = [
            one for one in await recent(service, offstage.demo.guild_id) if one.event_type == "COG_ERROR"
        ]
        assert [one.details["error_type"] for one in found] == ["RuntimeError"]


async def test_the_phases_of_the_start_are_logged_in_order(
    offstage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    async with offstage.bot() as service:
        await wait_until(lambda: service.gateway_ready, what="the gateway")
        await wait_until(lambda: len(phases(caplog)) == 6, what="the last phase")
    assert phases(caplog) == [int(which) for which in Phase if which is not Phase.CONFIG]


def phases(caplog: pytest.LogCaptureFixture) -> list[int]:
    found = [vars(record) for record in caplog.records if vars(record).get("event") == "start_phase"]
    assert all(one["seconds"] >= 0 for one in found)
    return [one["phase"] for one in found]


async def test_a_setting_that_changes_is_told(offstage: Stage) -> None:
    ada = offstage.person("ada")
    async with offstage.bot() as service:
        reply = await run(ada, offstage, "/system set_log_level", level="critical")
        assert title_of(reply) or described(reply) or reply["content"]

        async def told() -> bool:
            found = await recent(service, offstage.demo.guild_id)
            return any(event.event_type == "SETTINGS_CHANGED" for event in found)

        await wait_until(told, what="the event")
        (event,) = [
            one
            for one in await recent(service, offstage.demo.guild_id)
            if one.event_type == "SETTINGS_CHANGED"
        ]
        assert event.details["scope"] == "system"
        assert event.details["action"] == "set"
        assert event.details["source"] == "command"
