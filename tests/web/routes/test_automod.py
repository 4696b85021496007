"""Auto-moderation over HTTP (spec/moderation.md 7 and scenarios 14, 15, 17, 19, 37 and 38)."""

from __future__ import annotations

from typing import Any

import pytest
from psycopg.types.json import Jsonb

from tests.web.neighbours import ADMIN, HOME, MEMBER
from tests.web.routes.conftest import TEXT, Desk

PATH = f"/api/dashboard/{HOME}/automod"
RULES = f"{PATH}/rules"
SPAM: dict[str, Any] = {
    "rule_type": "spam",
    "name": " Spam ",
    "config": {"max": 5},
    "action_type": "delete",
    "action_config": {},
}


async def add(desk: Desk, **changes: Any) -> dict[str, Any]:
    answer = await desk.send("POST", RULES, json=SPAM | changes)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def grant(desk: Desk) -> None:
    await desk.execute(
        "INSERT INTO premium_subs (user_id, guild_id, tier, status) VALUES (1, %s, 'x', 'active')", HOME
    )


async def test_moderation_37_a_rule_is_added_as_it_is_asked_for(desk: Desk) -> None:
    added = await add(desk, severity=4)
    assert added["created_at"].startswith("20")
    assert added == {
        "id": added["id"],
        "guild_id": HOME,
        "rule_type": "spam",
        "name": "Spam",
        "enabled": True,
        "config": {"spam_type": "frequency", "max": 5},
        "action_type": "delete",
        "action_config": {},
        "severity": 4,
        "created_by": ADMIN,
        "created_at": added["created_at"],
        "updated_at": added["updated_at"],
        "is_premium": False,
    }
    assert (await desk.get(RULES, params={"ids": "string"}))[0]["created_by"] == str(ADMIN)
    assert [audit.description for audit in desk.audits] == [f"<@{ADMIN}> added the rule `#{added['id']}`."]


async def test_rules_are_listed_as_they_are_judged_changed_and_deleted(desk: Desk) -> None:
    first = await add(desk)
    second = await add(desk, name="b", severity=9, rule_type="caps")
    third = await add(desk, name="c")
    assert second["rule_type"] == "spam"
    assert second["config"]["spam_type"] == "caps"
    assert [rule["id"] for rule in await desk.get(RULES)] == [second["id"], third["id"], first["id"]]
    path = f"{RULES}/{first['id']}"
    answer = await desk.send("PUT", path, json={"name": "z", "config": {"max_messages": "7"}, "severity": 10})
    assert answer.status_code == 200
    assert answer.json()["config"] == {"spam_type": "frequency", "max_messages": 7}
    unchanged = await desk.send("PUT", path, json={})
    assert unchanged.json() == answer.json()
    muted = await desk.send("PUT", path, json={"action_type": "mute", "enabled": False})
    assert muted.json()["action_config"] == {"duration_minutes": 10}
    assert (await desk.send("DELETE", path)).json() == {"success": True}
    assert await desk.refused("DELETE", path) == (404, "not_found")
    assert await desk.refused("PUT", path, json={"name": "x"}) == (404, "not_found")
    for number in ("0", "2147483648"):
        assert await desk.refused("DELETE", f"{RULES}/{number}") == (404, "not_found")
    assert await desk.refused("DELETE", f"{RULES}/x") == (422, "validation_error")


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"name": "  "}, 400, "bad_value"),
        ({"name": "x" * 101}, 400, "bad_value"),
        ({"rule_type": "glob"}, 422, "validation_error"),
        ({"action_type": "explode"}, 422, "validation_error"),
        ({"severity": 11}, 400, "bad_value"),
        ({"config": {"max_messages": 1}}, 400, "bad_value"),
        ({"config": {"spam_type": "?"}}, 400, "bad_value"),
        ({"config": {"x": "x" * 20_000}}, 400, "bad_value"),
        ({"rule_type": "content", "config": {}}, 400, "bad_value"),
        ({"action_type": "mute", "action_config": {"mute_role_id": "5"}}, 400, "bad_value"),
        ({"rule_type": "regex", "config": {"patterns": ["x"]}}, 403, "premium_required"),
        ({"rule_type": "ai", "config": {}}, 403, "premium_required"),
        ({"action_type": "ban"}, 403, "premium_required"),
        ({"config": []}, 422, "validation_error"),
    ],
)
async def test_what_cannot_be_a_rule_is_refused(
    desk: Desk, changes: dict[str, Any], status: int, code: str
) -> None:
    assert await desk.refused("POST", RULES, json=SPAM | changes) == (status, code)
    assert await desk.get(RULES) == []


async def test_moderation_15_a_bad_pattern_is_named(desk: Desk) -> None:
    await grant(desk)
    answer = await desk.send(
        "POST", RULES, json=SPAM | {"rule_type": "regex", "config": {"patterns": ["(?=x)y"]}}
    )
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("Invalid regex")
    assert (await add(desk, rule_type="regex", config={"pattern": "x"}))["is_premium"] is True


async def test_a_server_has_a_hundred_rules(desk: Desk) -> None:
    await desk.execute(
        "INSERT INTO automod_rules (guild_id, rule_type, name, config)"
        " SELECT %s, 'spam', 'r' || n, '{}' FROM generate_series(1, 100) AS n",
        HOME,
    )
    assert await desk.refused("POST", RULES, json=SPAM) == (400, "limit")
    incomplete = (await desk.get(RULES))[0]
    assert (incomplete["action_type"], incomplete["action_config"], incomplete["severity"]) == (None, {}, 1)


