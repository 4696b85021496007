"""Metrics and the most used commands over HTTP (spec/api.md 7.7.1, 7.7.2 and 10)."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID

import attrs
import trio

from alphapy.actors.status.messages import TRACKER
from alphapy.environment import Secret
from alphapy.gateway.invocation import Outcome
from alphapy.gateway.shard import ShardState
from alphapy.pure.ids import UserId
from alphapy.web.auth.hooks import sign
from alphapy.web.auth.security import IdentityService, Security
from alphapy.web.routes.metrics import span
from tests.support.outage import outage
from tests.support.waiting import wait_until
from tests.web.auth.minting import ADA, SECRET, hs256
from tests.web.house import shard
from tests.web.neighbours import ADMIN, BOT_OWNER, ELSEWHERE, HOME, MEMBER, OWNER, STRANGER
from tests.web.routes.conftest import KEY, Desk, open_desk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

    from alphapy.storage.pool import Pool
    from tests.support.postgres import Databases

METRICS = "/api/dashboard/metrics"
TOKENS = Security(identity=IdentityService(jwt_secret=Secret(SECRET), issuer=""))


@attrs.frozen
class Users:
    """Callers with a token of ADA's, linked to whomever the test wants."""

    desk: Desk

    async def get(self, path: str, user_id: int | None = None) -> httpx.Response:
        await self.desk.execute("DELETE FROM alphapy_discord_links")
        if user_id is not None:
            await self.desk.execute(
                "INSERT INTO alphapy_discord_links (innersync_user_id, discord_user_id) VALUES (%s, %s)",
                ADA,
                user_id,
            )
        return await self.desk.house.http.get(path, headers={"Authorization": f"Bearer {hs256()}"})

    async def refused(self, path: str, user_id: int | None = None) -> tuple[int, str]:
        answer = await self.get(path, user_id)
        return answer.status_code, answer.json()["code"]


@asynccontextmanager
async def open_users(pool: Pool, **changes: Any) -> AsyncIterator[Users]:
    async with open_desk(pool, security=TOKENS, **changes) as desk:
        yield Users(desk)


async def as_service(desk: Desk, path: str) -> Any:
    answer = await desk.house.http.get(path, headers={"X-Api-Key": KEY})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def used(desk: Desk, name: str, times: int, *, guild_id: int = HOME, days_ago: float = 0) -> None:
    await desk.execute(
        "INSERT INTO audit_logs (guild_id, user_id, command_name, command_type, success, created_at)"
        " SELECT %s, 5, %s, 'slash', true, now() - make_interval(secs => %s)"
        " FROM generate_series(1, %s)",
        guild_id,
        name,
        days_ago * 86_400,
        times,
    )


async def test_the_most_used_commands_in_order(desk: Desk) -> None:
    await used(desk, "tea", 2)
    await used(desk, "cake", 2)
    await used(desk, "cc add", 5)
    await used(desk, "tea", 9, guild_id=ELSEWHERE)
    await used(desk, "cake", 3, days_ago=8)
    answer = await desk.house.http.get(f"/top-commands?guild_id={HOME}&limit=2", headers={"X-Api-Key": KEY})
    assert answer.text == (
        f'{{"commands":{{"cc add":5,"cake":2}},"period_days":7,"guild_id":{HOME},"total_commands":9}}'
    )
    assert (await as_service(desk, "/top-commands?days=30"))["commands"] == {
        "tea": 11,
        "cake": 5,
        "cc add": 5,
    }
    clamped = await as_service(desk, f"/top-commands?guild_id={ELSEWHERE}&days=0&limit=0&ids=string")
    assert clamped == {
        "commands": {"tea": 9},
        "period_days": 1,
        "guild_id": str(ELSEWHERE),
        "total_commands": 9,
    }
    for query in ("days=many", "limit=1.5", "guild_id=abc"):
        answer = await desk.house.http.get(f"/top-commands?{query}", headers={"X-Api-Key": KEY})
        assert answer.status_code == 422, query


