"""The page's JSON endpoints over a real connection: what they refuse, and what they tell to whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest
import trio
from trio_websocket import ConnectionClosed, open_websocket_url

from alphapy.sandbox.world import world as world_module
from tests.sandbox.page.answers import ANSWERS, COMMANDS, said
from tests.sandbox.page.town import ScriptedBot

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.sandbox.page.conftest import Server
    from tests.sandbox.page.town import Town


@pytest.fixture
async def client(server: Server) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=server.base, timeout=5) as client:
        yield client


async def post(client: httpx.AsyncClient, verb: str, body: Any, status: int = 200) -> Any:
    response = await client.post(f"/page/{verb}", json=body)
    assert response.status_code == status, response.text
    return response.json()


async def test_the_page_and_its_files_carry_the_policies(client: httpx.AsyncClient) -> None:
    redirect = await client.get("/")
    assert redirect.headers["Location"] == "/page/"
    kinds = {
        "/page/": "text/html",
        "/page/static/js/main.js": "text/javascript",
        "/page/static/icon.svg": "image/svg+xml",
    }
    for path, kind in kinds.items():
        response = await client.get(path)
        assert response.status_code == 200
        assert response.headers["Content-Type"].startswith(kind)
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
        assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert (await client.get("/page/static/../page.py")).status_code == 404
    assert (await client.get("/page/static/%2e%2e/page.py")).status_code == 404


async def test_another_website_gets_nothing(client: httpx.AsyncClient, town: Town) -> None:
    for headers in (
        {"Host": "evil.example"},
        {"Origin": "http://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
    ):
        response = await client.get("/page/people", headers=headers)
        assert response.status_code == 403
        assert "people" not in response.json()
    body = f'{{"as": "{town.ada}", "channel": "{town.general}", "content": "forged"}}'
    response = await client.post("/page/say", content=body, headers={"Content-Type": "text/plain"})
    assert response.status_code == 403
    assert town.world.messages.history(town.ada, town.general) == []


async def upgrade(client: httpx.AsyncClient, user_id: int, **headers: str) -> int:
    """The status that the feed answers to a WebSocket handshake."""
    handshake = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "c2FuZGJveC1wYWdlLXRlcw==",
    }
    url = f"/page/events?as={user_id}"
    async with client.stream("GET", url, headers={**handshake, **headers}) as response:
        return response.status_code


async def test_another_website_cannot_listen(client: httpx.AsyncClient, town: Town) -> None:
    assert await upgrade(client, town.ada, Origin="http://evil.example") == 403
    assert await upgrade(client, town.ada, Host="evil.example") == 403
    assert await upgrade(client, town.bot) == 400


async def test_nobody_can_be_a_bot_or_a_stranger(client: httpx.AsyncClient, town: Town) -> None:
    for nobody in (str(town.bot), "123", "", "x", "1" * 30, "²"):
        response = await client.get("/page/state", params={"as": nobody})
        assert response.status_code == 400


@pytest.mark.parametrize(
    ("verb", "fields", "words"),
    [
        ("say", {"channel": "x", "content": "hi"}, "“channel” must be an id"),
        ("say", {"channel": None, "content": "hi"}, "“channel” must be an id"),
        ("say", {"channel": "GENERAL", "content": 5}, "“content” must be a text"),
        ("say", {"channel": "GENERAL", "content": "hi", "reply_to": 5}, "“reply_to” must be an id"),
        (
            "react",
            {"channel": "GENERAL", "message": "1", "emoji": "🎉", "on": "yes"},
            "“on” must be true or false",
        ),
        ("click", {"message": "1", "custom_id": "x", "values": "y"}, "“values” must be a list of texts"),
        ("click", {"message": "1", "custom_id": "x", "values": []}, "There is no such message."),
        (
            "slash",
            {"channel": "GENERAL", "path": "book add", "options": {"a": []}},
            "“options” must be an object",
        ),
        (
            "slash",
            {"channel": "GENERAL", "path": "nothing", "options": {}},
            "No command /nothing is offered here.",
        ),
        ("submit", {"interaction": "5", "fields": {}}, "There is no such interaction."),
        ("submit", {"interaction": "5", "fields": {"a": 5}}, "There is no such interaction."),
    ],
)
async def test_a_wrong_question_is_a_clear_400(
    client: httpx.AsyncClient, town: Town, verb: str, fields: dict[str, Any], words: str
) -> None:
    fields = {name: str(town.general) if value == "GENERAL" else value for name, value in fields.items()}
    answer = await post(client, verb, {"as": str(town.ada), **fields}, 400)
    assert words in answer["error"]


@pytest.mark.parametrize("body", ["[1]", "null", '"x"', "{", ""])
async def test_a_body_that_is_no_object_is_a_clear_400(client: httpx.AsyncClient, body: str) -> None:
    response = await client.post("/page/say", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == 400
    assert "must be a JSON object" in response.json()["error"]


async def test_what_discord_refuses_is_said_in_words(client: httpx.AsyncClient, town: Town) -> None:
    dana = {"as": str(town.dana)}
    news, general = {"channel": str(town.news)}, {"channel": str(town.general)}
    assert "permissions" in (await post(client, "say", {**dana, **news, "content": "hi"}, 403))["error"]
    assert "empty message" in (await post(client, "say", {**dana, **general, "content": ""}, 400))["error"]
    long = await post(client, "say", {**dana, **general, "content": "x" * 2001}, 400)
    assert long["error"] == "The body is not valid: content — Must be 2000 or fewer in length."
    assert (
        await client.get("/page/messages", params={**dana, "channel": str(town.office)})
    ).status_code == 403


async def test_a_private_answer_stays_with_its_member(
    client: httpx.AsyncClient, town: Town, nursery: trio.Nursery
) -> None:
    town.world.commands.overwrite((town.bot, None), COMMANDS)
    await nursery.start(ScriptedBot(town, ANSWERS, lambda heard: said(town, heard)).run)
    url = str(client.base_url).replace("http", "ws")
    events = f"{url}/page/events?as="
    async with (
        open_websocket_url(f"{events}{town.ada}") as hers,
        open_websocket_url(f"{events}{town.dana}") as theirs,
    ):
        for feed in (hers, theirs):
            assert '"hello"' in await feed.get_message()
        general = {"channel": str(town.general)}
        await post(client, "slash", {"as": str(town.ada), **general, "path": "secret", "options": {}})
        with trio.fail_after(5):
            while "under the mat" not in await hers.get_message():
                pass
            await post(client, "say", {"as": str(town.ada), **general, "content": "the end"})
            overheard = await theirs.get_message()
        assert "the end" in overheard
        for user, count in ((town.ada, 2), (town.dana, 1)):
            listed = await client.get("/page/messages", params={"as": str(user), **general})
            assert len(listed.json()["messages"]) == count


async def test_a_page_that_falls_behind_is_cut_off(
    server: Server, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world_module, "WATCH_BUFFER", 3)
    url = f"{server.base.replace('http', 'ws')}/page/events?as={town.dana}"
    async with open_websocket_url(url) as feed:
        await feed.get_message()
        for number in range(20):  # in one go: the feed has no turn in between
            town.world.messages.create(town.ada, town.general, {"content": str(number)})
        received = []
        with trio.fail_after(5), pytest.raises(ConnectionClosed) as closed:
            while True:
                received.append(await feed.get_message())
        await feed._stream.aclose()  # the client library leaves that to the server, and to time
        assert len(received) < 20
        assert closed.value.reason is not None
        assert closed.value.reason.code == 1013
