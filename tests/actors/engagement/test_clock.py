"""The clock that wakes guilds: whoever has something due, at least once a minute."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from alphapy.actors.engagement.clock import EngagementClock
from alphapy.actors.engagement.messages import CLOCK, Tick, Wake
from alphapy.actors.kernel.supervision import ChildSpec
from alphapy.pure.ids import GuildId
from tests.support.actors import running
from tests.support.clock import FakeClock
from tests.support.engagement import Listener
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alphapy.storage.pool import Pool
    from alphapy.storage.transaction import Transaction


async def test_guilds_are_woken_when_one_of_their_parts_says_so(pool: Pool) -> None:
    clock = FakeClock()
    asked: list[datetime] = []
    woken: list[object] = []

    async def soon(tx: Transaction, now: datetime) -> tuple[Sequence[GuildId], datetime | None]:
        asked.append(now)
        found = await tx.fetch_all("SELECT unnest(ARRAY[1, 2])")
        return [GuildId(row[0]) for row in found], now + timedelta(milliseconds=1)

    async def never(_tx: Transaction, _now: datetime) -> tuple[Sequence[GuildId], datetime | None]:
        return [GuildId(2), GuildId(3)], None

    def clockwork(context: Any) -> EngagementClock:
        return EngagementClock(context, pool=pool, clock=clock, due=[soon, never])

    listener = ChildSpec(factory=lambda context: Listener(context, woken))
    async with running(
        process_engagement_clock=ChildSpec(factory=clockwork, idle_after=None), engagement=listener
    ) as registry:
        registry.tell(CLOCK, Tick())
        await wait_until(lambda: len(asked) == 3, what="a look every half second at the most")
        await wait_until(lambda: len(woken) >= 6, what="those who are due")
    assert woken[:3] == [Wake(), Wake(), Wake()]
