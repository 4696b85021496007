"""What happened to the service and to its guilds, for operators and admins (spec/operations.md 5.5)."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import attrs

from alphapy.actors.kernel.address import Address, Request
from alphapy.actors.kernel.containment import summary
from alphapy.pure.groups import leaves
from alphapy.pure.ids import GuildId

if TYPE_CHECKING:
    from alphapy.gateway.invocation import Crash

EVENTS = Address.process("operational_events")
"""Where every operational event is told, and asked for."""

RING = 100
"""Events that are kept at hand of each guild, and of no guild."""


class EventType(enum.Enum):
    """The types there are; the value is what is stored and served."""

    BOT_READY = "BOT_READY"
    BOT_RECONNECT = "BOT_RECONNECT"
    BOT_DISCONNECT = "BOT_DISCONNECT"
    GUILD_SYNC = "GUILD_SYNC"
    ONBOARDING_ERROR = "ONBOARDING_ERROR"
    SETTINGS_CHANGED = "SETTINGS_CHANGED"
    COG_ERROR = "COG_ERROR"


@attrs.frozen(kw_only=True)
class RecordEvent:
    """Record an event, stamped with the time at which it is told.

    ``event_type`` is usually the value of an :class:`EventType`; any other is stored as SETTINGS_CHANGED with
    ``details.original_event_type``. The text and the details (plain JSON) are cut to what may be stored.
    Never put a secret or a member's message into them.
    """

    event_type: str
    message: str
    guild_id: GuildId | None = None
    details: Mapping[str, Any] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class OperationalEvent:
    """An event as it was recorded; ``timestamp`` is UTC, ``message`` at most 300 characters."""

    timestamp: datetime
    event_type: str
    guild_id: GuildId | None
    message: str
    details: Mapping[str, Any]


@attrs.frozen(kw_only=True)
class RecentEvents:
    """The answer to :class:`Recent`: newest first.

    ``complete`` is False where events from before the start could not be read from the database.
    """

    events: tuple[OperationalEvent, ...]
    complete: bool


@attrs.frozen(kw_only=True)
class Recent(Request[RecentEvents]):
    """The newest ``limit`` events of a guild, those of no guild among them; of no guild alone for None.

    ``types`` leaves only these (values of :class:`EventType`); None leaves all.
    """

    guild_id: GuildId | None
    limit: int = RING
    types: frozenset[str] | None = None


def command_error(crash: Crash) -> RecordEvent:
    """A handler of a command, a component or a modal failed."""
    return RecordEvent(
        event_type=EventType.COG_ERROR.value,
        message=f"{crash.path} failed ({crash.trace_id})",
        guild_id=crash.guild_id,
        details={
            "command": crash.path,
            "user_id": str(crash.user_id),
            "error_type": crash.error_type,
            "error": crash.error,
            "trace_id": crash.trace_id,
        },
    )


def actor_error(address: Address, error: Exception) -> RecordEvent:
    """An actor has crashed so often that it counts as unhealthy."""
    cause = leaves(error)[0] if isinstance(error, BaseExceptionGroup) else error
    return RecordEvent(
        event_type=EventType.COG_ERROR.value,
        message=f"{address} keeps failing",
        guild_id=address.guild_id,
        details={"actor": str(address), "error_type": type(cause).__name__, "error": summary(cause)},
    )


@attrs.frozen
class PersistTick:
    """To itself: it is time to store what is new."""
