"""Effects in the database: recorded once, closed once, found again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import attrs

from alphapy.pure.ids import GuildId
from alphapy.storage import effects
from alphapy.storage.effects import Debtor, Draft, Effect, Outcome

if TYPE_CHECKING:
    from alphapy.storage.pool import Pool
    from alphapy.storage.transaction import Transaction

GUILD = GuildId(100)
NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def draft(key: str, **payload: Any) -> Draft:
    return Draft(kind="send", event_key=key, payload={"channel_id": 1, **payload}, deadline_at=NOW + HOUR)


async def record(tx: Transaction, *keys: str, **payload: Any) -> list[Effect]:
    return await effects.record(tx, GUILD, "faq", [draft(key, **payload) for key in keys], now=NOW)


async def test_an_effect_is_recorded_once_and_keeps_its_order(pool: Pool) -> None:
    async with pool.transaction("test") as tx:
        first = await record(tx, "b", "a", text="x\x00y")
        assert [effect.event_key for effect in first] == ["b", "a"]
        assert first[0].payload == {"channel_id": 1, "text": "xy"}
        assert first[0].first_tried_at == NOW
        assert first[0].deadline_at == NOW + HOUR
        assert first[0].nonce == draft("b").nonce(GUILD, "faq")
        assert len(first[0].nonce) <= 25
        assert len({draft(key).nonce(guild, "faq") for key in "ab" for guild in (GUILD, GuildId(1))}) == 4
        assert [effect.event_key for effect in await record(tx, "a", "c")] == ["c"]
        assert await record(tx) == []
        found = await effects.pending(tx, GUILD, "faq", limit=10)
        assert [effect.event_key for effect in found] == ["b", "a", "c"]
        assert found[0] == first[0]
        left = await effects.pending(tx, GUILD, "faq", limit=1, but_not=[first[0].id])
        assert [effect.event_key for effect in left] == ["a"]
        assert await effects.pending(tx, GuildId(5), "faq", limit=10) == []


async def test_an_effect_is_closed_once(pool: Pool) -> None:
    async with pool.transaction("test") as tx:
        one, two = await record(tx, "one", "two")
        await effects.tried(tx, GUILD, one.id, error="503", first_tried_at=NOW + HOUR)
        await effects.tried(tx, GUILD, one.id, error="504")
        (tried, _) = await effects.pending(tx, GUILD, "faq", limit=10)
        assert tried == attrs.evolve(one, attempts=2, first_tried_at=NOW + HOUR)
        assert await effects.close(tx, GUILD, one.id, Outcome.DONE, now=NOW, message_id=77)
        assert not await effects.close(tx, GUILD, one.id, Outcome.EXPIRED, now=NOW)
        assert not await effects.close(tx, GuildId(1), two.id, Outcome.EXPIRED, now=NOW)
        assert await effects.close(tx, GUILD, two.id, Outcome.REFUSED, now=NOW, error="403")
        rows = await tx.fetch_all("SELECT state, message_id, last_error, attempts FROM effects ORDER BY id")
        assert rows == [("done", 77, "504", 3), ("refused", None, "403", 1)]
        assert await effects.claimed(tx, GUILD, [76, 77]) == {77}
        assert await effects.claimed(tx, GuildId(1), [77]) == set()


async def test_a_refusal_is_found_by_its_subject_and_time(pool: Pool) -> None:
    async with pool.transaction("test") as tx:
        old, new = await record(tx, "old", "new")
        (elsewhere,) = await record(tx, "elsewhere", channel_id=2)
        ask = {"subject": "channel_id", "since": NOW - HOUR}
        assert not await effects.refused_lately(tx, GUILD, new, **ask)  # type: ignore[arg-type]
        await effects.close(tx, GUILD, old.id, Outcome.REFUSED, now=NOW)
        assert await effects.refused_lately(tx, GUILD, new, **ask)  # type: ignore[arg-type]
        assert not await effects.refused_lately(tx, GUILD, old, **ask)  # type: ignore[arg-type]
        assert not await effects.refused_lately(tx, GUILD, elsewhere, **ask)  # type: ignore[arg-type]
        later = {"subject": "channel_id", "since": NOW + HOUR}
        assert not await effects.refused_lately(tx, GUILD, new, **later)  # type: ignore[arg-type]


async def test_who_owes_something_and_what_is_old(pool: Pool) -> None:
    async with pool.transaction("test") as tx:
        done, refused, _ = await record(tx, "done", "refused", "open")
        await effects.record(tx, GuildId(5), "tickets", [draft("x")], now=NOW)
        assert set(await effects.debtors(tx, limit=10)) == {
            Debtor(GUILD, "faq"),
            Debtor(GuildId(5), "tickets"),
        }
        assert len(await effects.debtors(tx, limit=1)) == 1
        await effects.close(tx, GUILD, done.id, Outcome.DONE, now=NOW)
        await effects.close(tx, GUILD, refused.id, Outcome.REFUSED, now=NOW)
        keep = {"done_for": HOUR, "undone_for": 5 * HOUR}
        assert await effects.prune(tx, now=NOW + HOUR, **keep) == 0
        assert await effects.prune(tx, now=NOW + 2 * HOUR, **keep) == 1
        assert await effects.prune(tx, now=NOW + 6 * HOUR, **keep) == 1
        assert await tx.fetch_value("SELECT count(*) FROM effects") == 2
        payloads = await effects.recorded_since(tx, GUILD, "faq", "send", since=NOW)
        assert payloads == [{"channel_id": 1}]
        assert await effects.recorded_since(tx, GUILD, "faq", "send", since=NOW + HOUR) == []