async def test_what_is_not_stored_yet_counts(desk: Desk) -> None:
    outcome = Outcome(
        guild_id=HOME,
        user_id=UserId(5),
        path="version",
        kind="slash",
        success=True,
        error=None,
        ended_at=desk.house.clock.now(),
    )
    desk.house.registry.tell(TRACKER, outcome)

    async def is_queued() -> bool:
        metrics = await as_service(desk, METRICS)
        return bool(metrics["cache_metrics"]["command_tracker_queue_size"] == 1)

    await wait_until(is_queued, what="the invocation in the queue")
    assert await desk.query("SELECT count(*) FROM audit_logs") == [(0,)]
    await as_service(desk, "/top-commands")
    assert await desk.query("SELECT command_name FROM audit_logs") == [("version",)]


async def test_top_commands_are_for_admins_and_bot_owners(pool: Pool) -> None:
    async with open_users(pool) as users:
        await used(users.desk, "tea", 1)
        path = f"/top-commands?guild_id={HOME}"
        assert (await users.get(path, ADMIN)).json()["commands"] == {"tea": 1}
        assert await users.refused(path, MEMBER) == (403, "not_guild_admin")
        assert await users.refused(path) == (403, "not_linked")
        assert (await users.get("/top-commands", BOT_OWNER)).json()["guild_id"] is None
        assert await users.refused("/top-commands", OWNER) == (403, "forbidden")
        assert await users.refused("/top-commands") == (403, "not_linked")
        bare = await users.desk.house.http.get(path)
        assert (bare.status_code, bare.json()["code"]) == (401, "unauthorized")


async def test_the_services_own_server_is_the_one_where_none_is_named(pool: Pool) -> None:
    async with open_users(pool, main_guild_id=HOME) as users:
        await used(users.desk, "tea", 1)
        await used(users.desk, "cake", 1, guild_id=ELSEWHERE)
        assert (await as_service(users.desk, "/top-commands"))["commands"] == {"tea": 1}
        assert (await users.get("/top-commands", ADMIN)).json()["guild_id"] == HOME
        assert await users.refused("/top-commands", STRANGER) == (403, "not_guild_admin")
        assert (await users.get(METRICS, ADMIN)).status_code == 200


async def test_public_statistics_need_no_key(pool: Pool) -> None:
    async with open_users(pool, public_stats=True) as users:
        answer = await users.desk.house.http.get("/top-commands")
        assert (answer.status_code, answer.json()["commands"]) == (200, {})
        assert (await users.desk.house.http.get(METRICS)).status_code == 401


async def test_api_27_metrics_are_for_admins_of_the_server(pool: Pool) -> None:
    async with open_users(pool) as users:
        path = f"{METRICS}?guild_id={HOME}"
        assert await users.refused(path, MEMBER) == (403, "not_guild_admin")
        assert await users.refused(path) == (403, "not_linked")
        assert await users.refused(METRICS, OWNER) == (403, "forbidden")
        admin = (await users.get(path, ADMIN)).json()
        assert [guild["id"] for guild in admin["bot"]["guilds"]] == [HOME]
        owner = (await users.get(METRICS, BOT_OWNER)).json()
        assert [guild["id"] for guild in owner["bot"]["guilds"]] == [HOME, ELSEWHERE]
        service = await as_service(users.desk, "/api/metrics?ids=string")
        looked_up = service["identity_metrics"]
        assert (looked_up["identity_resolve_total"], looked_up["identity_resolve_hit_links"]) == (5, 4)
        assert (looked_up["identity_resolve_miss"], looked_up["identity_jwt_unlinked_403"]) == (1, 1)
        assert service["cache_metrics"]["ip_rate_limits_size"] == 1
        assert [guild["id"] for guild in service["bot"]["guilds"]] == [str(HOME), str(ELSEWHERE)]
        assert service["bot"]["guilds"][0]["owner_id"] == str(OWNER)


