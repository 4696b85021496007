"""Queries of ``engagement_og_setup`` and ``engagement_og_claims`` (spec/engagement.md 2, 4.3 and 5.3)."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

import attrs

from alphapy.pure.engagement.badges import OG
from alphapy.pure.ids import ChannelId, GuildId, MessageId, UserId
from alphapy.storage import engagement_badges as badges

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from alphapy.storage.transaction import Transaction

MOST_GUILDS = 100_000


@attrs.frozen
class OgSetup:
    """The message whose reactions claim."""

    channel_id: ChannelId
    message_id: MessageId


class Claim(enum.Enum):
    """How a claim ended."""

    NEW = "new"
    HELD = "held"
    """The member claimed before."""
    FULL = "full"
    CLOSED = "closed"
    """The message is not the one that claims, any more."""


async def setup(tx: Transaction, guild_id: GuildId) -> OgSetup | None:
    """The message in force, if there is one."""
    row = await tx.fetch_one(
        "SELECT channel_id, message_id FROM engagement_og_setup WHERE guild_id = %s", (guild_id,)
    )
    return None if row is None or None in row else OgSetup(ChannelId(row[0]), MessageId(row[1]))


async def setups(tx: Transaction) -> dict[GuildId, OgSetup]:
    """The messages in force, of all guilds."""
    rows = await tx.fetch_all(
        """
        SELECT guild_id, channel_id, message_id FROM engagement_og_setup
        WHERE channel_id IS NOT NULL AND message_id IS NOT NULL LIMIT %s
        """,
        (MOST_GUILDS,),
    )
    return {GuildId(row[0]): OgSetup(ChannelId(row[1]), MessageId(row[2])) for row in rows}


async def set_up(tx: Transaction, guild_id: GuildId, wanted: OgSetup, *, now: datetime) -> None:
    """Let this message claim, and no other."""
    await tx.execute(
        """
        INSERT INTO engagement_og_setup (guild_id, channel_id, message_id, updated_at)
        VALUES (%s, %s, %s, %s)
        ON CONFLICT (guild_id) DO UPDATE SET channel_id = excluded.channel_id,
            message_id = excluded.message_id, updated_at = excluded.updated_at
        """,
        (guild_id, wanted.channel_id, wanted.message_id, now),
    )


async def take_down(tx: Transaction, guild_id: GuildId, message_ids: Sequence[MessageId]) -> bool:
    """Forget the setup where its message is one of these; whether it was."""
    changed = await tx.execute(
        "DELETE FROM engagement_og_setup WHERE guild_id = %s AND message_id = ANY(%s)",
        (guild_id, list(message_ids)),
    )
    return changed == 1


async def count(tx: Transaction, guild_id: GuildId) -> int:
    """How many members have claimed."""
    return int(
        await tx.fetch_value("SELECT count(*) FROM engagement_og_claims WHERE guild_id = %s", (guild_id,))
    )


async def claimants(tx: Transaction, guild_id: GuildId, user_ids: Sequence[UserId]) -> frozenset[UserId]:
    """Which of these members have claimed."""
    rows = await tx.fetch_all(
        "SELECT user_id FROM engagement_og_claims WHERE guild_id = %s AND user_id = ANY(%s)",
        (guild_id, list(user_ids)),
    )
    return frozenset(UserId(row[0]) for row in rows)


async def claim(
    tx: Transaction, guild_id: GuildId, user_id: UserId, message_id: MessageId, *, cap: int, at: datetime
) -> Claim:
    """Let a member claim by this message, with the badge, unless ``cap`` members have; see the spec, 5.3.

    The row of the setup is locked, so that of two who want the last place one gets it.
    """
    locked = await tx.fetch_value(
        "SELECT message_id FROM engagement_og_setup WHERE guild_id = %s FOR UPDATE", (guild_id,)
    )
    if locked != message_id:
        return Claim.CLOSED
    if await claimants(tx, guild_id, [user_id]):
        return Claim.HELD
    if await count(tx, guild_id) >= cap:
        return Claim.FULL
    await tx.execute(
        "INSERT INTO engagement_og_claims (guild_id, user_id, claimed_at) VALUES (%s, %s, %s)",
        (guild_id, user_id, at),
    )
    await badges.grant(tx, guild_id, user_id, OG, source=OG, at=at)
    return Claim.NEW
