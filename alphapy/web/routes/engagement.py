"""A guild's engagement for the dashboard (spec/engagement.md 7, spec/api.md 7.7.9), and a challenge as CSV.

Both read what is stored; a message that was posted in the last second may not be counted there yet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs
import trio

from alphapy.pure.csvsafe import line, text_cell
from alphapy.pure.ids import GuildId
from alphapy.pure.zones import BRUSSELS
from alphapy.storage import engagement_overview as storage
from alphapy.storage.pool import Pool
from alphapy.web.auth.caller import Access
from alphapy.web.errors import not_found
from alphapy.web.routes.dashboard import COMPONENT
from alphapy.web.routing.fields import BrusselsTime, RowId, Snow
from alphapy.web.routing.route import Call, Reply, Route

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from alphapy.storage.engagement_overview import ChallengeFacts
    from alphapy.web.sources import Sources

TAG: Final = "Engagement"
PATH: Final = "/api/dashboard/{guild_id}/engagement"
EXPORT: Final = PATH + "/challenges/{challenge_id}/export"

MOST_ROWS: Final = 10_000
"""Participants in an export."""

_AT_ONCE: Final = 500
"""Lines that are written before others get their turn."""

_COLUMNS: Final = (
    "challenge_id",
    "title",
    "mode",
    "started_at",
    "ends_at",
    "ended_at",
    "outcome",
    "place",
    "user_id",
    "message_count",
    "winner",
)
_TITLE: Final = 100


@attrs.frozen(kw_only=True)
class ActiveChallenge:
    """A challenge that is running. ``mode`` is ``leaderboard`` or ``random``."""

    id: int
    title: str | None
    mode: str
    channel_id: Snow | None
    started_at: BrusselsTime | None
    ends_at: BrusselsTime | None
    participant_count: str


@attrs.frozen(kw_only=True)
class PastChallenge:
    """A challenge that is over; ``winner_id`` is null where nobody has won, and where it was cancelled."""

    id: int
    title: str | None
    mode: str
    winner_id: Snow | None
    ended_at: BrusselsTime | None
    participant_count: str


@attrs.frozen(kw_only=True)
class OgSetup:
    """The message whose reactions claim OG."""

    message_id: Snow | None
    channel_id: Snow | None


@attrs.frozen(kw_only=True)
class WeeklyResult:
    """An award of the week, and what it was won with."""

    award_key: str
    user_id: Snow
    metric: int


@attrs.frozen(kw_only=True)
class LatestWeek:
    """The newest week of awards; both days are ``YYYY-MM-DD``."""

    id: int
    week_start: str
    week_end: str
    results: list[WeeklyResult]


@attrs.frozen(kw_only=True)
class Engagement:
    """A server's engagement. The history has the ten challenges that ended last."""

    active_challenges: list[ActiveChallenge]
    challenge_history: list[PastChallenge]
    og_claims_count: int
    og_setup: OgSetup | None
    badges_count: int
    streaks_count: int
    max_streak: int
    latest_weekly: LatestWeek | None


@attrs.frozen
class EngagementRoutes:
    """The handlers."""

    _pool: Pool

    async def read(self, call: Call) -> Reply:
        """Everything at once."""
        async with self._pool.transaction(COMPONENT, read_only=True) as tx:
            found = await storage.overview(tx, call.guild)
        setup, week = found.og_setup, found.latest_week
        return Reply(
            body=Engagement(
                active_challenges=[_active(one) for one in found.active],
                challenge_history=[_past(one) for one in found.history],
                og_claims_count=found.og_claims,
                og_setup=None if setup is None else OgSetup(message_id=setup[0], channel_id=setup[1]),
                badges_count=found.badges,
                streaks_count=found.streaks,
                max_streak=found.max_streak,
                latest_weekly=None if week is None else _week(week),
            )
        )

    async def export(self, call: Call) -> Reply:
        """The participants of a challenge as CSV."""
        challenge_id: int = call.params["challenge_id"]
        async with self._pool.transaction(COMPONENT, read_only=True) as tx:
            found = await storage.challenge(tx, call.guild, challenge_id)
            rows = await storage.participants(tx, call.guild, challenge_id, limit=MOST_ROWS)
        if found is None:
            raise not_found("This server has no such challenge.")
        headers = {"Content-Disposition": f'attachment; filename="challenge_{found.id}.csv"'}
        return Reply(body=await _csv(found, rows), headers=headers)


def _active(found: ChallengeFacts) -> ActiveChallenge:
    return ActiveChallenge(
        id=found.id,
        title=found.title,
        mode=found.mode,
        channel_id=found.channel_id,
        started_at=found.started_at,
        ends_at=found.ends_at,
        participant_count=str(found.participants),
    )


def _past(found: ChallengeFacts) -> PastChallenge:
    return PastChallenge(
        id=found.id,
        title=found.title,
        mode=found.mode,
        winner_id=found.winner_id,
        ended_at=found.ended_at,
        participant_count=str(found.participants),
    )


def _week(found: storage.Week) -> LatestWeek:
    return LatestWeek(
        id=found.id,
        week_start=found.week_start.isoformat(),
        week_end=found.week_end.isoformat(),
        results=[
            WeeklyResult(award_key=one.award_key, user_id=one.user_id, metric=one.metric)
            for one in found.results
        ],
    )


async def _csv(found: ChallengeFacts, rows: Sequence[tuple[int, int]]) -> bytes:
    """The file; what people have written cannot become a formula in a spreadsheet."""
    about = (
        str(found.id),
        text_cell((found.title or "")[:_TITLE]),
        text_cell(found.mode),
        *(_instant(instant) for instant in (found.started_at, found.ends_at, found.ended_at)),
        text_cell(found.outcome),
    )
    file = bytearray(line(_COLUMNS).encode())
    for place, (user_id, count) in enumerate(rows, start=1):
        won = "yes" if user_id == found.winner_id else "no"
        file += line((*about, str(place), str(user_id), str(count), won)).encode()
        if place % _AT_ONCE == 0:
            await trio.lowlevel.checkpoint()
    return bytes(file)


def _instant(instant: datetime | None) -> str:
    return "" if instant is None else instant.astimezone(BRUSSELS).isoformat(timespec="seconds")


def routes(sources: Sources) -> tuple[Route, ...]:
    """The routes."""
    handlers = EngagementRoutes(sources.pool)
    return (
        Route(
            method="GET",
            path=PATH,
            params={"guild_id": GuildId},
            handler=handlers.read,
            access=Access.DADMIN,
            summary="A server's challenges, weekly awards, badges, streaks and OG claims",
            tag=TAG,
            answer=Engagement,
            errors=("db_unavailable",),
        ),
        Route(
            method="GET",
            path=EXPORT,
            params={"guild_id": GuildId, "challenge_id": RowId},
            handler=handlers.export,
            access=Access.DADMIN,
            summary="The participants of a challenge, as CSV",
            description=(
                f"The first {MOST_ROWS:,} of them: the highest count first, of equal ones the lowest id. "
                "Texts that a spreadsheet would take for formulas begin with an apostrophe."
            ),
            tag=TAG,
            media="text/csv; charset=utf-8",
            errors=("not_found", "db_unavailable"),
        ),
    )
