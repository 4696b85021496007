"""What a person does and sees at a client, without any bot."""

from __future__ import annotations

import pytest
import trio

from alphapy.sandbox.demo import Demo, add_idle_guilds, demo_world
from alphapy.sandbox.errors import Refused
from alphapy.sandbox.person import NoAnswer, Person
from alphapy.sandbox.tuning import Tuning
from alphapy.sandbox.world.interactions import Kind


def _person(demo: Demo, username: str) -> Person:
    return Person(demo.world, demo.users[username])


async def test_who_is_who_in_the_demo_guild() -> None:
    demo = demo_world()
    assert [member["user"]["username"] for member in _person(demo, "ada").members(demo.guild_id)] == [
        "ada",
        "linus",
        "grace",
        "margaret",
        "alan",
        "Alphapy",
    ]
    assert demo.owner_id == demo.users["ada"]
    assert _person(demo, "grace").name == "Grace"

    def seen(username: str) -> list[str]:
        return [channel["name"] for channel in _person(demo, username).channels(demo.guild_id)]

    everyone = ["general", "bot-commands", "introductions", "support"]
    assert seen("alan") == seen("margaret") == everyone
    assert seen("grace") == seen("linus") == seen("ada") == [*everyone, "moderators", "logs"]
    guild = demo.world.guilds.get(demo.guild_id)
    assert [role["name"] for role in sorted(guild.roles.values(), key=lambda role: role["position"])] == [
        "@everyone",
        "Member",
        "Moderator",
        "Administrator",
        "Alphapy",
    ]


async def test_a_person_writes_changes_and_deletes() -> None:
    demo = demo_world()
    alan, ada, general = _person(demo, "alan"), _person(demo, "ada"), demo.channels["general"]
    first = alan.say(general, "one")
    reply = ada.say(general, "two", reply_to=int(first["id"]))
    assert reply["referenced_message"]["id"] == first["id"]
    assert alan.edit(general, int(first["id"]), "uno")["content"] == "uno"
    with pytest.raises(Refused):
        alan.delete(general, int(reply["id"]))
    with pytest.raises(Refused):
        alan.edit(general, int(reply["id"]), "mine now")
    ada.delete(general, int(first["id"]))
    assert [message["content"] for message in alan.visible_messages(general)] == ["two"]
    with pytest.raises(Refused):
        alan.say(demo.channels["logs"], "let me in")


async def test_waiting_for_a_message() -> None:
    demo = demo_world()
    alan, general = _person(demo, "alan"), demo.channels["general"]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_say_soon, _person(demo, "ada"), general)
        found = await alan.wait_message(general, lambda message: message["content"] == "at last")
    assert found["author"]["username"] == "ada"
    with pytest.raises(NoAnswer):
        await alan.wait_message(general, lambda message: message["content"] == "never", within=0.01)


async def _say_soon(person: Person, channel_id: int) -> None:
    await trio.lowlevel.checkpoint()
    person.say(channel_id, "wait")
    await trio.lowlevel.checkpoint()
    person.say(channel_id, "at last")


async def test_guilds_idle_ones_too() -> None:
    demo = demo_world()
    add_idle_guilds(demo, 2)
    add_idle_guilds(demo, 1)
    names = [guild["name"] for guild in _person(demo, "ada").guilds()]
    assert names == ["Lighthouse", "Idle guild 1", "Idle guild 2", "Idle guild 3"]
    assert [guild["name"] for guild in _person(demo, "alan").guilds()] == ["Lighthouse"]


async def test_nobody_waits_for_ever() -> None:
    demo = demo_world(Tuning(acknowledge_within=60))
    alan, general = _person(demo, "alan"), demo.channels["general"]
    demo.world.commands.overwrite((demo.application_id, None), [{"name": "ping", "description": "x"}])
    view = alan.slash(general, "/ping")
    waits = (view.wait_reply, view.wait_modal, view.wait_done, view.wait_failed)
    for wait in waits:
        with pytest.raises(NoAnswer):
            await wait(0.01)
    assert alan.view(view.id) == view
    assert view.choices is None


async def test_the_oldest_messages_and_interactions_are_forgotten() -> None:
    demo = demo_world(Tuning(messages_kept=3))
    alan, general = _person(demo, "alan"), demo.channels["general"]
    for number in range(5):
        alan.say(general, f"{number}")
    assert [message["content"] for message in alan.visible_messages(general)] == ["2", "3", "4"]
    interactions, place = demo.world.interactions, demo.world.guilds.place(general)
    first = interactions.create(Kind.COMMAND, demo.application_id, alan.id, place, {"name": "x"})
    for _ in range(5000):
        interactions.create(Kind.COMMAND, demo.application_id, alan.id, place, {"name": "x"})
    assert first.id not in interactions.known
    with pytest.raises(Refused):
        interactions.answerable(first.id, first.token)


async def test_a_deleted_channel_takes_its_messages_and_threads_along() -> None:
    demo = demo_world()
    alan, support = _person(demo, "alan"), demo.channels["support"]
    message = alan.say(support, "help")
    thread = demo.world.threads.start(alan.id, support, {"name": "t"}, message_id=int(message["id"]))
    alan.say(int(thread["id"]), "in the thread")
    demo.world.channels.delete(demo.owner_id, support)
    assert support not in demo.world.messages.by_channel
    assert int(thread["id"]) not in demo.world.messages.by_channel
    with pytest.raises(Refused):
        demo.world.guilds.place(int(thread["id"]))
