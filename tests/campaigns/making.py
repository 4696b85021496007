"""Making a plan from a seed: the load first, then the blows between its acts."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import attrs

from alphapy.sandbox.faults import GatewayFault, RestFault
from tests.campaigns.model import MOST_PER_CHANNEL, answering
from tests.campaigns.plan import (
    Confirmed,
    Deploy,
    Kill,
    Kind,
    OnGateway,
    OnRest,
    Outage,
    Plan,
    Point,
    Restart,
    Rule,
    Say,
    Slash,
    SlowDisk,
    Stop,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.campaigns.plan import Act, Blow

GUILDS = 4
MEMBERS = 4
ACTIVE = 4
"""Channels of a guild in which there is talk at any time."""

BETWEEN = {Kind.KILL: 70, Kind.CHAOS: 25, Kind.DEPLOY: 220}
"""Acts between two blows."""

SEND = "POST /channels/{channel_id}/messages"
DELETE = "DELETE /channels/{channel_id}/messages/{message_id}"
CALLBACK = "POST /interactions/{interaction_id}/{token}/callback"

TABLES = ("custom_commands", "event_progress", "effects", "gateway_sessions", "automod_logs")
"""Where a commit may be hit."""

_WORDS = [
    "harbour",
    "lamp",
    "tide",
    "gull",
    "rope",
    "anchor",
    "fog",
    "north",
    "sail",
    "keel",
    "bell",
    "buoy",
    "reef",
    "chart",
    "crew",
]
_SLEEPING = 30
"""Rules of each guild that no message triggers: each is switched off once at the most."""

RULES = (
    Rule(name="hello", kind="exact", trigger="!hello", words="hello"),
    Rule(name="Loud", kind="exact", trigger="!LOUD", words="heard you", case_sensitive=True),
    Rule(name="coffee", kind="contains", trigger="coffee", words="coffee is served with !hello on it"),
    Rule(name="kaffee", kind="regex", trigger=r"\b[ck]o?a?ff?ee\d*\b", words="in other words"),
    Rule(name="ask", kind="starts_with", trigger="?ask", words="have you tried ticket-12"),
    Rule(name="ticket", kind="regex", trigger=r"\bticket-\d{2,5}\b", words="is on the list", reply=False),
    Rule(name="hush", kind="contains", trigger="password", words="not here", delete_trigger=True),
    Rule(name="wipe", kind="exact", trigger="wipe this", words="wiped", delete_trigger=True, reply=False),
)
"""Kept in this order. Several overlap, and some answers hold the triggers of others."""


def make(kind: Kind, seed: int, blows: int) -> Plan:
    """The plan of a seed, with so many blows."""
    rng = random.Random(f"{kind.value} {seed}")
    return with_blows(kind, seed, [_BLOWS[kind](rng) for _ in range(blows)])


def with_blows(kind: Kind, seed: int, blows: Sequence[Blow]) -> Plan:
    """These blows, in the load of a seed."""
    load = _Load(random.Random(f"load {seed}"))
    acts: list[Act] = list(load.acts(20))
    for blow in blows:
        acts.append(blow)
        acts += load.acts(BETWEEN[kind])
    sleeping = tuple(_sleeping(number) for number in range(_SLEEPING))
    return Plan(
        kind=kind,
        seed=seed,
        guilds=GUILDS,
        channels=max(guild.opened for guild in load.guilds),
        members=MEMBERS,
        rules=(*RULES, *sleeping),
        acts=tuple(acts),
    )


def _sleeping(number: int) -> Rule:
    return Rule(name=f"sleeping{number}", kind="exact", trigger=f"never said {number}", words="awake")


@attrs.define
class _Guild:
    """What the load knows of a guild: how often each channel that is in use has been answered in."""

    answers: dict[int, int] = attrs.field(factory=lambda: dict.fromkeys(range(ACTIVE), 0))
    opened: int = ACTIVE
    added: list[Rule] = attrs.field(factory=list)
    pending: Rule | None = None
    toggled: int = 0
    moved: int = 0

    def settle(self, channel: int) -> None:
        """Count an answer; a channel that has had its five is left for a new one."""
        self.answers[channel] += 1
        if self.answers[channel] == MOST_PER_CHANNEL:
            del self.answers[channel]
            self.answers[self.opened] = 0
            self.opened += 1


class _Load:
    """The steady load: two in five messages trigger something."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self.guilds = [_Guild() for _ in range(GUILDS)]

    def acts(self, count: int) -> Iterator[Act]:
        """The next acts."""
        for _ in range(count):
            number = self._rng.randrange(GUILDS)
            guild = self.guilds[number]
            if self._rng.random() < 0.08:
                yield self._slash(number, guild)
            else:
                yield self._say(number, guild)
            if guild.pending is not None:
                guild.moved += 1
                if guild.moved == 12:  # its admin has had time to read the answer
                    yield Confirmed(number, guild.pending)
                    guild.added.append(guild.pending)
                    guild.pending = None

    def _say(self, number: int, guild: _Guild) -> Say:
        channel = self._rng.choice(sorted(guild.answers))
        content = self._content(guild)
        if answering((*RULES, *guild.added), content) is not None:
            guild.settle(channel)
        return Say(number, channel, self._rng.randrange(MEMBERS), content)

    def _content(self, guild: _Guild) -> str:
        rng = self._rng
        talk = " ".join(rng.choices(_WORDS, k=rng.randint(1, 6)))
        if rng.random() < 0.1:
            return rng.choice(
                [f"the kraken {talk}", f"{talk} KRAKEN coffee", "kra\u200bken", f"!kraken {talk}"]
            )
        if rng.random() > 0.4:
            return rng.choice([talk, talk, talk.upper(), "!hello there", "!loud", "ask what?", "ticket-1"])
        if guild.added and rng.random() < 0.2:
            return rng.choice(guild.added).trigger
        makers: Sequence[Callable[[], str]] = (
            lambda: rng.choice(["!hello", "!HELLO", "!HeLLo"]),
            lambda: "!LOUD",
            lambda: f"{talk} {rng.choice(['coffee', 'COFFEE'])}",
            lambda: f"{rng.choice(['kaffee', 'koffee7'])} {talk}",
            lambda: f"?ask {talk}",
            lambda: f"{talk} ticket-{rng.randint(10, 99999)}",
            lambda: f"my password is {talk}",
            lambda: rng.choice(["wipe this", "Wipe This"]),
        )
        return rng.choice(makers)()

    def _slash(self, number: int, guild: _Guild) -> Slash:
        rng = self._rng
        turn = rng.random()
        if turn < 0.15 and guild.pending is None and len(guild.added) < 2:
            name = f"new{len(guild.added)}"
            guild.pending = rule = Rule(name=name, kind="exact", trigger=f"!{name}", words="brand new")
            guild.moved = 0
            return add(number, rule)
        if turn < 0.45 and guild.toggled < _SLEEPING:
            guild.toggled += 1
            return Slash(number, "/cc toggle", {"name": _sleeping(guild.toggled - 1).name})
        if turn < 0.6:
            return Slash(number, "/cc view", {"name": rng.choice(RULES).name.lower()})
        if turn < 0.75:
            return Slash(number, "/cc list")
        return Slash(number, rng.choice(["/version", "/help"]), by_owner=False)


