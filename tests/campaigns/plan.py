"""A campaign's plan: pure data, made from a seed, so that whatever fails can be played again."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Mapping
from typing import TypeAlias

import attrs
from typing_extensions import override

from alphapy.sandbox.faults import GatewayFault, RestFault


class Kind(enum.Enum):
    """What a campaign is about."""

    KILL = "kill"
    CHAOS = "chaos"
    DEPLOY = "deploy"


class Point(enum.Enum):
    """A named point at which the bot is killed; a table stands beside it where there is one."""

    NOW = "at random"
    AGAIN = "while it starts"
    CONNECTED = "as soon as it is connected"
    SEND_ASKED = "before a send takes effect"
    SENT = "after a send, before its answer"
    ANSWERED = "after the answer to a send"
    DELETE_ASKED = "before a deletion takes effect"
    DELETED = "after a deletion, before its answer"
    ACKNOWLEDGED = "after an interaction's acknowledgement"
    UNCOMMITTED = "after a statement, before its commit"
    COMMITTING = "during a commit, before its answer"
    COMMITTED = "after a commit"


class Stop(enum.Enum):
    """How the database server goes down; the value is the signal that asks for it."""

    FAST = "SIGINT"
    IMMEDIATE = "SIGQUIT"


@attrs.frozen(kw_only=True)
class Rule:
    """A custom command, the same in every guild. Its answer is ``name #uses`` and a few words."""

    name: str
    kind: str
    trigger: str
    words: str
    case_sensitive: bool = False
    delete_trigger: bool = False
    reply: bool = True

    @property
    def response(self) -> str:
        """The template as it is stored."""
        return f"{self.name} #{{uses}} {self.words}, {{user}}"

    def answer(self, author_id: int) -> str:
        """What follows the number in an answer to this member."""
        return f"{self.words}, <@{author_id}>"


@attrs.frozen
class Say:
    """A member writes a message."""

    guild: int
    channel: int
    member: int
    content: str


@attrs.frozen
class Slash:
    """Somebody uses a command: the guild's owner, or a member."""

    guild: int
    path: str
    options: Mapping[str, str] = attrs.field(factory=dict)
    by_owner: bool = True

    @property
    def adds(self) -> str | None:
        """The name of the rule that this adds, if it adds one."""
        return self.options["name"] if self.path == "/cc add" else None

    @property
    def toggles(self) -> str | None:
        """The name of the rule that this switches off, if it does so."""
        return self.options["name"] if self.path == "/cc toggle" else None


@attrs.frozen
class Confirmed:
    """The load goes on only once this rule is known to be added; a person asks again until it is."""

    guild: int
    rule: Rule


@attrs.frozen(kw_only=True)
class Kill:
    """SIGKILL at a named point, ``lag`` seconds late; Discord may refuse the session afterwards."""

    point: Point
    after: int = 0
    table: str = ""
    lag: float = 0.0
    refused: bool = False

    @property
    def refuses(self) -> bool:
        """Whether a session is refused because of it."""
        return self.refused

    @override
    def __str__(self) -> str:
        refused = ", session refused" if self.refused else ""
        return f"killed {self.point.value}" + (f" ({self.table})" if self.table else "") + refused


@attrs.frozen(kw_only=True)
class Deploy:
    """SIGTERM; the new process is started before the old one has ended, or after."""

    overlapping: bool

    @override
    def __str__(self) -> str:
        return f"deployed, {'overlapping' if self.overlapping else 'one after the other'}"


@attrs.frozen(kw_only=True)
class OnGateway:
    """A fault of the gateway after some further dispatches."""

    kind: GatewayFault
    after: int = 0
    times: int = 1
    close_code: int = 4000
    resumable: bool = True

    @property
    def refuses(self) -> bool:
        """Whether a session is refused because of it."""
        return not self.resumable

    @override
    def __str__(self) -> str:
        refused = ", session refused" if not self.resumable else ""
        return f"gateway: {self.kind.value}{refused}"


@attrs.frozen(kw_only=True)
class OnRest:
    """A fault of a route after some further requests."""

    kind: RestFault
    route: str
    after: int = 0
    times: int = 1
    status: int = 500
    seconds: float = 1.0

    @override
    def __str__(self) -> str:
        return f"REST: {self.kind.value} of {self.route.split()[0]}"


@attrs.frozen(kw_only=True)
class Restart:
    """The database server goes down and is started again."""

    stop: Stop

    @override
    def __str__(self) -> str:
        return f"database: {self.stop.name.lower()} shutdown"


@attrs.frozen(kw_only=True)
class Outage:
    """Nobody can use the database for so many seconds, while the load goes on."""

    seconds: float

    @override
    def __str__(self) -> str:
        return "database: away for a while"


@attrs.frozen(kw_only=True)
class SlowDisk:
    """Every writing statement of the next ``commits`` commits takes so many seconds longer."""

    seconds: float
    commits: int

    @override
    def __str__(self) -> str:
        return "database: slow disk"


Blow: TypeAlias = Kill | Deploy | OnGateway | OnRest | Restart | Outage | SlowDisk
Act: TypeAlias = Say | Slash | Confirmed | Blow


@attrs.frozen(kw_only=True)
class Plan:
    """Everything that a round does, in order."""

    kind: Kind
    seed: int
    guilds: int
    channels: int
    """Channels of each guild, besides the one for commands."""
    members: int
    """Members of each guild, besides its owner."""
    rules: tuple[Rule, ...]
    acts: tuple[Act, ...]
    pace: float = 0.02
    """Seconds between two acts: what makes the load steady. Nothing depends on it."""

    @property
    def blows(self) -> tuple[Blow, ...]:
        """What strikes."""
        return tuple(act for act in self.acts if not isinstance(act, Say | Slash | Confirmed))

    @property
    def refuses_a_session(self) -> bool:
        """Whether Discord refuses to resume at some point, so that there is a gap to fill in."""
        return any(
            (isinstance(blow, OnGateway) and not blow.resumable) or (isinstance(blow, Kill) and blow.refused)
            for blow in self.blows
        )

    def summary(self) -> list[str]:
        """The plan in a few lines."""
        said = sum(isinstance(act, Say) for act in self.acts)
        used = sum(isinstance(act, Slash) for act in self.acts)
        counted = Counter(str(blow) for blow in self.blows)
        return [
            (
                f"{self.guilds} guilds of {self.channels} channels and {self.members + 1} people, "
                f"{len(self.rules)} custom commands each"
            ),
            f"{said} messages, {used} slash commands, {len(self.blows)} blows:",
            *(f"  {count} x {text}" for text, count in sorted(counted.items())),
        ]
