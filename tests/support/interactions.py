"""Interactions as Discord would send them, and a Discord that takes the answers and insists on its rules."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import attrs
import msgspec
import trio

from alphapy.gateway.models.interaction import Interaction
from alphapy.gateway.models.message import EPHEMERAL, LOADING
from alphapy.gateway.models.outgoing import File
from alphapy.gateway.rest.errors import (
    ALREADY_ACKNOWLEDGED,
    UNKNOWN_INTERACTION,
    DiscordError,
    DiscordErrorKind,
)
from alphapy.pure.ids import snowflake_at
from tests.support.clock import FakeClock

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from alphapy.gateway.models.outgoing import OutgoingMessage

GUILD = 100
CHANNEL = 200
USER = 300
APPLICATION = 400

_numbers = itertools.count(1)

_KINDS = {bool: 5, int: 4, float: 10, str: 3}


def _interaction(
    clock: FakeClock | None, kind: int, data: dict[str, Any], more: dict[str, Any]
) -> Interaction:
    guild_id = more.pop("guild_id", GUILD)
    user = {"id": str(more.pop("user_id", USER)), "username": "someone"}
    roles, permissions = more.pop("roles", ()), more.pop("permissions", 0)
    payload: dict[str, Any] = {
        "id": str(snowflake_at((clock or FakeClock()).now()) + next(_numbers)),
        "application_id": str(APPLICATION),
        "type": kind,
        "token": "a-secret-token",
        "version": 1,
        "channel_id": str(CHANNEL),
        "data": data,
        "locale": "en-GB",
        "app_permissions": "8",
        "context": 0 if guild_id else 1,
    }
    if guild_id:
        payload["guild_id"] = str(guild_id)
        payload["member"] = {
            "user": user,
            "roles": [str(role) for role in roles],
            "permissions": str(int(permissions)),
        }
    else:
        payload["user"] = user
    return msgspec.json.decode(msgspec.json.encode(payload | more), type=Interaction, strict=False)


@attrs.frozen
class Given:
    """An option whose kind its value does not tell: 6 is a user, 7 a channel, 8 a role, by id."""

    kind: int
    value: Any


def _options(given: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"name": name, "type": value.kind, "value": value.value}
        if isinstance(value, Given)
        else {"name": name, "type": _KINDS[type(value)], "value": value}
        for name, value in given.items()
    ]


def _command_data(path: str, options: list[dict[str, Any]], resolved: Mapping[str, Any]) -> dict[str, Any]:
    first, *rest = path.split()
    for depth, word in enumerate(reversed(rest)):
        options = [{"name": word, "type": 1 if depth == 0 else 2, "options": options}]
    return {"id": "1", "name": first, "type": 1, "options": options, "resolved": resolved}


def command(
    path: str,
    options: Mapping[str, Any] | None = None,
    *,
    clock: FakeClock | None = None,
    resolved: Mapping[str, Any] | None = None,
    **more: Any,
) -> Interaction:
    """``/path`` with these options; ``more`` replaces guild_id (0: a DM), user_id, roles, permissions, …."""
    return _interaction(clock, 2, _command_data(path, _options(options or {}), resolved or {}), more)


def typing(
    path: str, focused: str, typed: Any, options: Mapping[str, Any] | None = None, **more: Any
) -> Interaction:
    """A member typing this into the focused option."""
    given = _options(options or {})
    given.append({"name": focused, "type": _KINDS[type(typed)], "value": typed, "focused": True})
    return _interaction(more.pop("clock", None), 4, _command_data(path, given, {}), more)


MESSAGE: Mapping[str, Any] = {
    "id": "900",
    "channel_id": str(CHANNEL),
    "author": {"id": str(APPLICATION), "username": "bot", "bot": True},
    "content": "a message with buttons",
}


def press(
    custom_id: str, values: Sequence[str] = (), *, clock: FakeClock | None = None, **more: Any
) -> Interaction:
    """A press of a button, or a choice in a select where there are values."""
    data = {"custom_id": custom_id, "component_type": 3 if values else 2, "values": list(values)}
    return _interaction(clock, 3, data, {"message": MESSAGE} | more)


def submission(
    custom_id: str,
    fields: Mapping[str, str],
    *,
    labels: bool = True,
    clock: FakeClock | None = None,
    **more: Any,
) -> Interaction:
    """A submitted modal, in the newer layout with labels or the classic one with rows."""
    inputs = [{"type": 4, "custom_id": name, "value": value} for name, value in fields.items()]
    rows = [
        {"type": 18, "component": field} if labels else {"type": 1, "components": [field]} for field in inputs
    ]
    return _interaction(clock, 5, {"custom_id": custom_id, "components": rows}, more)


def refused(code: int, kind: DiscordErrorKind = DiscordErrorKind.NOT_FOUND) -> DiscordError:
    """An answer of Discord that is an error."""
    return DiscordError(kind=kind, route="test", message="refused", status=404, code=code)


NO_ANSWER = DiscordError(kind=DiscordErrorKind.TRANSPORT, route="test", message="connection lost")
"""Nobody knows whether Discord got that one."""


@attrs.frozen
class Said:
    """One thing that Discord was told: the method, and the body or message."""

    method: str
    body: Any
    files: tuple[File, ...] = ()
    """What the form of a first answer carries; a message has its own."""

    @property
    def type(self) -> int:
        """The type of a first answer."""
        return int(self.body["type"])

    @property
    def text(self) -> str:
        """What a member reads."""
        if self.method == "respond":
            return str(self.body.get("data", {}).get("content", ""))
        return str(self.body.content)

    @property
    def ephemeral(self) -> bool:
        """Whether it is for one member alone."""
        if self.method == "respond":
            return bool(self.body.get("data", {}).get("flags", 0) & 64)
        return bool(self.body.ephemeral)


class FakeCalls:
    """Takes answers by Discord's rules: one first answer within 3 s, edits and follow-ups only after it.

    ``slow`` is how long each call takes. ``failures`` are raised in order by the calls of that method, after
    the call took effect where ``arrives`` says so; None lets one call through.
    """

    def __init__(self, *, slow: float = 0.0) -> None:
        self.said: list[Said] = []
        self.slow = slow
        self.failures: dict[str, list[DiscordError | None]] = {}
        self.arrives = False
        self.thinking = False
        self._answered: set[int] = set()

    @property
    def first(self) -> Said:
        """The first thing that was said."""
        return self.said[0]

    @property
    def methods(self) -> list[str]:
        """What was called, in order."""
        return [said.method for said in self.said]

    def acknowledge(self, interaction: Interaction) -> None:
        """Let it have been answered by somebody before."""
        self._answered.add(interaction.id)

    async def respond(
        self,
        interaction_id: int,
        token: str,
        response: Mapping[str, Any],
        *,
        files: Sequence[File] = (),
        within: float = 3.0,
    ) -> None:
        assert 0 < within <= 3.0
        assert token == "a-secret-token"
        await trio.sleep(self.slow)
        failure = self._failure("respond")
        if failure is None or self.arrives:
            if interaction_id in self._answered:
                raise refused(ALREADY_ACKNOWLEDGED, DiscordErrorKind.INVALID)
            self._answered.add(interaction_id)
            self.said.append(Said("respond", response, tuple(files)))
        if failure is not None:
            raise failure

    async def edit_original(self, application_id: int, token: str, message: OutgoingMessage) -> None:
        await self._later("edit_original", message)

    async def promise(self, application_id: int, token: str) -> int | None:
        return LOADING | EPHEMERAL if self.thinking else None

    async def follow_up(self, application_id: int, token: str, message: OutgoingMessage) -> int:
        await self._later("follow_up", message)
        return 1

    async def delete_original(self, application_id: int, token: str) -> None:
        await self._later("delete_original", None)

    async def _later(self, method: str, message: OutgoingMessage | None) -> None:
        await trio.sleep(self.slow)
        failure = self._failure(method)
        if failure is not None:
            raise failure
        if not self._answered:
            raise refused(UNKNOWN_INTERACTION)
        self.said.append(Said(method, message))

    def _failure(self, method: str) -> DiscordError | None:
        waiting = self.failures.get(method)
        return waiting.pop(0) if waiting else None
