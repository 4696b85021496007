"""The audit trail: entries in their order with their own times, and the figures of /command_stats."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from alphapy.storage import audit
from alphapy.storage.audit import AuditEntry, CommandUse

if TYPE_CHECKING:
    from alphapy.storage.pool import Pool

NOW = datetime.now(UTC)


def entry(
    command: str, *, guild_id: int = 5, age: timedelta = timedelta(), error: str | None = None
) -> AuditEntry:
    return AuditEntry(guild_id, 9, command, "slash", error is None, error, NOW - age)


async def test_entries_keep_their_order_and_their_times(pool: Pool) -> None:
    entries = [
        entry("reminders add", age=timedelta(seconds=number % 3), error=None if number % 2 else "cool\0down")
        for number in range(1000)
    ]
    async with pool.transaction("tracker") as tx:
        await audit.insert_many(tx, [])
        await audit.insert_many(tx, entries)
        stored = await tx.fetch_all(
            "SELECT guild_id, user_id, command_name, command_type, success, error_message, created_at"
            " FROM audit_logs ORDER BY id"
        )
    for one in entries:
        assert one.error_message in {None, "cool\0down"}
    assert stored == [
        (
            one.guild_id,
            one.user_id,
            one.command_name,
            one.command_type,
            one.success,
            one.error_message and "cooldown",
            one.created_at,
        )
        for one in entries
    ]


async def test_the_most_used_commands_of_a_period(pool: Pool) -> None:
    old = timedelta(days=8)
    async with pool.transaction("tracker") as tx:
        await audit.insert_many(
            tx,
            [
                *[entry("version")] * 3,
                *[entry("help")] * 3,
                *[entry("health")] * 5,
                *[entry("cc add", age=old)] * 9,
                *[entry("health", guild_id=6)] * 2,
                *[entry("release", guild_id=0)] * 4,
            ],
        )
        assert await audit.top(tx, 5, days=7, limit=10) == [
            CommandUse("health", 5),
            CommandUse("help", 3),
            CommandUse("version", 3),
        ]
        assert await audit.top(tx, None, days=7, limit=2) == [
            CommandUse("health", 7),
            CommandUse("release", 4),
        ]
        assert await audit.top(tx, 5, days=365, limit=1) == [CommandUse("cc add", 9)]
        assert await audit.top(tx, 7, days=7, limit=10) == []
        assert await audit.total(tx, 5, days=7) == 11
        assert await audit.total(tx, 0, days=7) == 4
        assert await audit.total(tx, None, days=7) == 17
        assert await audit.total(tx, None, days=30) == 26
