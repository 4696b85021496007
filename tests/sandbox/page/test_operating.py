"""Trouble and worlds through the page's endpoints: what they do, and what they refuse."""

from __future__ import annotations

from typing import Any

import httpx
import msgspec
import pytest
import trio

from alphapy.sandbox.demo import demo_world
from alphapy.sandbox.faults import Faults, GatewayFault, RestFault
from alphapy.sandbox.page import operating, trouble, views
from alphapy.sandbox.page.asking import BadQuestion
from alphapy.sandbox.tuning import Tuning
from alphapy.sandbox.world import storage
from alphapy.sandbox.world.storage import UnreadableWorld, dump, replace
from tests.sandbox.clients import Running, gateway, running

JSON = dict[str, Any]


def page(here: Running) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=here.sandbox.page_url, timeout=5)


async def press(client: httpx.AsyncClient, fault: str, status: int = 200, **more: Any) -> JSON:
    response = await client.post("/page/trouble", json={"fault": fault, **more})
    assert response.status_code == status, response.text
    found: JSON = response.json()
    return found


def test_there_is_a_button_for_every_fault() -> None:
    kinds = {one.kind for one in (*trouble.GATEWAY.values(), *trouble.REST.values())}
    assert kinds == {*GatewayFault, *RestFault} - {GatewayFault.CLOSE}
    faults = Faults()
    for name, one in (*trouble.GATEWAY.items(), *trouble.REST.items()):
        faults.disarm()
        trouble.arm(faults, name, None)
        assert trouble.report(faults)["waiting"] == [one.label]
    trouble.arm(faults, "close", 4009)
    assert "Close with 4009" in trouble.report(faults)["waiting"]


@pytest.mark.parametrize(("name", "code"), [("nothing", None), ("close", None), ("close", 1000), ("", 4000)])
def test_what_is_no_trouble_is_refused(name: str, code: int | None) -> None:
    faults = Faults()
    with pytest.raises(BadQuestion):
        trouble.arm(faults, name, code)
    assert faults.gateway == []


async def test_a_button_strikes_the_bot_and_the_page_is_told() -> None:
    async with running() as here, page(here) as client, gateway(here) as bot:
        await bot.login()
        await bot.until("GUILD_CREATE")
        await press(client, "reconnect")
        await bot.until_op(7)
        await press(client, "close", code=4008)
        assert (await bot.closed())[0] == 4008
        await press(client, "error")
        assert (await here.rest.get("/users/@me")).status_code == 500
        assert (await here.rest.get("/users/@me")).status_code == 200
        found = (await client.get("/page/trouble")).json()
        assert found["waiting"] == []
        assert found["struck"] == ["Fail it: 500", "Close with 4008", "Ask to reconnect"]
        assert found["count"] == 3


async def test_trouble_is_called_off() -> None:
    async with running() as here, page(here) as client:
        assert (await press(client, "hang"))["waiting"] == ["Never answer it"]
        calm = await client.post("/page/calm", json={})
        assert calm.json()["waiting"] == []
        assert (await here.rest.get("/users/@me")).status_code == 200


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"fault": "quake"}, "no such trouble"),
        ({"fault": "close", "code": "4000"}, "“code” must be a whole number"),
        ({"fault": "close", "code": True}, "“code” must be a whole number"),
        ({"fault": 5}, "“fault” must be a text"),
        ([], "must be a JSON object"),
    ],
)
async def test_nonsense_is_a_clear_400(body: Any, words: str) -> None:
    async with running() as here, page(here) as client:
        response = await client.post("/page/trouble", json=body)
        assert response.status_code == 400
        assert words in response.json()["error"]


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}])
async def test_another_website_makes_no_trouble_and_gets_no_world(headers: dict[str, str]) -> None:
    async with running() as here, page(here) as client:
        for path in ("/page/trouble", "/page/calm", "/page/world"):
            response = await client.post(path, json={"fault": "drop"}, headers=headers)
            assert response.status_code == 403
        form = {"Content-Type": "text/plain"}
        assert (await client.post("/page/world", content=b"{}", headers=form)).status_code == 403
        stolen = await client.get("/page/world", headers=headers)
        assert stolen.status_code == 403
        assert b"users" not in stolen.content
        assert here.sandbox.faults.gateway == []