async def test_a_shared_action_is_cloned_by_whoever_changes_it(desk: Desk) -> None:
    first = await add(desk)
    second = await add(desk, name="b")
    await desk.execute("UPDATE automod_rules SET action_id = (SELECT min(id) FROM automod_actions)")
    await desk.execute("DELETE FROM automod_actions WHERE id <> (SELECT min(id) FROM automod_actions)")
    await desk.send("PUT", f"{RULES}/{second['id']}", json={"severity": 8})
    rules = {rule["id"]: rule["severity"] for rule in await desk.get(RULES)}
    assert rules == {first["id"]: 1, second["id"]: 8}


async def test_moderation_17_the_log_outlives_its_rule(desk: Desk) -> None:
    rule = await add(desk)
    await desk.execute(
        """
        INSERT INTO automod_logs (guild_id, user_id, message_id, channel_id, rule_id, action_taken,
                                  message_content, context, ai_analysis)
        VALUES (%s, 7, 8, 9, %s, 'delete', 'x', %s, %s)
        """,
        HOME,
        rule["id"],
        Jsonb({"_meta": {"rule_name": "Spam", "rule_type": "spam"}}),
        Jsonb({"violates": True}),
    )
    assert (await desk.send("DELETE", f"{RULES}/{rule['id']}")).status_code == 200
    [row] = await desk.get(f"{PATH}/violations")
    assert (row["rule_id"], row["context"]["_meta"]["rule_name"], row["user_id"]) == (None, "Spam", 7)
    assert row["ai_analysis"] == {"violates": True}
    assert await desk.get(f"{PATH}/violations", params={"user_id": "6"}) == []
    assert await desk.get(f"{PATH}/violations", params={"appeal_status": "pending"}) == []
    assert await desk.get(f"{PATH}/violations", params={"limit": "0", "days": "999"}) == [row]
    stats = await desk.get(f"{PATH}/stats")
    assert stats == {
        "total_rules": 0,
        "enabled_rules": 0,
        "rules_by_type": {},
        "total_violations": 1,
        "violations_today": 1,
        "violations_week": 1,
        "top_violated_rules": [{"name": "Spam", "rule_type": "spam", "violation_count": 1}],
    }


async def test_moderation_28_an_appeal_is_decided_once(desk: Desk) -> None:
    await desk.execute(
        "INSERT INTO automod_logs (guild_id, user_id, action_taken, appeal_status, context)"
        " VALUES (%s, 7, 'warn', 'pending', '{}'), (%s, 7, 'warn', 'none', '{}')",
        HOME,
        HOME,
    )
    path = f"{PATH}/appeals/1/resolve"
    answer = await desk.send("POST", path, json={"decision": "approve"})
    assert answer.json() == {"success": True, "appeal_status": "approved"}
    assert await desk.refused("POST", path, json={"decision": "deny"}) == (409, "not_pending")
    assert await desk.refused("POST", f"{PATH}/appeals/2/resolve", json={"decision": "deny"}) == (
        409,
        "not_pending",
    )
    assert await desk.refused("POST", f"{PATH}/appeals/3/resolve", json={"decision": "deny"}) == (
        404,
        "not_found",
    )
    assert await desk.refused("POST", path, json={"decision": "?"}) == (422, "validation_error")


async def test_moderation_38_old_settings_are_read(desk: Desk) -> None:
    for key, value in (
        ("enabled", "true"),
        ("log_channel_id", TEXT),
        ("log_actions", True),
        ("log_to_database", "false"),
    ):
        await desk.execute(
            """
            INSERT INTO bot_settings (guild_id, scope, key, value, value_type)
            VALUES (%s, 'automod', %s, %s, 'x')
            """,
            HOME,
            key,
            Jsonb(value),
        )
    assert await desk.get(f"{PATH}/settings") == {
        "enabled": True,
        "log_channel_id": str(TEXT),
        "log_actions": True,
        "log_to_database": False,
    }


async def test_settings_change_key_by_key(desk: Desk) -> None:
    path = f"{PATH}/settings"
    assert await desk.get(path) == {
        "enabled": False,
        "log_channel_id": None,
        "log_actions": True,
        "log_to_database": True,
    }
    assert (await desk.send("POST", path, json={})).json() == {"success": True}
    answer = await desk.send("POST", path, json={"enabled": True, "log_channel_id": str(TEXT)})
    assert answer.json() == {"success": True}
    assert await desk.get(path) == {
        "enabled": True,
        "log_channel_id": str(TEXT),
        "log_actions": True,
        "log_to_database": True,
    }
    for cleared in (None, ""):
        await desk.send("POST", path, json={"log_channel_id": cleared})
        assert (await desk.get(path))["log_channel_id"] is None
    assert await desk.refused("POST", path, json={"log_channel_id": "5"}) == (400, "bad_value")
    assert await desk.refused("POST", path, json={"enabled": "maybe"}) == (422, "validation_error")


async def test_rows_of_other_programs_are_read_on_request(desk: Desk) -> None:
    answer = await desk.send("POST", f"{PATH}/invalidate-cache")
    assert answer.json() == {"success": True}


async def test_members_see_nothing(desk: Desk) -> None:
    desk.user_id = MEMBER
    for method, path in (("GET", RULES), ("GET", f"{PATH}/violations"), ("POST", f"{PATH}/invalidate-cache")):
        assert (await desk.send(method, path)).status_code == 403
