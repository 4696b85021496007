"""What each member of a guild has written in the last minutes: counts for frequency and duplicate rules.

Times are event times, so that messages that come late, or again after a restart of the gateway, are no burst.
An entry is known by its message: a message that is given twice counts once, and a message counts only those
before it. Bounded: so many members, so many messages each, so many seconds. Volatile: a restart empties it.
"""

from __future__ import annotations

from bisect import insort
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

LONGEST = 300.0
"""Seconds that an entry can matter, and after which it is dropped."""

PER_MEMBER = 60
MEMBERS = 10_000
"""Messages of a member, and members of a guild, that are remembered; the least recent are dropped."""


_Entry = tuple[int, float, int]
"""Message id, seconds since the epoch, and what stands for its text."""


class Count:
    """What a member had written by the time of one message; the message itself counts too."""

    __slots__ = ("_at", "_digest", "_entries")

    def __init__(self, entries: Sequence[_Entry], at: float, digest: int) -> None:
        """``entries`` are in the order of their messages."""
        self._entries = entries
        self._at = at
        self._digest = digest

    def messages(self, within: float) -> int:
        """How many messages are younger than so many seconds."""
        oldest, found = self._at - within, 0
        for _, at, _ in reversed(self._entries):
            if at <= oldest:
                break
            found += 1
        return found

    def equal(self, within: float) -> int:
        """How many of them say the same."""
        oldest, wanted, found = self._at - within, self._digest, 0
        for _, at, digest in reversed(self._entries):
            if at <= oldest:
                break
            found += digest == wanted
        return found


class Windows:
    """The members of one guild."""

    def __init__(self, *, members: int = MEMBERS) -> None:
        self._most = members
        self._by_user: dict[int, list[_Entry]] = {}

    def __len__(self) -> int:
        return len(self._by_user)

    def note(self, user_id: int, message_id: int, at: float, digest: int) -> Count:
        """Take a message in, unless it is there already, and count what it makes."""
        window = self._by_user.pop(user_id, None)
        if window is None:
            window = []
            if len(self._by_user) >= self._most:
                del self._by_user[next(iter(self._by_user))]
        self._by_user[user_id] = window  # the most recent is last
        if not window or window[-1][0] < message_id:
            window.append((message_id, at, digest))
        elif all(entry[0] != message_id for entry in window):
            insort(window, (message_id, at, digest))
        while len(window) > PER_MEMBER or at - window[0][1] >= LONGEST:
            del window[0]
        if window[-1][0] == message_id:
            return Count(window.copy(), at, digest)
        return Count([entry for entry in window if entry[0] <= message_id], at, digest)

    def sweep(self, now: float) -> None:
        """Forget who has been silent for so long that nothing of it matters."""
        for user_id, window in list(self._by_user.items()):
            if not window or now - window[-1][1] >= LONGEST:
                del self._by_user[user_id]

    def forget(self, user_id: int) -> None:
        """Forget a member."""
        self._by_user.pop(user_id, None)
