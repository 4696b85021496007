"""One guild's gap: from the new session until everything that was missed is dealt with.

What comes live meanwhile for the features that read back is *held*, so that they get messages in order.
"""

from __future__ import annotations

import enum
import math
from collections import deque
from typing import TYPE_CHECKING

import attrs
import trio

from alphapy.actors.feature import GatewayEvent
from alphapy.pure.ids import GuildId

if TYPE_CHECKING:
    from collections.abc import Iterable


class Phase(enum.Enum):
    """Where a gap is on its way."""

    AWAITED = "awaited"
    """The guild is not there yet."""
    WAITING = "waiting"
    """It waits for its turn to be read."""
    READING = "reading"
    TOLD = "told"
    """What was missed is on its way to the actors, or there."""


@attrs.define(eq=False)
class Gap:
    """See the module. ``label`` is another one each time it is begun."""

    guild_id: GuildId
    shard_id: int
    session_id: str
    since: int
    label: str
    newest: int = 0
    """The newest message when the guild arrived."""
    phase: Phase = Phase.AWAITED
    due: float = math.inf
    """When it is given up, on Trio's clock."""
    scope: trio.CancelScope | None = None
    """Of the reading."""
    held: dict[str, deque[GatewayEvent]] = attrs.field(factory=dict)
    """What has come live, by feature; a feature that is not here is told at once."""
    left: set[str] = attrs.field(factory=set)
    """The features that have not dealt with everything."""

    def begin(
        self, shard_id: int, session_id: str, since: int, *, label: str, features: Iterable[str]
    ) -> None:
        """Begin, or begin anew with the next session: everything since the older of the two."""
        self.shard_id, self.session_id = shard_id, session_id
        self.since, self.label = min(self.since, since), label
        self.phase, self.due, self.left = Phase.AWAITED, math.inf, set()
        if self.scope is not None:
            self.scope.cancel(reason="the session ended while what was missed was read")
            self.scope = None
        for feature in features:
            self.held.setdefault(feature, deque())

    def hold(self, feature: str, event: GatewayEvent) -> bool:
        """Keep an event back; False where the same is held already, as when the log is read again."""
        held = self.held[feature]
        newest = held[-1] if held else None
        if newest is not None and newest.session_id == event.session_id and newest.seq >= event.seq:
            return False
        held.append(event)
        return True

    @property
    def first_live(self) -> int | None:
        """The first message that has come live in this session."""
        keys = [
            event.key
            for held in self.held.values()
            for event in held
            if event.key and event.session_id == self.session_id
        ]
        return min(keys, default=None)

    @property
    def is_done(self) -> bool:
        """Whether nothing is held and everybody is done."""
        return self.phase is Phase.TOLD and not self.held and not self.left
