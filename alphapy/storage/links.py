"""Queries of ``alphapy_discord_links``: which Discord account belongs to which Innersync account.

The table's two constraints decide about conflicts, never a read before the insert (spec/api.md 7.9).
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from alphapy.pure.ids import UserId

if TYPE_CHECKING:
    from uuid import UUID

    from alphapy.storage.transaction import Transaction


class Linking(enum.Enum):
    """What became of a wish to link."""

    LINKED = "linked"
    SAME = "same"
    """The very pair is stored already."""
    TAKEN = "taken"
    """One of the two is linked to somebody else."""


async def discord_id_of(tx: Transaction, innersync_id: UUID) -> UserId | None:
    """The Discord account of an Innersync account; None where it is not linked."""
    found = await tx.fetch_value(
        "SELECT discord_user_id FROM alphapy_discord_links WHERE innersync_user_id = %s", (innersync_id,)
    )
    return None if found is None else UserId(found)


async def link(tx: Transaction, innersync_id: UUID, discord_id: UserId, source: str) -> Linking:
    """Store a pair, unless either of the two is there already. Repeatable."""
    inserted = await tx.execute(
        """
        INSERT INTO alphapy_discord_links (innersync_user_id, discord_user_id, link_source)
        VALUES (%s, %s, %s) ON CONFLICT DO NOTHING
        """,
        (innersync_id, discord_id, source),
    )
    if inserted:
        return Linking.LINKED
    return Linking.SAME if await discord_id_of(tx, innersync_id) == discord_id else Linking.TAKEN


async def unlink(tx: Transaction, discord_id: UserId, innersync_id: UUID | None) -> bool:
    """Delete the row of a Discord account, if it is this Innersync account's (None: whosever it is)."""
    deleted = await tx.execute(
        """
        DELETE FROM alphapy_discord_links
        WHERE discord_user_id = %(discord)s
          AND (%(innersync)s::uuid IS NULL OR innersync_user_id = %(innersync)s)
        """,
        {"discord": discord_id, "innersync": innersync_id},
    )
    return deleted > 0
