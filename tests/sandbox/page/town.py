"""A small guild for the page's tests, and a scripted bot that answers in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import trio

from alphapy.sandbox.errors import JSON
from alphapy.sandbox.tuning import Tuning
from alphapy.sandbox.world.feed import Happening
from alphapy.sandbox.world.permissions import Right
from alphapy.sandbox.world.world import World

EPHEMERAL = 64


@attrs.frozen
class Town:
    """The world with its people: an owner, an administrator, a moderator and two members, and a bot."""

    world: World
    guild_id: int
    general: int
    news: int
    office: int
    ada: int
    bjorn: int
    chidi: int
    dana: int
    elif_: int
    bot: int

    def person_url(self, base: str, user_id: int, channel_id: int | None = None) -> str:
        """The page's address as somebody, in a channel."""
        return f"{base}/page/#/{user_id}/{channel_id or self.general}"


def build_town(tuning: Tuning | None = None) -> Town:
    world = World(tuning or Tuning.quick())
    names = [
        ("ada", "Ada Lovelace"),
        ("bjorn", "Björn"),
        ("chidi", "Chidi"),
        ("dana", "Dana"),
        ("elif", "Elif Yılmaz"),
    ]
    ada, bjorn, chidi, dana, elif_ = (world.users.create(name, display_name=shown) for name, shown in names)
    guild_id = world.guilds.create("Harbour", ada).id

    def role(name: str, colour: int, rights: int) -> int:
        body = {"name": name, "color": colour, "permissions": str(rights)}
        return int(world.roles.create(ada, guild_id, body)["id"])

    admin = role("Administrator", 0xB4463C, Right.ADMINISTRATOR)
    moderator = role("Moderator", 0x3B7DD8, Right.MANAGE_MESSAGES | Right.VIEW_CHANNEL | Right.SEND_MESSAGES)
    world.members.join(guild_id, bjorn, role_ids=(admin,))
    world.members.join(guild_id, chidi, role_ids=(moderator,))
    world.members.join(guild_id, dana)
    world.members.join(guild_id, elif_)
    bot = world.applications.create("Alphapy", ada).id
    world.members.join(guild_id, bot, role_ids=(admin,))

    def channel(name: str, topic: str, *, deny: int = 0, kind: int = 0) -> int:
        overwrites = [{"id": str(guild_id), "type": 0, "allow": "0", "deny": str(deny)}]
        body = {"name": name, "topic": topic, "type": kind, "permission_overwrites": overwrites}
        return int(world.channels.create(ada, guild_id, body)["id"])

    return Town(
        world=world,
        guild_id=guild_id,
        general=channel("general", "Anything goes, kindly"),
        news=channel("news", "What is new", deny=Right.SEND_MESSAGES),
        office=channel("office", "For the few", deny=Right.VIEW_CHANNEL),
        ada=ada,
        bjorn=bjorn,
        chidi=chidi,
        dana=dana,
        elif_=elif_,
        bot=bot,
    )


Answer = Callable[[JSON], JSON | None]


@attrs.define
class ScriptedBot:
    """Answers interactions by name: a command's path, or a custom id; an answer of None keeps silent."""

    town: Town
    answers: dict[str, Answer]
    said: Callable[[JSON], None]
    seen: list[tuple[str, JSON]] = attrs.field(factory=list)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        world = self.town.world
        send, receive = trio.open_memory_channel[Happening](100)
        unlisten = world.feed.listen(send.send_nowait)
        world.note_connection(self.town.bot, +1)
        task_status.started()
        try:
            async for happening in receive:
                if happening.name == "INTERACTION_CREATE":
                    self._answer(happening.data)
                elif happening.name == "MESSAGE_CREATE" and not happening.data["author"].get("bot"):
                    self.said(happening.data)
        finally:
            unlisten()
            world.note_connection(self.town.bot, -1)

    def _answer(self, interaction: JSON) -> None:
        name = name_of(interaction)
        self.seen.append((name, interaction))
        answer = self.answers[name](interaction) if name in self.answers else None
        if answer is not None:
            self.town.world.answers.respond(int(interaction["id"]), interaction["token"], answer)


def name_of(interaction: JSON) -> str:
    """``cc add`` for a command (``? cc add`` for its autocomplete), else the custom id."""
    data = interaction["data"]
    if "custom_id" in data:
        return str(data["custom_id"])
    words, options = [data["name"]], data.get("options", [])
    while options and options[0]["type"] in {1, 2}:
        words.append(options[0]["name"])
        options = options[0].get("options", [])
    return ("? " if interaction["type"] == 4 else "") + " ".join(words)


def values_of(interaction: JSON) -> dict[str, Any]:
    """The options of a command by name, or the fields of a modal by custom id."""
    data = interaction["data"]
    if "components" in data:
        parts = [
            part
            for row in data["components"]
            for part in row.get("components", [row.get("component")])
            if part
        ]
        return {part["custom_id"]: part["values"] if "values" in part else part["value"] for part in parts}
    options = data.get("options", [])
    while options and options[0]["type"] in {1, 2}:
        options = options[0].get("options", [])
    return {option["name"]: option["value"] for option in options}


def message(content: str = "", *, private: bool = False, **fields: Any) -> JSON:
    """A callback that answers with a message."""
    return {"type": 4, "data": {"content": content, "flags": EPHEMERAL if private else 0, **fields}}


def text_option(name: str, description: str, **fields: Any) -> JSON:
    return {"type": 3, "name": name, "description": description, **fields}


def button(custom_id: str, label: str, style: int = 2, **fields: Any) -> JSON:
    return {"type": 2, "style": style, "label": label, "custom_id": custom_id, **fields}


def rows(*parts: list[JSON]) -> list[JSON]:
    return [{"type": 1, "components": part} for part in parts]
