"""Rows of custom commands as other programs leave them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alphapy.pure.ids import GuildId
from alphapy.storage import custom_commands as storage

if TYPE_CHECKING:
    from alphapy.storage.pool import Pool

GUILD = GuildId(5)


async def test_rows_with_gaps_and_extremes_are_read_and_counted(pool: Pool) -> None:
    async with pool.transaction("test") as tx:
        await tx.execute(
            """
            INSERT INTO custom_commands (guild_id, name, trigger_type, trigger_value, response, enabled,
                case_sensitive, delete_trigger, reply_to_user, uses, created_by, updated_at) VALUES
                (5, 'gaps', 'exact', '!a', 'a', NULL, NULL, NULL, NULL, NULL, NULL, NULL),
                (5, 'late', 'exact', '!b', 'b', true, true, true, true, 2147483647, 1, 'infinity'),
                (5, 'early', 'nobody knows', '!c', 'c', true, true, true, true, 0, 1, '-infinity'),
                (5, 'older', 'exact', '!d', 'd', true, true, true, true, 0, 1, '1969-01-01 00:00+00')
            """
        )
    async with pool.transaction("test") as tx:
        gaps, late, early, older = await storage.load(tx, GUILD)
        assert (gaps.enabled, gaps.case_sensitive, gaps.delete_trigger, gaps.reply_to_user) == (
            True,
            False,
            False,
            True,
        )
        assert [command.revision for command in (gaps, late, early, older)] == [0, 0, 0, 0]
        await storage.count_uses(tx, GUILD, {gaps.id: 2, late.id: 1})
        counted = {command.name: command.uses for command in await storage.load(tx, GUILD)}
    assert counted == {"gaps": 2, "late": 2_147_483_647, "early": 0, "older": 0}


async def test_a_form_for_a_row_without_a_date_can_be_saved(pool: Pool) -> None:
    async with pool.transaction("test") as tx:
        await tx.execute(
            "INSERT INTO custom_commands (guild_id, name, trigger_type, trigger_value, response, updated_at)"
            " VALUES (5, 'old', 'exact', '!a', 'a', NULL)"
        )
        (old,) = await storage.load(tx, GUILD)
        edited = await storage.edit(tx, GUILD, old.id, old.revision, trigger="!b", response="b")
        assert not isinstance(edited, storage.NotEdited)
        assert edited.trigger == "!b"
        again = await storage.edit(tx, GUILD, old.id, old.revision, trigger="!c", response="c")
        assert again is storage.NotEdited.CONFLICT
