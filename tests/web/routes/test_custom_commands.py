"""Custom commands over HTTP (spec/api.md 7.7.9, spec/moderation.md 7 and 10)."""

from __future__ import annotations

from typing import Any

import trio

from tests.web.neighbours import ADMIN, ADMIN_ELSEWHERE, ELSEWHERE, HOME, MEMBER
from tests.web.routes.conftest import KEY, Desk

PATH = f"/api/dashboard/{HOME}/custom-commands"
TEA = {"name": " Tea ", "trigger_type": "exact", "trigger_value": " tea ", "response": " Here you are. "}


async def add(desk: Desk, **changes: Any) -> dict[str, Any]:
    answer = await desk.send("POST", PATH, json=TEA | changes)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()["command"]
    return found


async def names(desk: Desk) -> list[str]:
    return [command["name"] for command in (await desk.get(PATH))["commands"]]


async def test_a_command_is_added_listed_changed_and_deleted(desk: Desk) -> None:
    assert await desk.get(PATH) == {"commands": []}
    added = await add(desk)
    assert added == {
        "id": added["id"],
        "guild_id": str(HOME),
        "name": "tea",
        "trigger_type": "exact",
        "trigger_value": "tea",
        "response": "Here you are.",
        "enabled": True,
        "case_sensitive": False,
        "delete_trigger": False,
        "reply_to_user": True,
        "uses": 0,
        "created_by": str(ADMIN),
        "created_at": added["created_at"],
        "updated_at": added["updated_at"],
    }
    assert added["created_at"].endswith(("+01:00", "+02:00"))
    await add(desk, name="Coffee", reply_to_user=False)
    assert await names(desk) == ["coffee", "tea"]
    answer = await desk.send("PUT", PATH + "/%20TEA%20", json={"enabled": False, "response": " None left. "})
    assert answer.status_code == 200
    changed = answer.json()["command"]
    assert changed == added | {
        "enabled": False,
        "response": "None left.",
        "updated_at": changed["updated_at"],
    }
    assert changed["updated_at"] > added["updated_at"]
    answer = await desk.send("DELETE", PATH + "/Tea")
    assert (answer.status_code, answer.json()) == (200, {"success": True})
    assert await names(desk) == ["coffee"]
    assert [audit.description for audit in desk.audits] == [
        f"<@{ADMIN}> added `tea`.",
        f"<@{ADMIN}> added `coffee`.",
        f"<@{ADMIN}> edited `tea`.",
        f"<@{ADMIN}> deleted `tea`.",
    ]


async def test_what_cannot_be_a_command_is_refused_and_not_stored(desk: Desk) -> None:
    for changes, status, code, words in (
        ({"name": "  "}, 400, "bad_value", "A name has 1 to 50 characters"),
        ({"name": "x" * 51}, 400, "bad_value", "A name has 1 to 50 characters"),
        ({"name": "a/b"}, 400, "bad_value", "A name has 1 to 50 characters"),
        ({"trigger_value": " "}, 400, "bad_value", "A trigger has 1 to 200 characters"),
        ({"trigger_value": "x" * 201}, 400, "bad_value", "A trigger has 1 to 200 characters"),
        ({"response": "\n"}, 400, "bad_value", "A response has 1 to 1900 characters"),
        ({"response": "x" * 1901}, 400, "bad_value", "A response has 1 to 1900 characters"),
        ({"trigger_type": "regex", "trigger_value": "("}, 400, "bad_value", "Invalid regex: "),
        ({"trigger_type": "regex", "trigger_value": "a{999999}"}, 400, "bad_value", "Invalid regex: "),
        ({"trigger_type": "glob"}, 422, "validation_error", "trigger_type"),
        ({"enabled": 1, "case_sensitive": 1}, 422, "validation_error", "case_sensitive"),
        ({"name": 5}, 422, "validation_error", "name"),
        ({"response": "\x00"}, 422, "validation_error", "response"),
        ({"response": None}, 422, "validation_error", "response"),
    ):
        answer = await desk.send("POST", PATH, json=TEA | changes)
        assert (answer.status_code, answer.json()["code"]) == (status, code), changes
        assert words in str(answer.json()["detail"])
    assert await names(desk) == []


