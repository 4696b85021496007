"""The gateway session as a value that can be stored, and what is needed to resume it.

Rules: https://docs.discord.com/developers/events/gateway#resuming
"""

from __future__ import annotations

from collections import deque
from typing import Final

import attrs

_REMEMBERED: Final = 512
"""Sequence numbers remembered, to drop a dispatch that comes twice."""

_MOST_VAIN: Final = 3
"""Gaps of a session that a RESUME did not fill, after which none is asked for any more."""


@attrs.frozen
class GatewaySession:
    """A session to RESUME: everything with a number above ``seq`` is sent again.

    Stored by the supervisor with ``seq`` set to the low-water mark, below which everything is durable
    (design.md 4, "Progress"); the shard itself carries the last number it has handed on.
    """

    session_id: str
    resume_url: str
    seq: int = 0


class SessionTrack:
    """Where a shard is in its session: the last event handed on, and the recent ones."""

    def __init__(self, session: GatewaySession | None) -> None:
        self._session = session
        self.seq = session.seq if session is not None else 0
        self._recent: deque[int] = deque(maxlen=_REMEMBERED)
        self._go_back_to: int | None = None
        self._asked_at: int | None = None
        self._vain = 0

    @property
    def session_id(self) -> str | None:
        """The session's id; None while there is no session."""
        return self._session.session_id if self._session is not None else None

    @property
    def session(self) -> GatewaySession | None:
        """The session as it could be resumed now: up to the last event that was handed on."""
        return None if self._session is None else attrs.evolve(self._session, seq=self.seq)

    def begin(self, session_id: str, resume_url: str) -> None:
        """A new session, with nothing handed on yet."""
        self.forget()
        self._session = GatewaySession(session_id, resume_url)

    def forget(self) -> None:
        """The session is over."""
        self._session, self.seq, self._go_back_to = None, 0, None
        self._asked_at, self._vain = None, 0
        self._recent.clear()

    def is_repeated(self, seq: int) -> bool:
        """Whether the event of this number was handed on before (one of the last 512)."""
        return seq <= self.seq and seq in self._recent

    def handed_on(self, seq: int) -> None:
        """Note an event. One that comes late does not set the number back."""
        self.seq = max(self.seq, seq)
        self._recent.append(seq)

    def ask_again(self) -> bool:
        """The number after the last one does not come: whether to RESUME for it.

        Once for each gap. A number that does not come then either was never given, it seems; where that
        happens often, gaps mean nothing and are not worth a connection.
        """
        if self._asked_at == self.seq:
            self._asked_at = None
            self._vain += 1
            return False
        if self._vain >= _MOST_VAIN:
            return False
        self._asked_at = self.seq
        return True

    def go_back_later(self, seq: int) -> None:
        """With :meth:`go_back`, set the number back to this one."""
        self._go_back_to = seq if self._go_back_to is None else min(seq, self._go_back_to)

    def go_back(self) -> bool:
        """Set the number back if that was wanted, between two connections; whether it was."""
        seq, self._go_back_to = self._go_back_to, None
        if seq is None or seq >= self.seq:
            return False
        self.seq = seq
        self._recent.clear()
        return True