async def fill(desk: Desk) -> None:
    now = desk.house.clock.now()
    await desk.execute(
        "INSERT INTO reminders (guild_id, name, channel_id, event_time, days, completed) VALUES"
        " (100, 'past', 7, %s - interval '1 hour', '{}', false),"
        " (100, 'soon', 7, %s + interval '1 hour', '{}', false),"
        " (100, 'later', 8, %s + interval '2 hours', NULL, NULL),"
        " (100, 'never', 8, 'infinity', NULL, false),"
        " (100, 'weekly', 7, NULL, '{0}', false),"
        " (100, 'done', 9, %s + interval '1 hour', '{}', true),"
        " (200, 'theirs', 9, %s + interval '1 hour', '{}', false)",
        *([now] * 5),
    )
    await desk.execute(
        "INSERT INTO support_tickets (guild_id, user_id, username, description, status, channel_id,"
        " created_at, closed_at, archived_at, updated_at) VALUES"
        " (100, 1, 'ada', 'd', 'open', 5, '2026-01-01 10:00Z', NULL, NULL, now()),"
        " (100, 1, 'ada', 'd', 'claimed', NULL, '2026-01-01 09:00Z', NULL, NULL, now()),"
        " (100, 1, NULL, 'd', 'closed', 6, '2026-01-01 10:00Z', '2026-01-01 11:00Z', NULL, now()),"
        " (100, 1, NULL, 'd', 'archived', 6, '2026-01-01 10:00Z', NULL, '2026-01-01 13:00Z', now()),"
        " (100, 1, NULL, 'd', 'closed', 6, 'infinity', NULL, NULL, now()),"
        " (200, 1, 'eve', 'd', 'open', 5, '2026-02-01 10:00Z', NULL, NULL, now())"
    )
    await desk.execute(
        "INSERT INTO bot_settings (guild_id, scope, key, value) VALUES"
        " (100, 'system', 'log_level', '\"normal\"'), (100, 'gpt', 'enabled', 'false'),"
        " (200, 'system', 'log_channel_id', '5')"
    )


async def test_every_part_of_one_server(desk: Desk) -> None:
    await fill(desk)
    await used(desk, "tea", 3)
    found = await as_service(desk, f"{METRICS}?guild_id={HOME}")
    bot = found["bot"]
    assert (bot["online"], bot["latency_ms"], bot["commands_loaded"]) == (True, 42.0, 2)
    assert (bot["version"], bot["codename"]) == ("1.2.3", "Test Light")
    assert bot["commands"][0] == {
        "qualified_name": "cc list",
        "description": "List them",
        "type": "slash",
    }
    reminders = found["reminders"]
    assert {name: reminders[name] for name in ("total", "recurring", "one_off")} == {
        "total": 5,
        "recurring": 1,
        "one_off": 4,
    }
    assert reminders["per_channel"] == {"7": 3, "8": 2}
    assert [reminder["name"] for reminder in reminders["upcoming"]] == ["soon", "later"]
    assert reminders["next_event_time"] == reminders["upcoming"][0]["scheduled_time"]
    assert reminders["next_event_time"].endswith("+01:00")
    tickets = found["tickets"]
    assert (tickets["total"], tickets["open_count"]) == (5, 2)
    assert tickets["per_status"] == {"open": 1, "claimed": 1, "closed": 2, "archived": 1}
    assert (tickets["average_close_seconds"], tickets["average_close_human"]) == (7200, "2h 0m 0s")
    assert [(item["status"], item["channel_id"]) for item in tickets["open_items"]] == [
        ("claimed", None),
        ("open", 5),
    ]
    assert len(tickets["open_ticket_ids"]) == 2
    assert found["settings_overrides"] == [
        {"scope": "gpt", "key": "enabled", "value": "false", "guild_id": HOME},
        {"scope": "system", "key": "log_level", "value": "normal", "guild_id": HOME},
    ]
    assert found["command_usage"] == {
        "top_commands": [{"command_name": "tea", "usage_count": 3}],
        "total_commands_24h": 3,
        "period_days": 7,
    }
    assert found["infrastructure"]["database_up"] is True
    assert found["agent_sessions"] is None
    assert (found["gpt"]["success_count"], found["gpt"]["recent_errors"]) == (0, [])
    everywhere = await as_service(desk, METRICS)
    assert (everywhere["reminders"]["total"], everywhere["tickets"]["total"]) == (6, 6)
    assert len(everywhere["settings_overrides"]) == 3


