"""An actor that stays failed: its guild waits, the log goes on, and nothing of it is lost."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from alphapy.actors.kernel.address import Address
from alphapy.actors.kernel.health import ActorState
from alphapy.actors.kernel.supervision import ChildSpec
from alphapy.pure.backoff import Backoff
from alphapy.pure.ids import GuildId
from alphapy.storage import custom_commands as storage
from tests.acceptance.test_durability import answers, fetch, is_caught_up, prepare, say_hi, until_answered
from tests.support.crash import Trap, mortal_bot
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from alphapy.service import Service
    from alphapy.storage.pool import Pool
    from tests.support.bot import Stage


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Custom commands cannot be loaded while ``fails`` says so; their actor fails soon."""
    switches: dict[str, Any] = {"fails": True, "park_after": 0.4}
    real = storage.load

    async def load(*args: Any) -> Any:
        if switches["fails"]:
            raise ZeroDivisionError("a row that makes no sense")
        return await real(*args)

    def spec(**more: Any) -> ChildSpec:
        return ChildSpec(
            restarts=1,
            backoff=Backoff(initial=0.05, ceiling=0.2),
            park_after=switches["park_after"],
            **more,
        )

    monkeypatch.setattr(storage, "load", load)
    monkeypatch.setattr("alphapy.actors.custom_commands.manifest.ChildSpec", spec)
    return switches


def has_failed(stage: Stage, service: Service) -> bool:
    health = service.registry.find(Address.guild(GuildId(stage.demo.guild_id), "custom_commands"))
    return health is not None and health.state is ActorState.FAILED


async def letters(pool: Pool) -> int:
    return len(await fetch(pool, "SELECT FROM dead_letters"))


async def test_the_mark_moves_on_once_the_events_are_dead_letters_which_are_replayed_later(
    offstage: Stage, pool: Pool, broken: dict[str, Any]
) -> None:
    await prepare(offstage, pool)
    async with offstage.bot() as service:
        await wait_until(lambda: service.is_ready, what="readiness")
        say_hi(offstage, 2)
        await wait_until(partial(has_failed, offstage, service), what="the failure")
        version = await offstage.person("margaret").slash(offstage.general, "/version").wait_reply()
        assert version

        async def parked() -> bool:
            return await letters(pool) == 2

        await wait_until(parked, what="two letters")
        await wait_until(lambda: is_caught_up(service), what="the mark")
    broken["fails"] = False
    async with offstage.bot() as service:
        await wait_until(lambda: service.is_ready, what="readiness")
        assert answers(offstage) == []
        address = f"guild/{offstage.demo.guild_id}/custom_commands"
        done, _ = await service.dead_letters.replay_all(address)
        assert done == 2
        await until_answered(offstage, pool, 1, 2)
        assert await letters(pool) == 0
        say_hi(offstage)
        await until_answered(offstage, pool, 1, 2, 3)


async def test_killed_while_it_has_failed_the_next_process_gets_its_events_again(
    offstage: Stage, pool: Pool, broken: dict[str, Any]
) -> None:
    broken["park_after"] = 300.0
    await prepare(offstage, pool)
    trap = Trap()
    async with mortal_bot(offstage, trap) as service:
        await wait_until(lambda: service.is_ready, what="readiness")
        await service.sessions.write()
        say_hi(offstage, 2)
        await wait_until(partial(has_failed, offstage, service), what="the failure")
        assert not is_caught_up(service)
        await service.sessions.write()
    broken["fails"] = False
    async with offstage.bot():
        await until_answered(offstage, pool, 1, 2)
    assert await letters(pool) == 0
