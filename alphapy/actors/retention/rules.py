"""When old rows are deleted, and which are old (spec/schema.md 5.6). Pure."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Final

import attrs

from alphapy.pure.settings import UndecodableSetting

if TYPE_CHECKING:
    from collections.abc import Iterable

    from alphapy.pure.settings import SettingDef

FIRST_AFTER: Final = timedelta(seconds=60)
"""How long after the start frequent work is done first; the start itself has enough to do."""

HOUR: Final = timedelta(hours=1)
MINUTE: Final = timedelta(seconds=60)

AUDIT_TIME: Final = time(3, 10)
"""UTC; when audit rows are deleted, every day."""

EVENTS_KEPT: Final = timedelta(days=30)
JOBS_KEPT: Final = timedelta(days=30)
ERASED_KNOWN: Final = timedelta(hours=24)
"""How long it is known who was erased, so that a restore can erase them again."""


@attrs.frozen
class Every:
    """Due a minute after the start, then at this distance; a failed run is repeated at the next turn."""

    period: timedelta

    def first(self, now: datetime) -> datetime:
        """The first turn after the start."""
        return now + FIRST_AFTER

    def following(self, now: datetime, *, failed: bool) -> datetime:  # noqa: ARG002 - the next turn comes in any case
        """The turn after one that has ended now."""
        return now + self.period


@attrs.frozen
class Daily:
    """Due at a time of the UTC day; a failed run is repeated an hour later."""

    at: time

    def first(self, now: datetime) -> datetime:
        """The first turn after the start."""
        today = datetime.combine(now.astimezone(UTC).date(), self.at, UTC)
        return today if today > now else today + timedelta(days=1)

    def following(self, now: datetime, *, failed: bool) -> datetime:
        """The turn after one that has ended now."""
        due = self.first(now)
        return min(due, now + HOUR) if failed else due


def audit_limits(
    stored: Iterable[tuple[int, object]], definition: SettingDef, *, days_of_messages: int, now: datetime
) -> list[tuple[int, datetime]]:
    """From which instant on each guild keeps its audit rows; guilds that keep all of them are left out.

    ``stored`` are the guilds' settings as they lie in the database. What cannot be read, or may not be set,
    keeps everything. ``days_of_messages`` is the operator's choice for direct messages, which are guild 0.
    """
    days = {guild_id: _days(definition, value) for guild_id, value in stored if guild_id > 0}
    if days_of_messages:
        days[0] = days_of_messages
    return [(guild_id, now - timedelta(days=kept)) for guild_id, kept in sorted(days.items()) if kept]


def _days(definition: SettingDef, stored: object) -> int:
    try:
        found = definition.read(stored)
    except UndecodableSetting:
        return 0
    allowed = found == 0 or (definition.check is None or definition.check(found) is None)
    return int(found) if allowed and found > 0 else 0
