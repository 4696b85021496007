"""Settings over HTTP (spec/settings.md 7 and 10, spec/api.md 7.7.4 and 10)."""

from __future__ import annotations

import contextlib
import json
from functools import partial
from typing import TYPE_CHECKING, Any

import trio

from alphapy.actors.kernel.address import Address
from alphapy.gateway.models.guild import Role
from alphapy.pure.ids import GuildId, RoleId
from alphapy.pure.setting_views import DASHBOARD_SCOPES
from alphapy.storage.errors import DatabaseUnavailable
from tests.support.outage import outage
from tests.support.waiting import wait_until
from tests.web.neighbours import ADMIN, ADMIN_ELSEWHERE, BOT_OWNER, ELSEWHERE, HOME, MEMBER, STAFF_ROLE
from tests.web.routes.conftest import CATEGORY, ELSEWHERE_TEXT, TEXT, Desk

if TYPE_CHECKING:
    from tests.support.postgres import Databases

SETTINGS = f"/api/dashboard/settings/{HOME}"


async def save(desk: Desk, category: str, query: str = "", /, **settings: Any) -> str:
    """Save, and return what the answer says."""
    answer = await desk.send("POST", SETTINGS + query, json={"category": category, "settings": settings})
    assert answer.status_code == 200, answer.text
    assert answer.json()["success"] is True
    return str(answer.json()["message"])


async def refusal(desk: Desk, category: str, /, **settings: Any) -> tuple[int, str, str]:
    answer = await desk.send("POST", SETTINGS, json={"category": category, "settings": settings})
    found = answer.json()
    return answer.status_code, found["code"], found["detail"]


async def stored(desk: Desk) -> dict[str, Any]:
    return dict(await desk.query("SELECT scope || '.' || key, value FROM bot_settings"))


async def test_a_server_that_changed_nothing_shows_every_scope_empty(desk: Desk) -> None:
    assert await desk.get(SETTINGS) == {scope: {} for scope in DASHBOARD_SCOPES}


async def test_settings_22_and_23_ids_are_stored_as_numbers_and_shown_as_strings(desk: Desk) -> None:
    await desk.execute(
        "INSERT INTO bot_settings (guild_id, scope, key, value) VALUES"
        " (100, 'gdpr', 'channel_id', '\"\\\"1439387968321228800\\\"\"'),"
        " (100, 'reminders', 'enabled', 'false'),"
        " (100, 'engagement', 'weekly_food_channel_ids', '\"1439387968321228800,1\"'),"
        " (200, 'system', 'log_level', '\"normal\"')"
    )
    await save(desk, "reminders", default_channel_id=str(TEXT), allow_everyone_mentions=False)
    shown = await desk.get(SETTINGS)
    assert {scope: values for scope, values in shown.items() if values} == {
        "gdpr": {"channel_id": "1439387968321228800"},
        "reminders": {
            "enabled": False,
            "default_channel_id": str(TEXT),
            "allow_everyone_mentions": False,
        },
        "engagement": {"weekly_food_channel_ids": "1439387968321228800,1"},
    }
    assert (await stored(desk))["reminders.default_channel_id"] == TEXT


async def test_settings_20_what_is_saved_is_in_force_when_the_answer_comes(desk: Desk) -> None:
    assert await save(desk, "agents", enabled=True) == "1 setting was saved."
    assert desk.board.snapshot(HOME).enabled("agents")
    rows = await desk.query("SELECT value, value_type, updated_by FROM bot_settings")
    assert rows == [(True, "bool", ADMIN)]
    assert await save(desk, "agents", enabled="yes") == (
        "Everything had that value already; nothing was changed."
    )
    assert len(await desk.get(desk.path("settings/history"))) == 1


async def test_settings_21_only_categories_of_the_dashboard_can_be_changed(desk: Desk) -> None:
    for category in ("fyi", "bogus", "", "system "):
        status, code, detail = await refusal(desk, category, enabled=True)
        assert (status, code) == (400, "bad_category")
        assert "reminders" in detail
    assert await stored(desk) == {}


