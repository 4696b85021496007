"""Acceptance scenarios of spec/schema.md 10: those without a place of their own; none is missing."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from alphapy.pure.ids import GuildId
from alphapy.storage import migrate
from alphapy.storage import settings as storage
from alphapy.storage.pool import open_pool
from alphapy.storage.settings import SettingWrite
from tests.storage.schema.support import run

if TYPE_CHECKING:
    from alphapy.storage.pool import Pool

TESTS = Path(__file__).parents[2]
HERE = ("storage", "actors/retention", "actors/status", "acceptance")


def test_every_scenario_has_a_test() -> None:
    names = [
        name
        for folder in HERE
        for path in (TESTS / folder).rglob("test_*.py")
        for name in re.findall(r"def test_(?:schema|scenario)_(\d+)_", path.read_text())
    ]
    assert {int(name) for name in names} >= set(range(1, 26))


async def test_scenario_17_a_setting_that_is_cleared_leaves_json_null(pool: Pool, database_url: str) -> None:
    for value in ("abc", None):
        change = SettingWrite("system", "log_level", "str", value)
        await pool.run("test", lambda tx, change=change: storage.write(tx, GuildId(5), change, changed_by=7))  # type: ignore[misc]
    assert run(
        database_url,
        "SELECT change_type, old_value::text, new_value::text, new_value IS NULL FROM settings_history"
        " ORDER BY id DESC LIMIT 1",
    ) == [("deleted", '"abc"', "null", False)]


@pytest.mark.parametrize("zone", ["Etc/GMT+12", "Pacific/Kiritimati"])
async def test_scenario_24_sessions_live_in_utc_wherever_the_server_is(database_url: str, zone: str) -> None:
    """Of the two zones, one has another date than UTC at any moment."""
    run(database_url, f"ALTER ROLE CURRENT_USER IN DATABASE {_name(database_url)} SET timezone = '{zone}'")
    async with open_pool(database_url, min_size=1) as pool, pool.transaction("test") as tx:
        assert await tx.fetch_value("SHOW timezone") == "UTC"
        await tx.execute("INSERT INTO gpt_usage (user_id, guild_id) VALUES (1, 1)")
        assert await tx.fetch_value("SELECT usage_date = (now() AT TIME ZONE 'UTC')::date FROM gpt_usage")


def _name(url: str) -> str:
    return url.partition("@/")[2].partition("?")[0]


def test_a_retired_value_is_recorded_to_the_letter(empty_database_url: str) -> None:
    """Also one that no program could read: its row is in the history as it was."""
    migrate.upgrade(empty_database_url, "020_engagement_system")
    huge = "9" * 6000
    run(
        empty_database_url,
        "INSERT INTO bot_settings (guild_id, scope, key, value) VALUES"
        " (5, 'module_status', 'faq', %s::jsonb), (6, 'module_status', 'faq', '[1.10, 1e400]')",
        huge,
    )
    migrate.upgrade(empty_database_url)
    found = run(empty_database_url, "SELECT old_value::text FROM settings_history ORDER BY guild_id")
    assert found == [(huge,), (f"[1.10, 1{'0' * 400}]",)]
