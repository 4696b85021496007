"""Which messages somebody has dealt with, small enough to be stored with every step.

Messages come in the order of their ids, or nearly so. So it is enough to know the ids of the last seconds one
by one, and a *floor* at or below which everything counts as dealt with.

When it fails: a message that is read back and is older than the floor is taken for done. The floor lies
:data:`WINDOW` behind the newest message, or a little more: it is raised now and then, since that costs a look
at every id. It lies nearer where more than :data:`MOST` messages came in this time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable

SECOND: Final = 1000 << 22
"""A second, as the distance between two snowflakes."""

WINDOW: Final = 10 * SECOND
"""How far back ids are known one by one."""

SLACK: Final = 2 * SECOND
"""How much farther back they may be known, so that the floor is not raised with every message."""

MOST: Final = 256
"""How many ids are known one by one at the most ..."""

KEPT: Final = 192
"""... and how many of them are left when there are more."""


@attrs.frozen
class Seen:
    """What was dealt with. Merging and adding never take anything back.

    ``filled`` is the highest id that was ever read back: a message that comes live was certainly not read
    back before if it is newer.
    """

    floor: int = 0
    recent: frozenset[int] = frozenset()
    filled: int = 0

    def has(self, message_id: int) -> bool:
        """Whether a message that was read back had been dealt with before."""
        return message_id <= self.floor or message_id in self.recent

    def has_live(self, message_id: int) -> bool:
        """Whether a message that comes live was read back, or came live, before."""
        return message_id in self.recent or message_id <= min(self.floor, self.filled)

    def plus(self, message_ids: Iterable[int], *, filled: int = 0) -> Seen:
        """With these, too; everything well below the newest of them counts as dealt with from now on.

        ``filled``: the highest of them that was read back.
        """
        recent = self.recent.union(message_ids)
        if not recent:
            return self
        floor, newest = self.floor, max(recent)
        if newest - floor > WINDOW + SLACK:
            floor = newest - WINDOW
        return _trimmed(floor, recent, max(self.filled, filled))

    def merged(self, other: Seen) -> Seen:
        """What either of the two says."""
        if self.floor <= other.floor and self.filled <= other.filled and self.recent <= other.recent:
            return other
        floor = max(self.floor, other.floor)
        return _trimmed(floor, self.recent | other.recent, max(self.filled, other.filled))

    @classmethod
    def only(cls, message_id: int) -> Seen:
        """This one message, and nothing said about older ones."""
        return cls(0, frozenset((message_id,)))


def _trimmed(floor: int, recent: frozenset[int], filled: int) -> Seen:
    if len(recent) <= MOST and (not recent or min(recent) > floor):
        return Seen(floor, recent, filled)
    kept = [message_id for message_id in recent if message_id > floor]
    if len(kept) > MOST:
        kept.sort()
        floor = kept[-KEPT - 1]
        kept = kept[-KEPT:]
    return Seen(floor, frozenset(kept), filled)
