"""The webhook intake: messages after an answer, and the end of old receipts."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from alphapy.actors.kernel.supervision import ChildSpec
from alphapy.actors.webhooks.intake import KEPT, WebhookIntake
from alphapy.actors.webhooks.messages import INTAKE, KeepReceipts, PruneTick, SendDirect
from alphapy.gateway.rest.errors import DiscordErrorKind
from alphapy.storage import webhook_receipts
from tests.support.actors import running
from tests.support.clock import FakeClock
from tests.support.waiting import wait_until
from tests.web.neighbours import ADMIN, MEMBER, Neighbours, direct

if TYPE_CHECKING:
    from alphapy.storage.pool import Pool


def spec(pool: Pool, around: Neighbours, clock: FakeClock, *, first: float = 60.0) -> ChildSpec:
    return ChildSpec(
        factory=lambda context: WebhookIntake(context, pool=pool, clock=clock, discord=around, first=first),
        children=1,
    )


def told(content: str, *, key: str = "k", user_id: int = ADMIN) -> SendDirect:
    return SendDirect(user_id=user_id, content=content, key=key)  # type: ignore[arg-type] # of ids


async def test_direct_messages(pool: Pool) -> None:
    around = Neighbours(deaf={MEMBER})
    async with running(process_webhook_intake=spec(pool, around, FakeClock())) as registry:
        registry.tell(INTAKE, told("to nobody", user_id=MEMBER))
        registry.tell(INTAKE, told("hello"))
        registry.tell(INTAKE, told("hello", key="another"))
        await wait_until(lambda: len(around.sent) == 2)
        health = registry.find(INTAKE)
        assert health is not None
        assert health.failed == 0
    for channel_id, message in around.sent:
        assert channel_id == direct(ADMIN)
        assert message.nonce is not None
        assert message.to_json()["allowed_mentions"]["parse"] == []


async def test_a_discord_that_is_away_is_no_crash(pool: Pool) -> None:
    around = Neighbours(trouble=DiscordErrorKind.SERVER)
    async with running(process_webhook_intake=spec(pool, around, FakeClock())) as registry:
        registry.tell(INTAKE, told("hello"))
        await wait_until(
            lambda: (h := registry.find(INTAKE)) is not None and h.processed == 1 and not h.children
        )
        health = registry.find(INTAKE)
        assert health is not None
        assert health.failed == 0


async def test_old_receipts_go(pool: Pool) -> None:
    clock = FakeClock()
    async with pool.transaction("web") as tx:
        for hours in (25, 1):
            await webhook_receipts.finish(tx, "founder", str(hours), clock.now() - timedelta(hours=hours))

    async def left() -> list[str]:
        async with pool.transaction("web") as tx:
            return [row[0] for row in await tx.fetch_all("SELECT body_sha256 FROM webhook_receipts")]

    async with running(process_webhook_intake=spec(pool, Neighbours(), clock, first=0.01)) as registry:
        registry.tell(INTAKE, KeepReceipts())
        await wait_until(
            lambda: (h := registry.find(INTAKE)) is not None and h.processed >= 2 and not h.children
        )
        assert await left() == ["1"]
        clock.advance(KEPT)
        registry.tell(INTAKE, PruneTick())
        await wait_until(
            lambda: (h := registry.find(INTAKE)) is not None and h.processed >= 3 and not h.children
        )
        assert await left() == []
