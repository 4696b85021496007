"""What each member of a guild has written in the last minutes: counts for frequency and duplicate rules.

Times are event times, so that messages that come late, or again after a restart of the gateway, are no burst.
An entry is known by its message: a message that is given twice counts once, and a message counts only those
before it. Bounded: so many members, so many messages each, so many seconds. Volatile: a restart empties it.
"""

from __future__ import annotations

from collections import deque

import attrs

LONGEST = 300.0
"""Seconds that an entry can matter, and after which it is dropped."""

PER_MEMBER = 60
MEMBERS = 10_000
"""Messages of a member, and members of a guild, that are remembered; the least recent are dropped."""


@attrs.frozen
class _Entry:
    message_id: int
    at: float
    digest: int


@attrs.frozen
class Count:
    """What a member had written by the time of one message; the message itself counts too."""

    _entries: tuple[_Entry, ...]
    _at: float
    _digest: int

    def messages(self, within: float) -> int:
        """How many messages are younger than so many seconds."""
        return sum(self._age(entry) < within for entry in self._entries)

    def equal(self, within: float) -> int:
        """How many of them say the same."""
        return sum(entry.digest == self._digest and self._age(entry) < within for entry in self._entries)

    def _age(self, entry: _Entry) -> float:
        return max(0.0, self._at - entry.at)


class Windows:
    """The members of one guild."""

    def __init__(self, *, members: int = MEMBERS) -> None:
        self._most = members
        self._by_user: dict[int, deque[_Entry]] = {}

    def __len__(self) -> int:
        return len(self._by_user)

    def note(self, user_id: int, message_id: int, at: float, digest: int) -> Count:
        """Take a message in, unless it is there already, and count what it makes."""
        window = self._by_user.pop(user_id, None)
        if window is None:
            window = deque(maxlen=PER_MEMBER)
            if len(self._by_user) >= self._most:
                del self._by_user[next(iter(self._by_user))]
        self._by_user[user_id] = window  # the most recent is last
        while window and at - window[0].at >= LONGEST:
            window.popleft()
        if all(entry.message_id != message_id for entry in window):
            window.append(_Entry(message_id, at, digest))
        seen = tuple(entry for entry in window if entry.message_id <= message_id)
        return Count(seen, at, digest)

    def sweep(self, now: float) -> None:
        """Forget who has been silent for so long that nothing of it matters."""
        for user_id, window in list(self._by_user.items()):
            if not window or now - max(entry.at for entry in window) >= LONGEST:
                del self._by_user[user_id]

    def forget(self, user_id: int) -> None:
        """Forget a member."""
        self._by_user.pop(user_id, None)
