"""What engagement counts, as whole rows with absolute figures: writing one again changes nothing.

They are kept in memory until many of them, of all guilds, are written with one statement for each kind
(:mod:`alphapy.actors.kernel.noted`). The guild's actor is the only one who makes them, so that the newer of
two rows of the same key is the right one.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

import attrs

from alphapy.pure.ids import ChannelId, GuildId, MessageId, UserId

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alphapy.storage.transaction import Transaction


@attrs.frozen
class ParticipantRow:
    """How many messages a member has posted in a challenge; 0 in one that is drawn by lot."""

    challenge_id: int
    user_id: UserId
    message_count: int

    @property
    def key(self) -> tuple[int, ...]:
        """Of whom in what it is the row."""
        return (self.challenge_id, self.user_id)

    @classmethod
    async def write(cls, tx: Transaction, rows: Sequence[ParticipantRow]) -> None:
        """Store these, of different keys; those of a challenge that is not there any more are left out."""
        await tx.execute(
            """
            INSERT INTO engagement_participants AS p (challenge_id, user_id, message_count)
            SELECT n.challenge_id, n.user_id, n.message_count
            FROM unnest(%s::bigint[], %s::bigint[], %s::integer[]) AS n(challenge_id, user_id, message_count)
            JOIN engagement_challenges c ON c.id = n.challenge_id
            ON CONFLICT (challenge_id, user_id) DO UPDATE SET message_count = EXCLUDED.message_count
            WHERE p.message_count <> EXCLUDED.message_count
            """,
            (
                [row.challenge_id for row in rows],
                [row.user_id for row in rows],
                [row.message_count for row in rows],
            ),
        )


@attrs.frozen(kw_only=True)
class WeeklyRow:
    """A message in the weekly index, as it was posted; its reactions are counted by other statements."""

    guild_id: GuildId
    message_id: MessageId
    channel_id: ChannelId
    user_id: UserId
    created_at: datetime
    has_image: bool
    is_food: bool

    @property
    def key(self) -> tuple[int, ...]:
        """Of what message it is the row."""
        return (self.guild_id, self.message_id)

    @classmethod
    async def write(cls, tx: Transaction, rows: Sequence[WeeklyRow]) -> None:
        """Store these, of different keys; one that is there already stays as it is."""
        await tx.execute(
            """
            INSERT INTO engagement_weekly_messages
                (guild_id, message_id, channel_id, user_id, created_at, has_image, is_food)
            SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::timestamptz[],
                                 %s::boolean[], %s::boolean[])
            ON CONFLICT (guild_id, message_id) DO NOTHING
            """,
            (
                [row.guild_id for row in rows],
                [row.message_id for row in rows],
                [row.channel_id for row in rows],
                [row.user_id for row in rows],
                [row.created_at for row in rows],
                [row.has_image for row in rows],
                [row.is_food for row in rows],
            ),
        )


@attrs.frozen(kw_only=True)
class StreakRow:
    """A member's streak in days, of which ``last_day`` is the last, and the name without its suffix."""

    guild_id: GuildId
    user_id: UserId
    last_day: date | None
    current_days: int
    base_nickname: str | None = None

    @property
    def key(self) -> tuple[int, ...]:
        """Of whom it is the row."""
        return (self.guild_id, self.user_id)

    @classmethod
    async def write(cls, tx: Transaction, rows: Sequence[StreakRow]) -> None:
        """Store these, of different keys."""
        await tx.execute(
            """
            INSERT INTO engagement_streaks AS s (guild_id, user_id, last_day, current_days, base_nickname)
            SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::date[], %s::integer[], %s::text[])
            ON CONFLICT (guild_id, user_id) DO UPDATE SET last_day = EXCLUDED.last_day,
                current_days = EXCLUDED.current_days, base_nickname = EXCLUDED.base_nickname
            """,
            (
                [row.guild_id for row in rows],
                [row.user_id for row in rows],
                [row.last_day for row in rows],
                [row.current_days for row in rows],
                [row.base_nickname for row in rows],
            ),
        )