def add(guild: int, rule: Rule) -> Slash:
    """How an admin adds a rule."""
    options = {
        "name": rule.name,
        "trigger_type": rule.kind,
        "trigger": rule.trigger,
        "response": rule.response,
    }
    return Slash(guild, "/cc add", options)


def _kill(rng: random.Random) -> Blow:
    point = rng.choice([*Point, *_AT_COMMITS])
    table = rng.choice(TABLES) if point in _AT_COMMITS else ""
    lag = rng.uniform(0.0, 0.6) if point is Point.AGAIN else 0.0
    if point in {Point.NOW, Point.CONNECTED, Point.ANSWERED}:
        lag = rng.uniform(0.0, 0.03)
    if point is Point.UNCOMMITTED and rng.random() < 0.3:
        lag = 1.2  # long enough for everything else to be written
    after, refused = rng.randrange(4), rng.random() < 0.3
    return Kill(point=point, after=after, table=table, lag=lag, refused=refused)


_AT_COMMITS = (Point.UNCOMMITTED, Point.COMMITTING, Point.COMMITTED)


def _chaos(rng: random.Random) -> Blow:
    if rng.random() < 0.15:
        return _kill(rng)
    makers = (_on_gateway, _on_gateway, _on_rest, _on_rest, _on_database)
    return rng.choice(makers)(rng)


_ENDING = frozenset({GatewayFault.INVALID_SESSION, GatewayFault.DROP, GatewayFault.CLOSE})
"""Faults after which Discord may refuse to resume."""


def _on_gateway(rng: random.Random) -> Blow:
    kind = rng.choice(list(GatewayFault))
    return OnGateway(
        kind=kind,
        after=rng.randrange(6),
        close_code=rng.choice([4000, 4001, 4002, 4005, 4008]),
        resumable=kind not in _ENDING or rng.random() < 0.5,
        times=2 if kind is GatewayFault.WITHHOLD_ACKS else 1,
    )


def _on_rest(rng: random.Random) -> Blow:
    route = rng.choice([SEND, SEND, SEND, DELETE, CALLBACK])
    kinds = set(RestFault) - ({RestFault.HANG} if route == CALLBACK else set())
    return OnRest(
        kind=rng.choice(sorted(kinds, key=lambda kind: kind.value)),
        route=route,
        after=rng.randrange(3),
        times=rng.randint(1, 3),
        status=rng.choice([500, 502, 503]),
        seconds=rng.choice([0.2, 0.5, 1.0]),
    )


def _on_database(rng: random.Random) -> Blow:
    turn = rng.random()
    if turn < 0.4:
        return Restart(stop=rng.choice(list(Stop)))
    if turn < 0.6:
        return Outage(seconds=rng.uniform(1.0, 8.0))
    return SlowDisk(seconds=rng.choice([0.05, 0.2, 0.5]), commits=rng.randint(3, 15))


def _deploy(rng: random.Random) -> Blow:
    return Deploy(overlapping=rng.random() < 0.5)


_BLOWS: dict[Kind, Callable[[random.Random], Blow]] = {
    Kind.KILL: _kill,
    Kind.CHAOS: _chaos,
    Kind.DEPLOY: _deploy,
}
