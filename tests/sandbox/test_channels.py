"""Channels and bans over real sockets: shapes by type, categories, order, colours, what a ban takes along."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from alphapy.sandbox.tuning import Tuning
from tests.sandbox.clients import JSON, Running, gateway, running

if TYPE_CHECKING:
    import httpx

UNLIMITED = Tuning(rate_limits=False, identify_window=0)


def _code(answer: httpx.Response) -> tuple[int, int]:
    return answer.status_code, answer.json()["code"]


async def _channel(here: Running, **body: object) -> JSON:
    answer = await here.rest.post(f"/guilds/{here.demo.guild_id}/channels", json=body)
    assert answer.status_code == 201, answer.text
    channel: JSON = answer.json()
    return channel


@pytest.mark.parametrize(
    ("kind", "has", "lacks"),
    [
        (0, {"topic", "last_message_id"}, {"bitrate", "available_tags"}),
        (2, {"bitrate", "user_limit", "rtc_region"}, {"topic"}),
        (4, {"position"}, {"topic", "last_message_id", "bitrate"}),
        (13, {"bitrate"}, {"topic"}),
        (15, {"available_tags", "default_reaction_emoji", "default_sort_order"}, {"bitrate"}),
    ],
)
async def test_a_channel_has_the_fields_of_its_type(kind: int, has: set[str], lacks: set[str]) -> None:
    async with running(UNLIMITED) as here:
        channel = await _channel(here, name="new", type=kind)
        assert has <= set(channel)
        assert not lacks & set(channel)


async def test_a_category_holds_channels_and_nothing_else_does() -> None:
    async with running(UNLIMITED) as here:
        category = await _channel(here, name="harbour", type=4)
        channel = await _channel(here, name="quay", parent_id=int(category["id"]))
        assert channel["parent_id"] == category["id"]
        at = f"/channels/{channel['id']}"
        assert (await here.rest.patch(at, json={"parent_id": None})).json()["parent_id"] is None
        wrong = await here.rest.patch(at, json={"parent_id": str(here.channel())})
        assert _code(wrong) == (400, 50035)


async def test_channels_are_put_in_order() -> None:
    async with running(UNLIMITED) as here, gateway(here) as bot:
        await bot.login()
        category = await _channel(here, name="harbour", type=4)
        general = str(here.channel())
        order = [{"id": general, "position": 9, "parent_id": category["id"]}]
        at = f"/guilds/{here.demo.guild_id}/channels"
        assert (await here.rest.patch(at, json=order)).status_code == 204
        told = await bot.until("CHANNEL_UPDATE")
        assert (told["id"], told["position"], told["parent_id"]) == (general, 9, category["id"])
        assert _code(await here.rest.patch(at, json=[{"id": "1", "position": 1}])) == (404, 10003)


async def test_a_role_takes_its_colours_as_a_gradient_or_as_a_number() -> None:
    async with running(UNLIMITED) as here:
        at = f"/guilds/{here.demo.guild_id}/roles"
        gradient = {"primary_color": 1, "secondary_color": 2, "tertiary_color": None}
        role = (await here.rest.post(at, json={"name": "r", "colors": gradient})).json()
        assert (role["color"], role["colors"]) == (1, gradient)
        plain = (await here.rest.patch(f"{at}/{role['id']}", json={"color": 3})).json()
        assert plain["colors"] == {"primary_color": 3, "secondary_color": None, "tertiary_color": None}


@pytest.mark.parametrize("in_query", [False, True])
async def test_a_ban_takes_recent_messages_along(in_query: bool) -> None:
    async with running(UNLIMITED) as here, gateway(here) as bot:
        await bot.login()
        alan = here.person("alan")
        said = alan.say(here.channel(), "rude")
        stays = here.person("ada").say(here.channel(), "polite")
        at = f"/guilds/{here.demo.guild_id}/bans/{alan.id}"
        much = await here.rest.put(at, json={"delete_message_seconds": 604_801})
        assert _code(much) == (400, 50035)
        seconds = {"delete_message_seconds": 60}
        await (here.rest.put(at, params=seconds) if in_query else here.rest.put(at, json=seconds))
        gone = await bot.until("MESSAGE_DELETE_BULK")
        assert (gone["ids"], gone["channel_id"]) == ([said["id"]], str(here.channel()))
        left = (await here.rest.get(f"{here.general}/messages")).json()
        assert [message["id"] for message in left] == [stays["id"]]


async def test_many_are_banned_at_once_and_those_who_cannot_be_are_named() -> None:
    async with running(UNLIMITED) as here:
        at = f"/guilds/{here.demo.guild_id}/bulk-ban"
        alan, margaret, ada = (str(here.demo.users[name]) for name in ("alan", "margaret", "ada"))
        here.person("alan").say(here.channel(), "rude")
        answer = await here.rest.post(
            at, json={"user_ids": [alan, ada, margaret], "delete_message_seconds": 60}
        )
        assert answer.json() == {"banned_users": [alan, margaret], "failed_users": [ada]}
        assert (await here.rest.get(f"{here.general}/messages")).json() == []
        assert _code(await here.rest.post(at, json={"user_ids": [ada]})) == (400, 500000)
        assert _code(await here.rest.post(at, json={"user_ids": []})) == (400, 50035)


async def test_pins_are_paged_by_when_they_were_pinned() -> None:
    async with running(UNLIMITED) as here:
        said = [here.person("alan").say(here.channel(), str(number)) for number in range(3)]
        at = f"{here.general}/messages/pins"
        for number in (2, 0, 1):
            assert (await here.rest.put(f"{at}/{said[number]['id']}")).status_code == 204
        page = (await here.rest.get(f"{at}?limit=2")).json()
        assert [item["message"]["content"] for item in page["items"]] == ["1", "0"]
        assert page["has_more"] is True
        rest = (await here.rest.get(at, params={"before": page["items"][-1]["pinned_at"]})).json()
        assert ([item["message"]["content"] for item in rest["items"]], rest["has_more"]) == (["2"], False)


async def test_an_answer_passes_the_edge_and_a_callback_tells_of_no_bucket() -> None:
    async with running(UNLIMITED) as here:
        answer = await here.rest.get("/users/@me")
        assert (answer.headers["via"], "x-ratelimit-bucket" in answer.headers) == ("1.1 google", True)
        lost = await here.rest.post("/interactions/1/token/callback", json={"type": 5})
        assert (lost.status_code, "x-ratelimit-bucket" in lost.headers) == (404, False)


async def test_roles_are_moved_below_ones_own_and_the_others_may_be_named() -> None:
    async with running(UNLIMITED) as here, gateway(here) as bot:
        await bot.login()
        at = f"/guilds/{here.demo.guild_id}/roles"
        fresh = (await here.rest.post(at, json={"name": "fresh"})).json()
        told = {(await bot.until("GUILD_ROLE_UPDATE"))["role"]["name"] for _ in range(4)}
        assert told == {"Member", "Moderator", "Administrator", "Alphapy"}
        before = {role["name"]: role for role in (await here.rest.get(at)).json()}
        assert (before["fresh"]["position"], before["Alphapy"]["position"]) == (1, 5)
        stay = [{"id": role["id"], "position": role["position"]} for role in before.values()]
        assert (await here.rest.patch(at, json=stay)).status_code == 200
        for role_id, position in ((fresh["id"], 6), (before["Alphapy"]["id"], 1)):
            order = [{"id": before["Member"]["id"], "position": 1}, {"id": role_id, "position": position}]
            assert _code(await here.rest.patch(at, json=order)) == (403, 50013)
        after = {role["name"]: role["position"] for role in (await here.rest.get(at)).json()}
        assert after == {name: role["position"] for name, role in before.items()}
        moved = (await here.rest.patch(at, json=[{"id": fresh["id"], "position": 2}])).json()
        assert next(role["position"] for role in moved if role["id"] == fresh["id"]) == 2
        assert (await bot.until("GUILD_ROLE_UPDATE"))["role"]["name"] == "fresh"
