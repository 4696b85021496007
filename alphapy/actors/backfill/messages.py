"""What a back-fill tells of itself."""

from __future__ import annotations

import attrs


@attrs.frozen(kw_only=True)
class BackfillStatistics:
    """The gaps at this moment, and counts since the start."""

    awaited: int = 0
    """Guilds that are not there yet."""
    waiting: int = 0
    reading: int = 0
    telling: int = 0
    """Guilds whose messages are told, and not dealt with yet."""
    held: int = 0
    """Events that wait behind what was missed."""
    opened: int = 0
    closed: int = 0
    unchanged: int = 0
    """Closed gaps of guilds in which nothing was written."""
    pages: int = 0
    messages: int = 0
    """Messages that were read back and told to somebody."""
    overdue: int = 0
    """Guilds that went live before everything was read."""
    forbidden: int = 0
    """Channels that the bot was not allowed to read."""
    failed: int = 0
    """Channels of which something could not be read."""
    cut: int = 0
    """Channels of which more was missed than is read."""

    @property
    def open(self) -> int:
        """Guilds whose gap is not closed."""
        return self.awaited + self.waiting + self.reading + self.telling