async def test_api_13_one_invalid_key_among_three_changes_no_row(desk: Desk) -> None:
    found = await refusal(
        desk, "embedwatcher", enabled=False, reminder_offset_minutes=4321, non_embed_enabled=True
    )
    assert found == (
        400,
        "bad_value",
        "embedwatcher.reminder_offset_minutes must be between 0 and 4320.",
    )
    assert (await refusal(desk, "embedwatcher", enabled=False, bogus=1))[1] == "unknown_setting"
    made_up = await refusal(desk, "embedwatcher", **{"x" * 5000: 1})
    assert (made_up[1], len(made_up[2]) < 200) == ("unknown_setting", True)
    assert await stored(desk) == {}


async def test_channels_and_roles_must_be_this_servers_own(desk: Desk) -> None:
    desk.house.neighbours.guilds[HOME].roles[RoleId(150)] = Role(id=RoleId(150), name="Bot", managed=True)
    for scope, key, value in (
        ("system", "log_channel_id", str(ELSEWHERE_TEXT)),
        ("system", "log_channel_id", str(CATEGORY)),
        ("system", "log_channel_id", 0.5),
        ("system", "log_channel_id", True),
        ("system", "log_channel_id", "-5"),
        ("system", "log_channel_id", [1]),
        ("ticketbot", "staff_role_id", HOME),
        ("ticketbot", "staff_role_id", 150),
        ("ticketbot", "staff_role_id", 999),
    ):
        assert (await refusal(desk, scope, **{key: value}))[:2] == (400, "bad_value"), value
        desk.user_id = BOT_OWNER if desk.user_id == ADMIN else ADMIN
    await save(desk, "ticketbot", staff_role_id=str(STAFF_ROLE), category_id={"id": str(CATEGORY)})
    assert await stored(desk) == {"ticketbot.staff_role_id": STAFF_ROLE, "ticketbot.category_id": CATEGORY}


async def test_a_request_that_makes_no_sense_is_told_where(desk: Desk) -> None:
    cases: list[tuple[bytes, list[Any], str]] = [
        (b"", ["body"], "missing"),
        (b"{", ["body"], "json_invalid"),
        (b"[]", ["body"], "object_type"),
        (b'{"category": 5, "settings": {}}', ["body", "category"], "string_type"),
        (b'{"category": "system"}', ["body", "settings"], "missing"),
        (b'{"category": "system", "settings": []}', ["body", "settings"], "object_type"),
    ]
    for body, loc, kind in cases:
        answer = await desk.send("POST", SETTINGS, content=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "validation_error"), body
        assert [(fault["loc"], fault["type"]) for fault in answer.json()["detail"]] == [(loc, kind)]
    many = {"category": "system", "settings": {f"k{n}": n for n in range(101)}}
    answer = await desk.send("POST", SETTINGS, json=many)
    assert answer.json()["detail"][0]["type"] == "too_long"
    assert (await desk.refused("POST", SETTINGS + "?mode=wipe", json=many))[0] == 422


async def test_hostile_values_are_refused_in_order(desk: Desk) -> None:
    deep: Any = []
    for _ in range(200):
        deep = [deep]
    for value in ("\x00", "\ud800", "x" * 5000, deep, 10**400, {"id": {"id": "1"}}, [[1]] * 11):
        answer = await desk.send(
            "POST",
            SETTINGS,
            content=json.dumps(
                {"category": "automod", "settings": {"warn_message": value, "escalation": value}}
            ),
        )
        assert answer.status_code in {400, 422}, answer.text
        desk.user_id = BOT_OWNER if desk.user_id == ADMIN else ADMIN
    assert await stored(desk) == {}


async def test_replace_clears_what_is_not_listed(desk: Desk) -> None:
    await save(desk, "reminders", enabled=False, default_channel_id=str(TEXT))
    assert await save(desk, "reminders", "?mode=replace", allow_everyone_mentions=True) == (
        "3 settings were saved."
    )
    assert await stored(desk) == {"reminders.allow_everyone_mentions": True}
    await save(desk, "reminders", allow_everyone_mentions=None)
    assert await stored(desk) == {}


async def test_the_model_is_for_bot_owners(desk: Desk) -> None:
    found = await refusal(desk, "gpt", model="grok-9")
    assert found == (403, "forbidden", "Only a bot owner may change gpt.model.")
    desk.user_id = BOT_OWNER
    desk.house.neighbours.roles[HOME, BOT_OWNER] = ()
    await save(desk, "gpt", model="grok-9")
    desk.user_id = ADMIN
    await save(desk, "gpt", model="grok-9", temperature=1)
    assert await stored(desk) == {"gpt.model": "grok-9", "gpt.temperature": 1.0}


