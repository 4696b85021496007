"""Members do not wait long for what waits for the database."""

from __future__ import annotations

import attrs
import pytest
import trio
from typing_extensions import override

from alphapy.actors.kernel.actor import Actor, Unavailable
from alphapy.actors.kernel.address import Address, Request
from alphapy.actors.kernel.bus import Answered, Reason, Unanswered
from alphapy.actors.kernel.supervision import ChildSpec
from alphapy.actors.patience import AWAY_WITHIN, PatientBus
from alphapy.gateway.refusals import DatabaseAway
from alphapy.pure.ids import GuildId
from tests.support.actors import running

ADDRESS = Address.guild(GuildId(5), "teller")


@attrs.frozen
class Ask(Request[str]):
    needs_database: bool


class Teller(Actor):
    @override
    async def handle(self, message: object) -> object:
        assert isinstance(message, Ask)
        if message.needs_database:
            raise Unavailable("gone")
        return "from memory"


async def test_what_is_in_memory_is_answered_and_the_rest_is_not_waited_for() -> None:
    async with running(teller=ChildSpec(factory=Teller)) as registry:
        away = PatientBus(registry, lambda: True)
        assert await away.ask(ADDRESS, Ask(needs_database=False), within=30) == Answered("from memory")
        started = trio.current_time()
        with pytest.raises(DatabaseAway):
            await away.ask(ADDRESS, Ask(needs_database=True), within=30)
        assert trio.current_time() - started < AWAY_WITHIN + 1
        near = PatientBus(registry, lambda: False)
        assert await near.ask(ADDRESS, Ask(needs_database=True), within=0.1) == Unanswered(Reason.TIMED_OUT)
