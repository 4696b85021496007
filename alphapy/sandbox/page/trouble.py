"""The troubles that a person can make for the bots from the page, and what has become of them.

Each is a fault of :mod:`alphapy.sandbox.faults` with numbers that show something within a minute. They befall
every bot that is connected.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import attrs

from alphapy.sandbox.faults import ArmedGatewayFault, ArmedRestFault, Faults, GatewayFault, RestFault
from alphapy.sandbox.page.asking import BadQuestion

if TYPE_CHECKING:
    from alphapy.sandbox.errors import JSON

CLOSE_CODES = (4000, 4001, 4002, 4003, 4005, 4007, 4008, 4009)
FATAL_CODES = (4004, 4010, 4011, 4012, 4013, 4014)
"""After these a bot must not come back by itself (https://discord.com/developers/docs/topics/opcodes-and-status-codes)."""
SHOWN = 8
"""How many of the latest faults are shown."""


@attrs.frozen
class Trouble:
    """One button."""

    label: str
    hint: str
    kind: GatewayFault | RestFault
    numbers: Mapping[str, Any] = attrs.field(factory=dict)


GATEWAY: Mapping[str, Trouble] = MappingProxyType(
    {
        "drop": Trouble("Drop the socket", "The connection breaks without a word.", GatewayFault.DROP),
        "reconnect": Trouble("Ask to reconnect", "Opcode 7.", GatewayFault.RECONNECT),
        "invalid": Trouble(
            "Session invalid",
            "Opcode 9, resumable: the bot resumes and misses nothing.",
            GatewayFault.INVALID_SESSION,
            {"resumable": True},
        ),
        "ended": Trouble(
            "Session over",
            "Opcode 9, not resumable: the bot has to identify anew.",
            GatewayFault.INVALID_SESSION,
            {"resumable": False},
        ),
        "silence": Trouble(
            "Withhold answers to heartbeats",
            "Two heartbeats stay unanswered; the bot notices at the second, a minute from now or so.",
            GatewayFault.WITHHOLD_ACKS,
            {"times": 2},
        ),
        "beat": Trouble("Ask for a heartbeat", "Opcode 1.", GatewayFault.REQUEST_HEARTBEAT),
        "twice": Trouble("Send the next event twice", "It must count once.", GatewayFault.DUPLICATE),
        "swap": Trouble(
            "Swap the next two events", "Out of order, as Discord never sends them.", GatewayFault.REORDER
        ),
        "leave_out": Trouble(
            "Leave out the next event", "The bot has to notice the gap and ask again.", GatewayFault.OMIT
        ),
        "cut": Trouble("Cut the next event short", "The stream ends in the middle.", GatewayFault.TRUNCATE),
    }
)
REST: Mapping[str, Trouble] = MappingProxyType(
    {
        "limit": Trouble("Limit it: 429", "The bot has to wait for a second.", RestFault.USER_LIMIT),
        "shared": Trouble("Limit it: 429, shared", "Others have used it up.", RestFault.SHARED_LIMIT),
        "everything": Trouble("Limit everything: 429, global", "For a second.", RestFault.GLOBAL_LIMIT),
        "edge": Trouble("Limit it at the edge: 429", "An answer that is no JSON.", RestFault.EDGE_LIMIT),
        "error": Trouble("Fail it: 500", "It has no effect.", RestFault.SERVER_ERROR),
        "lost": Trouble("Lose its answer: 502", "It has its effect.", RestFault.LOST_ANSWER, {"status": 502}),
        "slow": Trouble("Answer it 2 seconds late", "", RestFault.SLOW, {"seconds": 2.0}),
        "hang": Trouble("Never answer it", "", RestFault.HANG),
    }
)


def arm(faults: Faults, name: str, code: int | None) -> None:
    """Arm what a button says; ``close`` takes a close code."""
    if name == "close":
        if code not in CLOSE_CODES + FATAL_CODES:
            raise BadQuestion("“code” must be a close code of Discord's gateway.")
        faults.arm_gateway(GatewayFault.CLOSE, close_code=code)
        return
    trouble = GATEWAY.get(name) or REST.get(name)
    if trouble is None:
        raise BadQuestion("The sandbox knows no such trouble.")
    if isinstance(trouble.kind, GatewayFault):
        faults.arm_gateway(trouble.kind, **trouble.numbers)
    else:
        faults.arm_rest(trouble.kind, **trouble.numbers)


def report(faults: Faults) -> JSON:
    """What is on offer, what waits for its moment, and what has struck lately, the latest first."""
    waiting: list[ArmedGatewayFault | ArmedRestFault] = [*faults.gateway, *faults.rest]
    return {
        "gateway": _offers(GATEWAY),
        "rest": _offers(REST),
        "codes": [{"code": code, "fatal": code in FATAL_CODES} for code in sorted(CLOSE_CODES + FATAL_CODES)],
        "waiting": [words_of(fault) for fault in waiting],
        "struck": [words_of(fault) for fault in reversed(faults.struck[-SHOWN:])],
        "count": len(faults.struck),
    }


def words_of(fault: ArmedGatewayFault | ArmedRestFault) -> str:
    """A fault as its button names it."""
    if isinstance(fault, ArmedGatewayFault) and fault.kind is GatewayFault.CLOSE:
        return f"Close with {fault.close_code}"
    for trouble in (*GATEWAY.values(), *REST.values()):
        resumable = trouble.numbers.get("resumable", True)
        if trouble.kind is fault.kind and getattr(fault, "resumable", True) is resumable:
            return trouble.label
    raise LookupError(f"no button for {fault}")  # test_trouble.py presses every kind


def _offers(troubles: Mapping[str, Trouble]) -> list[JSON]:
    return [{"name": name, "label": one.label, "hint": one.hint} for name, one in troubles.items()]
