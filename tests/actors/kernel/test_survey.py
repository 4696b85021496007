"""Surveys and pages: everybody once, the worst first, and nobody held up meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from alphapy.actors.kernel.address import Address
from alphapy.actors.kernel.health import ActorState
from alphapy.actors.kernel.survey import SLICE
from alphapy.pure.ids import GuildId
from tests.actors.kernel.support import PROBE, Crash, Journal, Note, probe_spec, running
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from alphapy.actors.kernel.actor import Context
    from alphapy.actors.kernel.registry import Registry


def probe(guild_id: int) -> Address:
    return Address.guild(GuildId(guild_id), "probe")


async def start(registry: Registry, guilds: range) -> None:
    for guild_id in guilds:
        registry.tell(probe(guild_id), Note(1))
    await wait_until(lambda: sum(kind.processed for kind in registry.statistics()) == len(guilds))


async def test_a_survey_agrees_with_the_statistics() -> None:
    async with running({PROBE: probe_spec(Journal()), "process/idle": probe_spec(Journal())}) as house:
        await start(house.registry, range(1, 3 * SLICE))
        survey = await house.registry.survey(worst=5)
        assert survey.kinds == house.registry.statistics()
        assert survey.running == 3 * SLICE - 1
        assert survey.worst == ()


async def test_others_run_while_many_are_surveyed() -> None:
    async with running({PROBE: probe_spec(Journal())}) as house:
        await start(house.registry, range(1, 10 * SLICE + 1))
        turns = 0
        async with trio.open_nursery() as nursery:

            async def work() -> None:
                nonlocal turns
                while True:
                    turns += 1
                    await trio.lowlevel.checkpoint()

            nursery.start_soon(work)
            await house.registry.survey(worst=5)
            nursery.cancel_scope.cancel()
        assert turns >= 10


async def test_no_sum_falls_while_actors_come_and_go() -> None:
    async with running({PROBE: probe_spec(Journal(), idle_after=0.01)}) as house:
        seen = (0, 0, 0)
        for round_ in range(15):
            for guild_id in range(1, SLICE + 20):
                house.registry.tell(probe(guild_id * 7 + round_ % 3), Note(round_))
            (kind,) = (await house.registry.survey(worst=0)).kinds
            now = (kind.processed, kind.started, kind.ended)
            assert all(after >= before for before, after in zip(seen, now, strict=True)), (seen, now)
            seen = now


async def test_the_worst_come_first() -> None:
    release = trio.Event()

    async def on_handle(_context: Context, message: object) -> None:
        if message == Note(9):
            await release.wait()

    async with running({PROBE: probe_spec(Journal(on_handle=on_handle), restarts=0)}) as house:
        registry = house.registry
        await start(registry, range(1, 20))
        registry.tell(probe(3), Crash())

        def has_failed() -> bool:
            health = registry.find(probe(3))
            return health is not None and health.state is ActorState.FAILED

        await wait_until(has_failed)
        registry.tell(probe(8), Note(9))
        for number in range(3):
            registry.tell(probe(8), Note(number))
        await trio.testing.wait_all_tasks_blocked()
        survey = await registry.survey(worst=5)
        assert [health.address for health in survey.worst] == [probe(3), probe(8)]
        assert [health.address for health in (await registry.survey(worst=1)).worst] == [probe(3)]
        release.set()


@given(
    st.sets(st.integers(1, 300), max_size=40),
    st.integers(1, 15),
    st.sampled_from(["", "guild/1", "guild/22/", "process/"]),
)
def test_pages_hold_everybody_once_and_in_order(guilds: set[int], limit: int, under: str) -> None:
    async def main() -> None:
        async with running({PROBE: probe_spec(Journal()), "process/probe": probe_spec(Journal())}) as house:
            house.registry.tell(Address.process("probe"), Note(0))
            for guild_id in guilds:
                house.registry.tell(probe(guild_id), Note(0))
            everyone = {"process/probe"} | {f"guild/{guild_id}/probe" for guild_id in guilds}
            seen: list[str] = []
            while True:
                page = house.registry.page(limit=limit, after=seen[-1] if seen else "", under=under)
                assert len(page) <= limit
                if not page:
                    break
                seen += [health.address.path for health in page]
            assert seen == sorted(path for path in everyone if path.startswith(under))

    trio.run(main)