async def test_the_history_is_paged_and_filtered(desk: Desk) -> None:
    await save(desk, "system", log_channel_id=str(TEXT), log_level="normal")
    await save(desk, "embedwatcher", reminder_offset_minutes=5)
    await save(desk, "system", log_channel_id="")
    history = desk.path("settings/history")
    everything = await desk.get(history)
    assert [(item["scope"], item["key"], item["change_type"]) for item in everything] == [
        ("system", "log_channel_id", "deleted"),
        ("embedwatcher", "reminder_offset_minutes", "created"),
        ("system", "log_level", "created"),
        ("system", "log_channel_id", "created"),
    ]
    assert everything[0] == {
        "id": everything[0]["id"],
        "scope": "system",
        "key": "log_channel_id",
        "old_value": str(TEXT),
        "new_value": None,
        "value_type": "channel",
        "changed_by": ADMIN,
        "changed_at": everything[0]["changed_at"],
        "change_type": "deleted",
    }
    assert everything[0]["changed_at"].endswith(("Z", "+00:00"))
    assert len(await desk.get(history + "?scope=system")) == 3
    assert len(await desk.get(history + "?key=log_level")) == 1
    assert len(await desk.get(history + "?scope=embedwatcher&key=log_level")) == 0
    assert len(await desk.get(history + "?limit=0")) == 1
    assert len(await desk.get(history + "?limit=100000")) == 4
    (newest,) = await desk.get(history + "?limit=1&ids=string")
    assert newest["changed_by"] == str(ADMIN)
    assert (await desk.refused("GET", history + "?limit=many"))[0] == 422


async def test_settings_25_and_26_rolling_back(desk: Desk) -> None:
    for minutes in (60, 90):
        await save(desk, "embedwatcher", reminder_offset_minutes=minutes)
    updated, created = [item["id"] for item in await desk.get(desk.path("settings/history"))]
    back = desk.path("settings/rollback/")
    answer = await desk.send("POST", f"{back}{updated}")
    assert (answer.status_code, answer.json()["success"]) == (200, True)
    assert answer.json()["message"] == "embedwatcher.reminder_offset_minutes has its earlier value again."
    assert desk.board.snapshot(HOME).number("embedwatcher", "reminder_offset_minutes") == 60
    again = await desk.send("POST", f"{back}{updated}")
    assert (again.status_code, "nothing was changed" in again.json()["message"]) == (200, True)
    newest, *_ = history = await desk.get(desk.path("settings/history"))
    assert (newest["change_type"], newest["old_value"], newest["new_value"]) == ("rollback", 90, 60)
    assert len(history) == 3
    assert await desk.refused("POST", f"{back}{created}") == (400, "not_rollbackable")
    for number in (0, -1, 2**31, 2**62):
        assert await desk.refused("POST", f"{back}{number}") == (404, "not_found")
    assert await desk.refused("POST", f"{back}seven") == (422, "validation_error")


async def test_settings_26_a_change_of_another_server_is_not_found(desk: Desk) -> None:
    for minutes in (60, 90):
        await save(desk, "embedwatcher", reminder_offset_minutes=minutes)
    newest = (await desk.get(desk.path("settings/history")))[0]["id"]
    desk.user_id = ADMIN_ELSEWHERE
    assert await desk.refused("POST", desk.path(f"settings/rollback/{newest}", ELSEWHERE)) == (
        404,
        "not_found",
    )
    assert await desk.get(desk.path("settings/history", ELSEWHERE)) == []
    assert await desk.refused("GET", desk.path("settings/history")) == (403, "not_guild_admin")
    assert await desk.refused("POST", SETTINGS, json={"category": "system", "settings": {}}) == (
        403,
        "not_guild_admin",
    )


