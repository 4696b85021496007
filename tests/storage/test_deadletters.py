"""Messages set aside: stored whole, listed newest first, and bounded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from alphapy.storage import deadletters
from alphapy.storage.deadletters import Letter

if TYPE_CHECKING:
    import pytest

    from alphapy.storage.pool import Pool

LETTER = Letter(
    address="guild/5/reminders",
    guild_id=5,
    message_type="ReminderDue",
    message={"reminder_id": 7, "when": "2026-07-01T12:00:00Z", "nested": [1, None, True]},
    error="ZeroDivisionError: division by zero",
    traceback="Traceback (most recent call last): ...",
    attempts=2,
)


async def test_a_letter_comes_back_as_it_was_parked(pool: Pool) -> None:
    process_wide = attrs.evolve(LETTER, address="process/audit", guild_id=None, message="not an object")
    async with pool.transaction("dead_letters") as tx:
        first = await deadletters.park(tx, LETTER)
        second = await deadletters.park(tx, process_wide)
        found = await deadletters.recent(tx, limit=10)
    assert [(letter.id, letter.letter) for letter in found] == [(second, process_wide), (first, LETTER)]
    assert found[0].created_at.tzinfo is not None


async def test_what_postgresql_cannot_store_is_left_out(pool: Pool) -> None:
    hostile = attrs.evolve(LETTER, message={"text": "a\0b"}, error="bad\0", traceback="\0")
    async with pool.transaction("dead_letters") as tx:
        await deadletters.park(tx, hostile)
        (found,) = await deadletters.recent(tx, limit=1)
    assert found.letter == attrs.evolve(hostile, message={"text": "ab"}, error="bad", traceback="")


async def test_the_list_is_as_long_as_asked_for(pool: Pool) -> None:
    async with pool.transaction("dead_letters") as tx:
        numbers = [await deadletters.park(tx, LETTER) for _ in range(5)]
        assert await deadletters.count(tx) == 5
        assert [letter.id for letter in await deadletters.recent(tx, limit=2)] == [numbers[4], numbers[3]]


async def test_pruning_keeps_the_newest_and_is_bounded(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadletters, "PRUNED_AT_ONCE", 3)
    async with pool.transaction("dead_letters") as tx:
        numbers = [await deadletters.park(tx, LETTER) for _ in range(7)]
        assert await deadletters.prune(tx, keep=2) == 3
        assert await deadletters.prune(tx, keep=2) == 2
        assert await deadletters.prune(tx, keep=2) == 0
        assert [letter.id for letter in await deadletters.recent(tx, limit=10)] == [numbers[6], numbers[5]]
