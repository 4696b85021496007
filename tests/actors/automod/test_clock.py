"""Old texts are forgotten as each server wants, and as the operator allows (spec/schema.md 5.6)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import attrs
import pytest
from typing_extensions import override

from alphapy.actors.automod.clock import AutomodClock
from alphapy.actors.automod.messages import CLOCK, CountRules, Tick
from alphapy.actors.automod.rulebook import RuleMemory
from alphapy.actors.kernel.address import Lane
from alphapy.actors.kernel.supervision import ChildSpec
from alphapy.actors.settings.definitions import registry as setting_registry
from alphapy.actors.settings.snapshot import SettingsReader, SettingsSnapshot, SettingsUnavailable
from alphapy.pure.ids import GuildId
from tests.support.actors import ask, running
from tests.support.clock import FakeClock

if TYPE_CHECKING:
    from alphapy.storage.pool import Pool

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
ORDINARY, FOREVER, SHORT = GuildId(1), GuildId(2), GuildId(3)


@attrs.define
class Wishes(SettingsReader):
    """How long each guild keeps texts; ``away`` while nobody can say."""

    days: dict[GuildId, int]
    away: bool = False

    @override
    def snapshot(self, guild_id: GuildId) -> SettingsSnapshot:
        found = (
            {("automod", "content_retention_days"): days}
            if (days := self.days.get(guild_id, -1)) >= 0
            else {}
        )
        return SettingsSnapshot(guild_id, setting_registry(), found, version=1, loaded_at=0.0)

    @override
    async def fresh(self, guild_id: GuildId, *, max_age: float = 2.0) -> SettingsSnapshot:
        if self.away:
            raise SettingsUnavailable("nobody can say")
        return self.snapshot(guild_id)

    @override
    async def enabled(self, guild_id: GuildId, scope: str) -> bool:
        return self.snapshot(guild_id).enabled(scope)


async def fill(pool: Pool) -> None:
    async with pool.transaction("test") as tx:
        for guild_id in (ORDINARY, FOREVER, SHORT):
            for days in (2, 10, 91):
                await tx.execute(
                    "INSERT INTO automod_logs (guild_id, user_id, action_taken, message_content, timestamp)"
                    " VALUES (%s, 5, 'delete', 'tea', %s)",
                    (guild_id, NOW - timedelta(days=days)),
                )


async def kept(pool: Pool) -> dict[int, int]:
    """How many texts each guild still has; the rows are all there."""
    async with pool.transaction("test") as tx:
        rows = await tx.fetch_all(
            "SELECT guild_id, count(*), count(message_content) FROM automod_logs GROUP BY guild_id"
        )
    assert {row[1] for row in rows} == {3}
    return {row[0]: row[2] for row in rows}


async def look(pool: Pool, wishes: Wishes, *, times: int = 1, forgets: bool = True) -> dict[int, int]:
    spec = ChildSpec(
        factory=lambda context: AutomodClock(
            context,
            pool=pool,
            settings=wishes,
            clock=FakeClock(NOW),
            memory=RuleMemory(),
            forgets=forgets,
        ),
        idle_after=None,
    )
    async with running(process_automod_clock=spec) as registry:
        for number in range(times):
            wishes.away = wishes.away and not number
            registry.tell(CLOCK, Tick())
            await ask(registry, CLOCK, CountRules(), lane=Lane.NORMAL)
    return await kept(pool)


@pytest.fixture
def wishes() -> Wishes:
    return Wishes({FOREVER: 0, SHORT: 7})


async def test_each_server_says_how_long_texts_are_kept(pool: Pool, wishes: Wishes) -> None:
    await fill(pool)
    assert await look(pool, wishes) == {ORDINARY: 2, FOREVER: 3, SHORT: 1}


async def test_the_operator_may_let_nothing_be_forgotten(pool: Pool, wishes: Wishes) -> None:
    await fill(pool)
    assert await look(pool, wishes, forgets=False) == {ORDINARY: 3, FOREVER: 3, SHORT: 3}


async def test_nothing_is_forgotten_while_nobody_knows_what_servers_want(pool: Pool, wishes: Wishes) -> None:
    await fill(pool)
    wishes.away = True
    assert await look(pool, wishes) == {ORDINARY: 3, FOREVER: 3, SHORT: 3}
    wishes.away = True
    assert await look(pool, wishes, times=2) == {ORDINARY: 2, FOREVER: 3, SHORT: 1}
