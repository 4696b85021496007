"""The plan's guilds in a local Discord, and everything that is seen to happen there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import attrs
import trio

from alphapy.sandbox.person import Person
from alphapy.sandbox.tuning import Tuning
from alphapy.sandbox.world.permissions import Right
from alphapy.sandbox.world.world import World
from tests.campaigns.plan import Kill, Kind, OnGateway, Say

if TYPE_CHECKING:
    from alphapy.sandbox.world.feed import Happening
    from tests.campaigns.plan import Plan, Slash

TOKEN = "campaign-token"
_RIGHTS = str(int(Right.MANAGE_MESSAGES | Right.VIEW_AUDIT_LOG))
_ANSWER = re.compile(r"(?P<rule>\S+) #(?P<use>\d+) (?P<words>.*)", re.DOTALL)


@attrs.frozen
class Said:
    """A message that the load has written."""

    act: Say
    message_id: int
    at: float


@attrs.frozen
class Gap:
    """A time without the bot."""

    left: float
    back: float

    @property
    def seconds(self) -> float:
        """How long it was."""
        return self.back - self.left


@attrs.frozen
class Answer:
    """A message that the bot has posted by itself: which rule, which use, where, in answer to what."""

    channel_id: int
    content: str
    reply_to: int | None
    at: float

    @property
    def rule(self) -> str:
        """The name of the rule; the whole content where it is no answer of a rule."""
        found = _ANSWER.fullmatch(self.content)
        return self.content if found is None else found["rule"]

    @property
    def use(self) -> int:
        """The number of the use; 0 where there is none."""
        found = _ANSWER.fullmatch(self.content)
        return 0 if found is None else int(found["use"])

    @property
    def words(self) -> str:
        """What follows the number."""
        found = _ANSWER.fullmatch(self.content)
        return "" if found is None else found["words"]


class Town:
    """The world of a plan, its people by number, and its chronicle."""

    def __init__(self, plan: Plan) -> None:
        quick = plan.kind is Kind.CHAOS  # so that a withheld acknowledgement is noticed in time
        self.world = world = World(Tuning(identify_window=0.0, heartbeat_interval=2.0 if quick else 41.25))
        self.owner = world.users.create("owner", display_name="Olive")
        self.members = [
            world.users.create(f"member{number}", display_name=f"Member {number}")
            for number in range(plan.members)
        ]
        self.application = world.applications.create("Alphapy", self.owner, tokens=(TOKEN,))
        self.guilds: list[int] = []
        self.channels: list[list[int]] = []
        for number in range(plan.guilds):
            self._build_guild(number, plan.channels)
        self.said: list[Said] = []
        self.answers: list[Answer] = []
        self.deleted: dict[int, float] = {}
        self.acknowledged: dict[int, float] = {}
        """By interaction: the seconds until the bot's first sign."""
        self.played = False
        """Whether what follows is only the restart that must change nothing."""
        self.gaps: list[Gap] = []
        self.outages: list[Gap] = []
        """Times without a database."""
        self.kills: list[float] = []
        """When the bot was killed."""
        self.refuses = any(act.refuses for act in plan.acts if isinstance(act, Kill | OnGateway))
        """Whether a session is refused somewhere in the plan."""
        self._left: float | None = None
        world.feed.listen(self._on_happening)

    def _build_guild(self, number: int, channels: int) -> None:
        world = self.world
        guild = world.guilds.create(f"Guild {number}", self.owner)
        role = world.roles.create(self.owner, guild.id, {"name": "Alphapy", "permissions": _RIGHTS})
        for member in self.members:
            world.members.join(guild.id, member)
        world.members.join(guild.id, self.application.id, role_ids=(int(role["id"]),))
        names = ["commands", *(f"talk-{count}" for count in range(channels))]
        made = [world.channels.create(self.owner, guild.id, {"name": name}) for name in names]
        self.guilds.append(guild.id)
        self.channels.append([int(channel["id"]) for channel in made])

    @property
    def online(self) -> bool:
        """Whether the bot is connected and ready."""
        return self.application.id in self.world.connected_bots

    @property
    def registered(self) -> bool:
        """Whether the bot's commands are known, so that people can use them."""
        return bool(self.world.commands.registered.get((self.application.id, None)))

    def place(self, act: Say) -> int:
        """The channel of a message."""
        return self.channels[act.guild][act.channel + 1]

    def author(self, act: Say) -> int:
        """Who writes it."""
        return self.members[act.member]

    def say(self, act: Say) -> None:
        """Write a message of the load."""
        at = trio.current_time()
        message = Person(self.world, self.author(act)).say(self.place(act), act.content)
        self.said.append(Said(act, int(message["id"]), at))

    def person(self, act: Slash) -> Person:
        """Who uses a command."""
        return Person(self.world, self.owner if act.by_owner else self.members[0])

    def desk(self, act: Slash) -> int:
        """The channel in which commands are used."""
        return self.channels[act.guild][0]

    def is_answer(self, happening: Happening) -> bool:
        """Whether this is a message that the bot posts by itself, not in answer to an interaction."""
        data = happening.data
        return (
            happening.name == "MESSAGE_CREATE"
            and data["author"]["id"] == str(self.application.id)
            and "interaction_metadata" not in data
        )

    def _on_happening(self, happening: Happening) -> None:
        now = trio.current_time()
        data = happening.data
        if self.is_answer(happening):
            reference = data.get("message_reference")
            reply_to = None if reference is None else int(reference["message_id"])
            self.answers.append(Answer(int(data["channel_id"]), data["content"], reply_to, now))
        elif happening.name == "MESSAGE_DELETE":
            self.deleted[int(data["id"])] = now
        elif happening.name == "MESSAGE_DELETE_BULK":
            self.deleted |= {int(message_id): now for message_id in data["ids"]}
        elif happening.name == "INTERACTION_STATE" and data["state"] in {"thinking", "done"}:
            interaction = self.world.interactions.known[int(data["id"])]
            self.acknowledged.setdefault(interaction.id, now - interaction.created)
        elif happening.name == "BOTS_CHANGED" and not self.online:
            self._left = now
        elif happening.name == "BOTS_CHANGED" and self._left is not None:
            if not self.played:
                self.gaps.append(Gap(self._left, now))
            self._left = None
