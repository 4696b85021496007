"""Figures of a guild's reminders, tickets and settings for the dashboard (spec/api.md 7.7.2).

Every query takes the guild, or None for all guilds.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from alphapy.pure.ids import GuildId
    from alphapy.storage.transaction import Transaction

_OURS = "(%(guild_id)s::bigint IS NULL OR guild_id = %(guild_id)s)"
_CLOSED = "('closed', 'archived')"

UPCOMING = 3
CHANNELS = 100
OPEN_ITEMS = 10
OPEN_IDS = 1000
OVERRIDES = 1000
"""Rows of each list at the most."""


@attrs.frozen(kw_only=True)
class UpcomingReminder:
    """A one-off reminder that is still to come."""

    id: int
    name: str
    channel_id: int
    event_time: datetime


@attrs.frozen(kw_only=True)
class Reminders:
    """Reminders that are not completed. ``per_channel`` counts by channel id, the fullest first."""

    recurring: int
    one_off: int
    per_channel: Mapping[int, int]
    upcoming: tuple[UpcomingReminder, ...]


@attrs.frozen(kw_only=True)
class OpenTicket:
    """A ticket that is neither closed nor archived."""

    id: int
    username: str | None
    status: str
    channel_id: int | None
    created_at: datetime | None


@attrs.frozen(kw_only=True)
class Tickets:
    """``average_close_seconds`` is from opening to closing, over all that are closed; None without any."""

    per_status: Mapping[str, int]
    last_created_at: datetime | None
    average_close_seconds: float | None
    open_items: tuple[OpenTicket, ...]
    """The oldest."""
    open_ids: tuple[int, ...]


@attrs.frozen(kw_only=True)
class Override:
    """One stored setting: a text as it is, anything else as JSON."""

    guild_id: int
    scope: str
    key: str
    value: str


async def reminders(tx: Transaction, guild_id: GuildId | None, *, now: datetime) -> Reminders:
    """The reminders at this instant."""
    about: dict[str, Any] = {"guild_id": guild_id, "now": now}
    ours = f"completed IS NOT TRUE AND {_OURS}"
    counts = await tx.fetch_one(
        f"""
        SELECT count(*) FILTER (WHERE event_time IS NULL), count(*) FILTER (WHERE event_time IS NOT NULL)
        FROM reminders WHERE {ours}
        """,  # noqa: S608 - constants
        about,
    )
    channels = await tx.fetch_all(
        f"""
        SELECT channel_id, count(*) AS reminders FROM reminders WHERE {ours}
        GROUP BY channel_id ORDER BY reminders DESC, channel_id LIMIT {CHANNELS}
        """,  # noqa: S608 - constants
        about,
    )
    upcoming = await tx.fetch_all(
        f"""
        SELECT id, name, channel_id, event_time FROM reminders
        WHERE {ours} AND event_time > %(now)s AND event_time < '9999-12-30'
        ORDER BY event_time, id LIMIT {UPCOMING}
        """,  # noqa: S608 - constants
        about,
    )
    recurring, one_off = counts or (0, 0)
    return Reminders(
        recurring=recurring,
        one_off=one_off,
        per_channel=dict(channels),
        upcoming=tuple(
            UpcomingReminder(id=number, name=name, channel_id=channel_id, event_time=at)
            for number, name, channel_id, at in upcoming
        ),
    )


async def tickets(tx: Transaction, guild_id: GuildId | None) -> Tickets:
    """The tickets as they are."""
    about = {"guild_id": guild_id}
    statuses = await tx.fetch_all(
        f"""
        SELECT coalesce(status, 'open') AS status, count(*) FROM support_tickets WHERE {_OURS}
        GROUP BY 1 ORDER BY 1
        """,  # noqa: S608 - constants
        about,
    )
    times = await tx.fetch_one(
        f"""
        SELECT max(created_at) FILTER (WHERE isfinite(created_at)),
               avg(extract(epoch FROM coalesce(closed_at, archived_at, updated_at) - created_at))
                   FILTER (WHERE status IN {_CLOSED} AND isfinite(created_at)
                           AND isfinite(coalesce(closed_at, archived_at, updated_at)))
        FROM support_tickets WHERE {_OURS}
        """,  # noqa: S608 - constants
        about,
    )
    still_open = f"{_OURS} AND coalesce(status, 'open') NOT IN {_CLOSED}"
    items = await tx.fetch_all(
        f"""
        SELECT id, username, coalesce(status, 'open'), channel_id,
               CASE WHEN isfinite(created_at) THEN created_at END
        FROM support_tickets WHERE {still_open} ORDER BY created_at NULLS LAST, id LIMIT {OPEN_ITEMS}
        """,  # noqa: S608 - constants
        about,
    )
    numbers = await tx.fetch_all(
        f"SELECT id FROM support_tickets WHERE {still_open} ORDER BY id LIMIT {OPEN_IDS}",  # noqa: S608
        about,
    )
    last_created_at, average = times or (None, None)
    return Tickets(
        per_status=dict(statuses),
        last_created_at=last_created_at,
        average_close_seconds=None if average is None else max(float(average), 0.0),
        open_items=tuple(
            OpenTicket(id=number, username=username, status=status, channel_id=channel_id, created_at=at)
            for number, username, status, channel_id, at in items
        ),
        open_ids=tuple(number for (number,) in numbers),
    )


async def overrides(tx: Transaction, guild_id: GuildId | None) -> list[Override]:
    """What is stored of settings, by guild, scope and key."""
    rows = await tx.fetch_all(
        f"""
        SELECT guild_id, scope, key, left(coalesce(value #>> ARRAY[]::text[], 'null'), 1000)
        FROM bot_settings WHERE {_OURS} ORDER BY guild_id, scope, key LIMIT {OVERRIDES}
        """,  # noqa: S608 - constants
        {"guild_id": guild_id},
    )
    return [Override(guild_id=owner, scope=scope, key=key, value=value) for owner, scope, key, value in rows]