async def test_usage_is_remembered_for_a_while_and_per_server(desk: Desk) -> None:
    await used(desk, "tea", 1)
    first = (await as_service(desk, f"{METRICS}?guild_id={HOME}"))["command_usage"]
    await used(desk, "tea", 1)
    again = await as_service(desk, f"{METRICS}?guild_id={HOME}")
    assert again["command_usage"] == first
    assert again["cache_metrics"]["command_stats_cache_size"] == 1
    assert (await as_service(desk, METRICS))["command_usage"]["total_commands_24h"] == 2


async def test_a_part_that_cannot_be_read_is_empty(desk: Desk) -> None:
    await fill(desk)
    await desk.execute("ALTER TABLE support_tickets RENAME TO hidden_tickets")
    await desk.execute("ALTER TABLE audit_logs RENAME TO hidden_logs")
    async with desk.house.pool.transaction("test") as tx:  # so that reminders cannot be read in time
        await tx.execute("LOCK TABLE reminders IN ACCESS EXCLUSIVE MODE")
        with trio.fail_after(9):
            found = await as_service(desk, METRICS)
    assert found["tickets"]["per_status"] == {}
    assert found["command_usage"] is None
    assert found["reminders"]["total"] == 0
    assert len(found["settings_overrides"]) == 3


async def test_metrics_answer_without_a_database(desk: Desk, databases: Databases, database_url: str) -> None:
    async with outage(databases, database_url):
        with trio.fail_after(9):
            found = await as_service(desk, METRICS)
        assert found["infrastructure"]["database_up"] is False
        assert found["settings_overrides"] == []
    await wait_until(lambda: desk.house.pool.statistics().available, within=15, what="the database")


async def test_a_bot_that_is_down_has_nothing_to_tell(desk: Desk) -> None:
    desk.house.gateway.shards = (shard(0, state=ShardState.CONNECTING),)
    bot = (await as_service(desk, METRICS))["bot"]
    assert bot == {
        "online": False,
        "version": "1.2.3",
        "codename": "Test Light",
        "latency_ms": None,
        "uptime_seconds": None,
        "uptime_human": None,
        "commands_loaded": 0,
        "guilds": [],
        "commands": [],
    }


def test_spans_are_read_by_people() -> None:
    assert span(0) == "0s"
    assert span(59) == "59s"
    assert span(3600) == "1h 0m 0s"
    assert span(93_784) == "1d 2h 3m 4s"


async def test_what_became_of_links_is_counted(pool: Pool) -> None:
    secret = Secret("shared with the sender")
    security = attrs.evolve(TOKENS, hook_secrets={"DISCORD_LINK_WEBHOOK_SECRET": secret})
    async with open_desk(pool, security=security) as desk:
        for user_id, subject in ((5, UUID(int=1)), (5, UUID(int=1)), (6, UUID(int=1))):
            raw = json.dumps({"discord_user_id": user_id, "innersync_user_id": str(subject)}).encode()
            await desk.house.http.post(
                "/webhooks/discord-link", content=raw, headers={"X-Webhook-Signature": sign(secret, raw)}
            )
        figures = (await as_service(desk, METRICS))["identity_metrics"]
    assert figures["identity_link_webhook_ok"] == 2
    assert figures["identity_link_webhook_conflict"] == 1