async def test_a_world_is_saved_changed_and_gone_back_to() -> None:
    async with running() as here, page(here) as client, gateway(here) as bot:
        await bot.login()
        await bot.until("GUILD_CREATE")
        ada = here.person("ada")
        ada.say(here.channel(), "before")
        saved = await client.get("/page/world")
        assert "attachment" in saved.headers["Content-Disposition"]
        here.demo.world.commands.overwrite((here.demo.application_id, None), [])
        after = ada.say(here.channel(), "after")
        watched, end = here.demo.world.watch(here.demo.users["ada"])
        loaded = await client.post(
            "/page/world", content=saved.content, headers={"Content-Type": "application/json"}
        )
        assert loaded.json() == {}
        texts = [message["content"] for message in ada.visible_messages(here.channel())]
        assert texts == ["before"]
        assert int(ada.say(here.channel(), "anew")["id"]) > int(after["id"])
        assert (await watched.receive())["type"] == storage.REPLACED
        end()
        with trio.fail_after(5):
            await bot.closed()
        async with gateway(here) as again:
            await again.resume(bot.session_id, bot.seq)
            assert (await again.until_op(9))["d"] is False
            await again.identify()
            await again.until("READY")


async def test_a_file_that_is_no_world_changes_nothing() -> None:
    async with running() as here, page(here) as client:
        here.person("ada").say(here.channel(), "still here")
        for content, words in (
            (b"{", "no world that was saved by this sandbox"),
            (b"[]", "no world that was saved by this sandbox"),
            (b'{"format": 99}', "no world that was saved by this sandbox"),
            (dump(demo_world(Tuning()).world), "its bots are not those of this one"),
        ):
            response = await client.post(
                "/page/world", content=content, headers={"Content-Type": "application/json"}
            )
            assert response.status_code == 400
            assert words in response.json()["error"]
            assert response.json()["error"].endswith("Nothing has changed.")
        assert len(here.person("ada").visible_messages(here.channel())) == 1


async def test_a_file_that_is_too_large_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operating, "WORLD_BYTES", 1024 * 1024)
    async with running() as here, page(here) as client:
        headers = {"Content-Type": "application/json"}
        large = await client.post("/page/world", content=b" " * (1024 * 1024 + 1), headers=headers)
        assert large.status_code == 413
        assert "larger than 1 MiB" in large.json()["error"]

        async def unknown_length() -> Any:
            yield b"{}"

        chunked = await client.post("/page/world", content=unknown_length(), headers=headers)
        assert chunked.status_code == 400


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    children: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        children = list(value.items())
    elif isinstance(value, list):
        children = list(enumerate(value[:2]))
    found = [(*path, key) for key, _ in children]
    for key, child in children:
        found += _paths(child, (*path, key))
    return found


async def _damage(here: Running, whole: bytes, path: tuple[Any, ...], value: Any) -> None:
    state = msgspec.json.decode(whole)
    place = state
    for key in path[:-1]:
        place = place[key]
    if value is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    try:
        replace(here.demo.world, msgspec.json.encode(state))
        views.people(here.demo.world)
    except UnreadableWorld:
        replace(here.demo.world, whole)


async def test_a_damaged_world_is_refused_or_can_be_looked_at() -> None:
    """Whatever part is missing or of another kind: never an error of ours, then or when it is shown."""
    async with running() as here:
        here.person("ada").say(here.channel(), "hello")
        whole = dump(here.demo.world)
        paths = _paths(msgspec.json.decode(whole))
        with trio.fail_after(60):
            for number, path in enumerate(paths):
                await trio.lowlevel.checkpoint()
                await _damage(here, whole, path, (..., None, [], 5, "x", {})[number % 6])
        replace(here.demo.world, whole)
        assert [m["content"] for m in here.person("ada").visible_messages(here.channel())] == ["hello"]
