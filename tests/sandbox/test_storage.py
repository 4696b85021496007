"""The world in a file: a second start keeps chat, commands and ids."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import trio

from alphapy.sandbox.demo import Demo, add_idle_guilds, demo_world, find_demo
from alphapy.sandbox.person import Person
from alphapy.sandbox.server import Sandbox, serve
from alphapy.sandbox.tuning import Tuning
from alphapy.sandbox.world import storage
from alphapy.sandbox.world.audit import Query
from tests.sandbox.clients import gateway, running
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path


def test_a_world_is_the_same_after_saving_and_loading(tmp_path: Path) -> None:
    demo = demo_world()
    world = demo.world
    add_idle_guilds(demo, 20)
    alan = Person(world, demo.users["alan"])
    message = alan.say(demo.channels["general"], "remember me")
    alan.react(demo.channels["general"], int(message["id"]), "👍")
    alan.say(alan.direct(demo.application_id), "in private")
    world.commands.overwrite((demo.application_id, None), [{"name": "ping", "description": "x"}])
    world.commands.overwrite((demo.application_id, demo.guild_id), [{"name": "pong", "description": "x"}])
    world.members.ban(demo.owner_id, demo.guild_id, demo.users["margaret"], "why not")
    world.guilds.get(next(iter(world.guilds.idle)))
    path = tmp_path / "deep" / "world.json"
    storage.save(world, path)
    again = storage.load(path)
    assert again is not None
    assert storage.dump(again) == storage.dump(world)
    found = find_demo(again)
    assert (found.guild_id, found.users, found.channels, found.roles) == (
        demo.guild_id,
        {name: user for name, user in demo.users.items() if name != "margaret"},
        demo.channels,
        demo.roles,
    )
    assert [m["content"] for m in Person(again, alan.id).visible_messages(demo.channels["general"])] == [
        "remember me"
    ]
    assert int(again.messages.create(alan.id, demo.channels["general"], {"content": "x"})["id"]) > int(
        message["id"]
    )
    assert list(tmp_path.glob("deep/*")) == [path]


def test_ids_increase_after_loading_even_if_the_clock_has_gone_back() -> None:
    demo = demo_world()
    message = Person(demo.world, demo.owner_id).say(demo.channels["general"], "now")
    again = storage.restore(storage.dump(demo.world), now=lambda: datetime(2020, 1, 1, tzinfo=UTC))
    later = Person(again, demo.owner_id).say(demo.channels["general"], "then")
    assert int(later["id"]) > int(message["id"])


def test_there_is_no_world_without_a_file(tmp_path: Path) -> None:
    assert storage.load(tmp_path / "nothing.json") is None


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b'{"format": 99}', b'{"format": 1}', b"\x00" * 100])
def test_a_damaged_file_is_named_so(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "world.json"
    path.write_bytes(data)
    with pytest.raises(storage.UnreadableWorld, match="start with a new"):
        storage.load(path)


async def test_a_change_is_saved_a_moment_later_and_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "world.json"
    demo = demo_world(Tuning(save_after=0.01))
    alan = Person(demo.world, demo.users["alan"])

    def saved() -> str:
        return path.read_text() if path.exists() else ""

    async with trio.open_nursery() as nursery:
        started: Sandbox = await nursery.start(_serve, demo.world, path)
        assert started.world is demo.world
        alan.say(demo.channels["general"], "soon on disk")
        await wait_until(lambda: "soon on disk" in saved())
        nursery.cancel_scope.cancel()
    demo = demo_world(Tuning(save_after=60))
    async with trio.open_nursery() as nursery:
        await nursery.start(_serve, demo.world, path)
        Person(demo.world, demo.owner_id).say(demo.channels["general"], "at the last moment")
        nursery.cancel_scope.cancel()
    assert "at the last moment" in saved()


async def _serve(
    world: object, path: Path, *, task_status: trio.TaskStatus[Sandbox] = trio.TASK_STATUS_IGNORED
) -> None:
    await serve(world, save_to=path, task_status=task_status)  # type: ignore[arg-type]


async def test_a_second_start_serves_the_saved_world_and_asks_to_identify_anew() -> None:
    demo = demo_world(Tuning.quick())
    async with running(demo=demo) as here, gateway(here) as bot:
        await here.rest.put(here.commands_url, json=[{"name": "ping", "description": "x"}])
        await bot.login()
        here.person("alan").say(here.channel(), "before")
        session, seq = bot.session_id, bot.seq
    again = find_demo(storage.restore(storage.dump(demo.world), Tuning.quick()))
    async with running(demo=again) as here, gateway(here) as bot:
        await bot.resume(session, seq)
        assert (await bot.until_op(9))["d"] is False
        await bot.identify()
        await bot.until("GUILD_CREATE")
        (kept,) = (await here.rest.get(f"{here.general}/messages")).json()
        assert kept["content"] == "before"
        here.person("alan").slash(here.channel(), "ping")
        assert (await bot.until("INTERACTION_CREATE"))["data"]["name"] == "ping"


def _eventful() -> Demo:
    """A demo guild in which there is something of every kind."""
    demo = demo_world()
    world, owner, general = demo.world, demo.owner_id, demo.channels["general"]
    message = int(Person(world, owner).say(general, "hello")["id"])
    world.threads.start(owner, general, {"name": "talk"}, message_id=message)
    world.messages.pin(owner, general, message, pinned=True)
    world.invites.create(owner, general, {})
    world.members.ban(owner, demo.guild_id, demo.users["alan"], "why not")
    Person(world, owner).direct(demo.application_id)
    return demo


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths to every part of it; of a list, to the first two."""
    children: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        children = list(value.items())
    elif isinstance(value, list):
        children = list(enumerate(value[:2]))
    found = [(*path, key) for key, _ in children]
    for key, child in children:
        found += _places(child, (*path, key))
    return found


def _look_around(demo: Demo) -> None:
    """What the people of a world see, and what its owner reads of the guild."""
    world, guild = demo.world, demo.world.guilds.known[demo.guild_id]
    for user_id in guild.members:
        person = Person(world, user_id)
        assert all(person.visible_messages(int(c["id"])) is not None for c in person.channels(guild.id))
        assert len(person.members(guild.id)) == len(guild.members)
    world.audit.read(demo.owner_id, guild.id, Query())
    world.invites.of_guild(demo.owner_id, guild.id)


@pytest.mark.parametrize("kind", [..., None, [], 5, "x", {}], ids=repr)
def test_a_world_of_another_shape_is_refused_or_can_be_lived_in(kind: Any) -> None:
    demo = _eventful()
    whole = storage.dump(demo.world)
    refused = 0
    for number, path in enumerate(_places(msgspec.json.decode(whole))):
        if kind is not ... and number % 3:
            continue
        state = place = msgspec.json.decode(whole)
        for key in path[:-1]:
            place = place[key]
        if kind is ...:
            del place[path[-1]]
        else:
            place[path[-1]] = kind
        try:
            storage.replace(demo.world, msgspec.json.encode(state))
        except storage.UnreadableWorld:
            refused += 1
        else:
            if demo.guild_id in demo.world.guilds.known:
                _look_around(demo)
            storage.replace(demo.world, whole)
    assert refused > 25