async def test_settings_35_reading_again_counts_what_is_in_force(desk: Desk) -> None:
    await desk.execute(
        "INSERT INTO bot_settings (guild_id, scope, key, value) VALUES"
        " (100, 'growth', 'enabled', 'false'), (100, 'system', 'log_level', '\"normal\"'),"
        " (100, 'nobody', 'knows', '1')"
    )
    answer = await desk.send("POST", desk.path("settings/invalidate-cache"))
    assert (answer.status_code, answer.json()) == (200, {"success": True, "loaded": 2})
    assert not desk.board.snapshot(HOME).enabled("growth")
    desk.user_id = MEMBER
    assert await desk.refused("POST", desk.path("settings/invalidate-cache")) == (403, "not_guild_admin")


async def test_without_a_settings_actor_there_is_no_cache_to_read_again(desk: Desk) -> None:
    await desk.house.registry.stop(deadline=trio.current_time() + 5)
    assert await desk.refused("POST", desk.path("settings/invalidate-cache")) == (503, "overloaded")


async def test_a_table_that_cannot_be_read_is_a_500(desk: Desk) -> None:
    await desk.execute("ALTER TABLE bot_settings RENAME TO hidden_settings")
    assert await desk.refused("POST", desk.path("settings/invalidate-cache")) == (500, "internal")


async def test_ids_that_are_none_are_a_422_before_anything_else(desk: Desk) -> None:
    for guild_id in ("abc", "0", "-1", str(2**63), "1.0", "%20100"):
        path = f"/api/dashboard/settings/{guild_id}"
        answer = await desk.send("GET", path, headers={"X-Api-Key": "wrong"})
        assert answer.status_code == 422, guild_id
        assert answer.json()["detail"][0]["loc"] == ["path", "guild_id"]


async def test_a_database_that_is_away_is_a_503_at_once(
    desk: Desk, databases: Databases, database_url: str
) -> None:
    await save(desk, "system", log_level="normal")
    async with outage(databases, database_url):
        await wait_until(lambda: down(desk), what="the pool to notice")
        with trio.fail_after(5):
            body = {"category": "system", "settings": {"log_level": "critical"}}
            assert await desk.refused("POST", SETTINGS, json=body) == (503, "db_unavailable")
            assert await desk.refused("GET", SETTINGS) == (503, "db_unavailable")
            assert await desk.refused("GET", desk.path("settings/history")) == (503, "db_unavailable")
    await wait_until(lambda: desk.house.pool.statistics().available, within=15, what="the database")
    assert (await stored(desk)) == {"system.log_level": "normal"}


async def down(desk: Desk) -> bool:
    with contextlib.suppress(DatabaseUnavailable):
        await desk.house.pool.ping()
    return not desk.house.pool.statistics().available


async def test_a_change_is_told_in_the_log_channel_even_if_nobody_waits_for_the_answer(desk: Desk) -> None:
    body = {"category": "reminders", "settings": {"enabled": False}}
    async with desk.house.pool.transaction("test") as tx, trio.open_nursery() as nursery:
        await tx.execute("LOCK TABLE bot_settings IN ACCESS EXCLUSIVE MODE")
        nursery.start_soon(partial(desk.send, "POST", SETTINGS, json=body))
        await wait_until(lambda: waits_for_lock(desk), what="the write to be under way")
        nursery.cancel_scope.cancel()  # the client goes away; then the lock does
    await wait_until(lambda: bool(desk.audits), what="the record")
    assert desk.audits[0].title == "⏰ Reminders setting updated"
    assert not desk.board.snapshot(HOME).enabled("reminders")


async def waits_for_lock(desk: Desk) -> bool:
    found = await desk.query("SELECT count(*) FROM pg_locks WHERE NOT granted")
    return bool(found[0][0])


async def test_another_servers_actor_is_left_alone(desk: Desk) -> None:
    await save(desk, "system", log_level="normal")
    other = Address.guild(GuildId(ELSEWHERE), "settings")
    assert desk.house.registry.find(other) is None


async def test_a_server_that_is_gone_since_its_admin_was_let_in(desk: Desk) -> None:
    await desk.get(SETTINGS)  # so that the admin is known for a while
    del desk.house.neighbours.guilds[HOME]
    assert (await refusal(desk, "system", log_channel_id=str(TEXT)))[:2] == (503, "bot_unavailable")
    assert await desk.refused("GET", desk.path("discord-meta")) == (400, "guild_not_found")
    await save(desk, "system", log_level="normal")