async def test_a_name_in_any_case_is_taken_once(desk: Desk) -> None:
    await desk.execute(
        "INSERT INTO custom_commands (guild_id, name, trigger_type, trigger_value, response) VALUES"
        " (100, 'HELLO', 'exact', 'hi', 'r'), (200, 'tea', 'exact', 'tea', 'r')"
    )
    assert await desk.refused("POST", PATH, json=TEA | {"name": "Hello"}) == (400, "duplicate")
    await add(desk)
    assert await desk.refused("POST", PATH, json=TEA) == (400, "duplicate")
    answer = await desk.send("PUT", PATH + "/hello", json={"response": "changed"})
    assert answer.json()["command"]["name"] == "HELLO"
    assert (await desk.send("DELETE", PATH + "/hello")).status_code == 200
    rows = await desk.query("SELECT guild_id, name FROM custom_commands ORDER BY 1")
    assert rows == [(HOME, "tea"), (ELSEWHERE, "tea")]


async def test_moderation_33_the_fiftieth_place_is_given_once(desk: Desk) -> None:
    await desk.execute(
        "INSERT INTO custom_commands (guild_id, name, trigger_type, trigger_value, response)"
        " SELECT 100, 'c' || n, 'exact', '!c' || n, 'r' FROM generate_series(1, 48) AS n"
    )
    found: list[tuple[int, str]] = []

    async def try_to_add(name: str) -> None:
        answer = await desk.send("POST", PATH, json=TEA | {"name": name})
        found.append((answer.status_code, answer.json().get("code", "")))

    async with trio.open_nursery() as nursery:
        for number in range(4):
            nursery.start_soon(try_to_add, f"new {number}")
    assert sorted(found) == [(201, ""), (201, ""), (400, "limit"), (400, "limit")]
    assert len(await names(desk)) == 50


async def test_moderation_36_a_change_is_judged_with_what_is_stored(desk: Desk) -> None:
    await add(desk, trigger_value="(unclosed")
    one = PATH + "/tea"
    answer = await desk.send("PUT", one, json={"trigger_type": "regex"})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_value")
    assert answer.json()["detail"].startswith("Invalid regex")
    for body, expected in (
        ({}, (400, "no_fields")),
        ({"name": "other", "response": None}, (400, "no_fields")),
        ({"trigger_value": "  "}, (400, "bad_value")),
        ({"response": "x" * 1901}, (400, "bad_value")),
        ({"enabled": "no"}, (422, "validation_error")),
    ):
        assert await desk.refused("PUT", one, json=body) == expected, body
    both = await desk.send("PUT", one, json={"trigger_type": "regex", "trigger_value": "te+a"})
    assert both.json()["command"]["trigger_value"] == "te+a"


async def test_a_command_that_is_not_there_is_not_found(desk: Desk) -> None:
    for name in ("nobody", "%20", "a%2Fb", "x" * 400, "%00", "c'%3B--"):
        expected = (422, "validation_error") if name == "%00" else (404, "not_found")
        assert await desk.refused("PUT", f"{PATH}/{name}", json={"enabled": True}) == expected
        assert await desk.refused("DELETE", f"{PATH}/{name}") == expected


async def test_another_servers_commands_are_out_of_reach(desk: Desk) -> None:
    added = await add(desk)
    desk.user_id = ADMIN_ELSEWHERE
    elsewhere = f"/api/dashboard/{ELSEWHERE}/custom-commands"
    assert await desk.get(elsewhere) == {"commands": []}
    assert await desk.refused("DELETE", f"{elsewhere}/{added['name']}") == (404, "not_found")
    assert await desk.refused("GET", PATH) == (403, "not_guild_admin")
    desk.user_id = MEMBER
    assert await desk.refused("POST", PATH, json=TEA) == (403, "not_guild_admin")
    answer = await desk.house.http.get(PATH, headers={"X-Api-Key": KEY})
    assert answer.status_code == 422
    answer = await desk.house.http.get(PATH, headers={"Authorization": "Bearer x", "X-Api-Key": "wrong"})
    assert answer.status_code == 401
    desk.user_id = ADMIN
    assert await names(desk) == ["tea"]
