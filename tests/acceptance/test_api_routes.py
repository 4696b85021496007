"""The dashboard's routes against the whole service (spec/api.md 10, settings.md 10, moderation.md 10)."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import attrs
import httpx
import pytest

from alphapy.actors.kernel.clock import SystemClock
from alphapy.pure.ids import GuildId
from alphapy.service import Service
from alphapy.storage.pool import Pool
from alphapy.version import VERSION
from tests.support.bot import JSON, Stage, described
from tests.support.waiting import wait_until
from tests.web.auth.minting import ADA, SECRET, hs256

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from alphapy.actors.settings.snapshot import SettingsSnapshot
    from alphapy.sandbox.person import Person

KEY = "the-service-key"
TEA = {"name": "Tea", "trigger_type": "exact", "trigger_value": "tea", "response": "Here you are."}


@attrs.define
class Panel:
    """The control panel of a server, used by its owner."""

    stage: Stage
    service: Service
    http: httpx.AsyncClient
    pool: Pool

    @property
    def ada(self) -> Person:
        return self.stage.person("ada")

    def path(self, tail: str) -> str:
        return f"/api/dashboard/{self.stage.demo.guild_id}/{tail}"

    @property
    def snapshot(self) -> SettingsSnapshot:
        """What features see of the settings."""
        return self.service.settings.snapshot(GuildId(self.stage.demo.guild_id))

    @property
    def settings(self) -> str:
        return f"/api/dashboard/settings/{self.stage.demo.guild_id}"

    async def send(self, method: str, path: str, *, user: str = "ada", **more: Any) -> httpx.Response:
        headers = {"X-Api-Key": KEY, "X-Discord-User-Id": str(self.stage.person(user).id)}
        return await self.http.request(method, path, headers=headers, **more)

    async def get(self, path: str) -> Any:
        answer = await self.send("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def save(self, category: str, /, **settings: Any) -> None:
        body = {"category": category, "settings": settings}
        answer = await self.send("POST", self.settings, json=body)
        assert answer.status_code == 200, answer.text

    async def refused(self, category: str, /, **settings: Any) -> tuple[int, str]:
        body = {"category": category, "settings": settings}
        answer = await self.send("POST", self.settings, json=body)
        return answer.status_code, answer.json()["code"]

    async def query(self, statement: Any) -> list[tuple[Any, ...]]:
        async with self.pool.transaction("test") as tx:
            return await tx.fetch_all(statement)

    async def rows(self) -> dict[str, Any]:
        return dict(await self.query("SELECT scope || '.' || key, value FROM bot_settings"))

    async def store(self, scope: str, key: str, value: str) -> None:
        async with self.pool.transaction("test") as tx:
            await tx.execute(
                "INSERT INTO bot_settings (guild_id, scope, key, value) VALUES (%s, %s, %s, %s::jsonb)",
                (self.stage.demo.guild_id, scope, key, value),
            )

    def logged(self) -> list[JSON]:
        """The embeds in the log channel, oldest first."""
        seen = self.ada.visible_messages(self.stage.demo.channels["logs"])
        return [embed for message in seen for embed in message["embeds"]]


@asynccontextmanager
async def open_panel(stage: Stage, pool: Pool, **environment: str) -> AsyncIterator[Panel]:
    stage.environment = {"API_KEY": KEY, **environment}
    async with stage.bot() as service:
        base = f"http://127.0.0.1:{service.port}"
        async with httpx.AsyncClient(base_url=base, trust_env=False) as http:
            panel = Panel(stage, service, http, pool)
            await wait_until(lambda: service.is_ready, what="the service")
            yield panel


@pytest.fixture
async def panel(offstage: Stage, pool: Pool) -> AsyncIterator[Panel]:
    async with open_panel(offstage, pool) as opened:
        yield opened


async def answers(panel: Panel, content: str) -> list[JSON]:
    return [
        message
        for message in panel.ada.visible_messages(panel.stage.general)
        if message["content"] == content
    ]


async def test_a_setting_over_http_is_in_force_at_the_next_message(panel: Panel) -> None:
    general, alan = panel.stage.general, panel.stage.person("alan")
    assert (await panel.send("POST", panel.path("custom-commands"), json=TEA)).status_code == 201
    coffee = TEA | {"name": "coffee", "trigger_value": "coffee", "response": "Black?"}
    assert (await panel.send("POST", panel.path("custom-commands"), json=coffee)).status_code == 201
    alan.say(general, "tea")
    await panel.ada.wait_message(general, lambda m: m["content"] == "Here you are.")
    await panel.save("custom_commands", enabled=False)
    alan.say(general, "tea")
    await panel.save("custom_commands", enabled=True)
    alan.say(general, "coffee")
    await panel.ada.wait_message(general, lambda m: m["content"] == "Black?")
    assert len(await answers(panel, "Here you are.")) == 1


async def test_a_custom_command_over_http_answers_at_once_and_in_discord_has_the_same_name(
    panel: Panel,
) -> None:
    general, alan = panel.stage.general, panel.stage.person("alan")
    await panel.send("POST", panel.path("custom-commands"), json=TEA)
    one = panel.path("custom-commands/TEA")
    assert (await panel.send("PUT", one, json={"response": "Changed."})).status_code == 200
    alan.say(general, "tea")
    await panel.ada.wait_message(general, lambda m: m["content"] == "Changed.")
    shown = await panel.ada.slash(general, "/cc view", name=" TEA ").wait_reply()
    assert shown["embeds"][0]["title"] == "Custom command tea"
    await wait_until(lambda: is_counted(panel), what="the use")
    assert (await panel.get(panel.path("custom-commands")))["commands"][0]["uses"] == 1
    assert (await panel.send("DELETE", one)).status_code == 200
    alan.say(general, "tea")
    missing = await panel.ada.slash(general, "/cc view", name="tea").wait_reply()
    assert "There is no custom command" in described(missing)
    assert len(await answers(panel, "Changed.")) == 1


async def is_counted(panel: Panel) -> bool:
    return await panel.query("SELECT uses FROM custom_commands") == [(1,)]


async def test_names_that_another_program_stored_in_upper_case_are_reached_from_everywhere(
    panel: Panel,
) -> None:
    general, ada = panel.stage.general, panel.ada
    async with panel.pool.transaction("test") as tx:
        await tx.execute(
            "INSERT INTO custom_commands (guild_id, name, trigger_type, trigger_value, response)"
            " VALUES (%s, 'HELLO', 'exact', 'hello', 'Hi.'), (%s, 'Bye', 'exact', 'bye', 'Bye.')",
            (panel.stage.demo.guild_id, panel.stage.demo.guild_id),
        )
    toggled = await ada.slash(general, "/cc toggle", name="hello").wait_reply()
    assert "**HELLO** is now off" in described(toggled)
    modal = await ada.slash(general, "/cc edit", name="HELLO").wait_modal()
    assert modal.fields["response"]["value"] == "Hi."
    answer = await panel.send("PUT", panel.path("custom-commands/hello"), json={"enabled": True})
    assert answer.json()["command"]["enabled"] is True
    taken = await ada.slash(
        general, "/cc add", name="bye", trigger_type="exact", trigger="x", response="x"
    ).wait_reply()
    assert "There is a command named" in described(taken)
    assert (await panel.send("DELETE", panel.path("custom-commands/BYE"))).status_code == 200


async def test_a_change_over_http_is_told_in_the_log_channel(panel: Panel) -> None:
    logs = panel.stage.demo.channels["logs"]
    await panel.save("system", log_channel_id=str(logs))
    await panel.save("embedwatcher", reminder_offset_minutes=90, non_embed_enabled=True)
    await wait_until(lambda: len(panel.logged()) == 2, what="the records")
    first, second = panel.logged()
    assert first["title"] == "⚙️ System setting updated"
    assert first["color"] == 0xE67E22
    assert first["footer"]["text"] == f"config | Guild: {panel.stage.demo.guild_id}"
    assert second["description"].splitlines() == [
        "`embedwatcher.non_embed_enabled`: ✅ yes",
        "`embedwatcher.reminder_offset_minutes`: `90`",
        f"By <@{panel.ada.id}>",
    ]
    await panel.save("embedwatcher", reminder_offset_minutes=90)
    await panel.save("system", log_level="critical")
    await wait_until(lambda: len(panel.logged()) == 3, what="the next record")
    assert "log_level" in panel.logged()[2]["description"]


async def test_api_1_health_comes_into_the_history(panel: Panel) -> None:
    assert (await panel.http.get("/api/health")).json()["db_status"] == "ok"

    async def is_stored() -> bool:
        return bool(await panel.query("SELECT FROM health_check_history"))

    await wait_until(is_stored, what="the row")
    history = (await panel.http.get("/api/health/history")).json()["history"]
    assert [entry["version"] for entry in history] == [VERSION]


async def test_api_12_and_13_a_save_merges_and_is_all_or_nothing(panel: Panel) -> None:
    channel = panel.stage.demo.channels["support"]
    await panel.save("reminders", default_channel_id=str(channel))
    await panel.save("reminders", enabled=False)
    expected = {"reminders.default_channel_id": channel, "reminders.enabled": False}
    assert await panel.rows() == expected
    refused = await panel.refused(
        "reminders", enabled=True, allow_everyone_mentions=True, default_channel_id="1"
    )
    assert refused == (400, "bad_value")
    assert await panel.rows() == expected
    shown = await panel.get(panel.settings)
    assert shown["reminders"] == {"default_channel_id": str(channel), "enabled": False}


async def test_api_14_and_settings_23_and_24_what_older_programs_stored_is_shown_as_it_was_meant(
    panel: Panel,
) -> None:
    await panel.store("gdpr", "channel_id", '"\\"1439387968321228800\\""')
    await panel.store("engagement", "weekly_food_channel_ids", '"1439387968321228800,1"')
    shown = await panel.get(panel.settings)
    assert shown["gdpr"] == {"channel_id": "1439387968321228800"}
    assert shown["engagement"] == {"weekly_food_channel_ids": "1439387968321228800,1"}


async def test_api_15_and_settings_25_a_linked_user_rolls_back(offstage: Stage, pool: Pool) -> None:
    async with open_panel(offstage, pool, SUPABASE_JWT_SECRET=SECRET) as panel:
        for minutes in (60, 90):
            await panel.save("embedwatcher", reminder_offset_minutes=minutes)
        linus = offstage.person("linus")
        async with pool.transaction("test") as tx:
            await tx.execute(
                "INSERT INTO alphapy_discord_links (innersync_user_id, discord_user_id) VALUES (%s, %s)",
                (ADA, linus.id),
            )
        now = SystemClock().now().timestamp()
        bearer = {"Authorization": f"Bearer {hs256(iat=now - 5, exp=now + 600)}"}
        history = await panel.http.get(panel.path("settings/history?limit=1"), headers=bearer)
        newest = history.json()[0]["id"]
        answer = await panel.http.post(panel.path(f"settings/rollback/{newest}"), headers=bearer)
        assert (answer.status_code, answer.json()["success"]) == (200, True)
        assert await panel.rows() == {"embedwatcher.reminder_offset_minutes": 60}
        entry, *_ = await panel.get(panel.path("settings/history"))
        assert (entry["change_type"], entry["old_value"], entry["new_value"], entry["changed_by"]) == (
            "rollback",
            90,
            60,
            linus.id,
        )


async def test_settings_7_and_21_bounds_and_categories_are_kept(panel: Panel) -> None:
    await panel.save("embedwatcher", reminder_offset_minutes=4320)
    assert await panel.refused("embedwatcher", reminder_offset_minutes=4321) == (400, "bad_value")
    for category in ("fyi", "bogus"):
        assert await panel.refused(category, enabled=True) == (400, "bad_category")
    assert await panel.rows() == {"embedwatcher.reminder_offset_minutes": 4320}


async def test_settings_20_and_22_what_is_stored_has_its_type(panel: Panel) -> None:
    channel = panel.stage.demo.channels["support"]
    await panel.save("agents", enabled=True)
    await panel.save("reminders", default_channel_id=str(channel), allow_everyone_mentions=False)
    rows = await panel.query("SELECT key, value, value_type, updated_by FROM bot_settings ORDER BY key")
    assert rows == [
        ("allow_everyone_mentions", False, "bool", panel.ada.id),
        ("default_channel_id", channel, "channel", panel.ada.id),
        ("enabled", True, "bool", panel.ada.id),
    ]
    assert panel.snapshot.enabled("agents")


async def test_settings_35_rows_of_another_program_are_read_at_once(panel: Panel) -> None:
    await panel.get(panel.settings)
    await panel.store("custom_commands", "enabled", "false")
    await panel.store("gpt", "temperature", "0.5")
    await panel.store("nobody", "knows", "1")
    answer = await panel.send("POST", panel.path("settings/invalidate-cache"))
    assert answer.json() == {"success": True, "loaded": 2}
    assert not panel.snapshot.enabled("custom_commands")


async def test_the_names_of_a_real_server(panel: Panel) -> None:
    meta = await panel.get(panel.path("discord-meta"))
    names = {channel["name"]: channel for channel in meta["channels"]}
    assert names["logs"]["id"] == str(panel.stage.demo.channels["logs"])
    assert "@everyone" not in {role["name"] for role in meta["roles"]}
    kinds = [channel["type"] == "category" for channel in meta["channels"]]
    assert kinds == sorted(kinds, reverse=True)


async def test_what_happened_is_told_to_the_dashboard(panel: Panel) -> None:
    await panel.save("system", log_level="normal")
    path = f"/api/dashboard/logs?guild_id={panel.stage.demo.guild_id}&event_types=SETTINGS_CHANGED"
    (event,) = (await panel.get(path))["logs"]  # it was told before the answer to the save
    assert event["guild_id"] == panel.stage.demo.guild_id
    assert event["details"] == {
        "scope": "system",
        "count": 1,
        "action": "bulk_update",
        "source": "api",
        "updated_by": panel.ada.id,
    }


async def test_metrics_and_top_commands_of_the_whole(panel: Panel) -> None:
    await panel.ada.slash(panel.stage.general, "/version").wait_reply()
    key = {"X-Api-Key": KEY}
    top = (await panel.http.get("/top-commands", headers=key)).json()
    assert top["commands"] == {"version": 1}
    metrics = (await panel.http.get("/api/dashboard/metrics", headers=key)).json()
    assert metrics["bot"]["online"] is True
    assert [guild["id"] for guild in metrics["bot"]["guilds"]] == [panel.stage.demo.guild_id]
    assert "cc add" in {command["qualified_name"] for command in metrics["bot"]["commands"]}
    assert metrics["command_usage"]["total_commands_24h"] == 1


async def test_a_member_of_a_server_is_no_admin_of_it(panel: Panel) -> None:
    body = {"category": "system", "settings": {"log_level": "normal"}}
    for user, status in (("margaret", 403), ("linus", 200)):
        answer = await panel.send("POST", panel.settings, user=user, json=body)
        assert answer.status_code == status, user
    assert await panel.rows() == {"system.log_level": "normal"}
