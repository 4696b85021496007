"""The gateway session as a value that can be stored, and what is needed to resume it.

Rules: https://docs.discord.com/developers/events/gateway#resuming
"""

from __future__ import annotations

import attrs


@attrs.frozen
class GatewaySession:
    """A session to RESUME: everything with a number above ``seq`` is sent again.

    Stored by the supervisor with ``seq`` set to the low-water mark, below which everything is durable
    (design.md 4, "Progress"); the shard itself carries the last number it has handed on.
    """

    session_id: str
    resume_url: str
    seq: int = 0

    def to_json(self) -> dict[str, str | int]:
        """Plain values, for storage."""
        return {"session_id": self.session_id, "resume_url": self.resume_url, "seq": self.seq}

    @classmethod
    def from_json(cls, data: dict[str, object]) -> GatewaySession | None:
        """The session out of what :meth:`to_json` gave; None when it cannot be resumed from."""
        session_id, resume_url, seq = data.get("session_id"), data.get("resume_url"), data.get("seq")
        if not (isinstance(session_id, str) and session_id and isinstance(resume_url, str) and resume_url):
            return None
        if isinstance(seq, bool) or not isinstance(seq, int) or seq < 0:
            return None
        return cls(session_id=session_id, resume_url=resume_url, seq=seq)
