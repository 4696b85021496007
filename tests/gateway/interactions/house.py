"""A dispatcher under test, with a Discord that insists on its rules and records of what was reported."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import trio

from alphapy.gateway.access import RoleAuthority
from alphapy.gateway.dispatcher import Dispatcher
from alphapy.gateway.refusals import ModuleDisabled, Refusal
from tests.support.clock import FakeClock
from tests.support.interactions import FakeCalls

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from alphapy.gateway.admission import Bounds
    from alphapy.gateway.invocation import Crash, Outcome
    from alphapy.gateway.models.interaction import Interaction

OWNER = 42
ADMIN_ROLE = 7
GUILD_OWNER = 43


class House:
    """A dispatcher with what it reports, and the clocks it runs on."""

    def __init__(self, calls: FakeCalls, bounds: Bounds | None) -> None:
        self.calls = calls
        self.clock = FakeClock()
        self.outcomes: list[Outcome] = []
        self.crashes: list[Crash] = []
        self.closed: set[str] = set()
        self.bounds = bounds
        self.dispatcher: Dispatcher

    async def gate(self, interaction: Interaction, scope: str) -> Refusal | None:
        await trio.lowlevel.checkpoint()
        return ModuleDisabled(scope) if scope in self.closed else None

    def build(self, **declared: Any) -> Dispatcher:
        self.dispatcher = Dispatcher(
            commands=declared.get("commands", ()),
            components=declared.get("components", ()),
            modals=declared.get("modals", ()),
            calls=self.calls,
            authority=RoleAuthority(
                is_owner=lambda user_id: user_id == OWNER,
                admin_role_ids={ADMIN_ROLE},
                owner_of_guild=lambda _guild_id: GUILD_OWNER,
            ),
            clock=self.clock,
            on_outcome=declared.get("on_outcome", self.outcomes.append),
            on_crash=self.crashes.append,
            gate=self.gate,
            beginnings=declared.get("beginnings"),
            outages=declared.get("outages", ()),
            bounds=self.bounds,
            new_trace=lambda: "cafe0123",
        )
        return self.dispatcher

    async def submit(self, *interactions: Interaction, late: float = 0.0, step: float = 0.05) -> None:
        """Hand them over as received ``late`` seconds ago, and wait in steps until all have ended."""
        for interaction in interactions:
            self.dispatcher.submit(interaction, trio.current_time() - late)
        while self.dispatcher.statistics().running:  # noqa: ASYNC110 - the clock jumps, so this costs nothing
            await trio.sleep(step)

    @property
    def outcome(self) -> Outcome:
        assert len(self.outcomes) == 1
        return self.outcomes[0]


@asynccontextmanager
async def house(
    calls: FakeCalls | None = None, *, bounds: Bounds | None = None, **declared: Any
) -> AsyncIterator[House]:
    made = House(calls or FakeCalls(), bounds)
    dispatcher = made.build(**declared)
    async with trio.open_nursery() as nursery:
        await nursery.start(dispatcher.run)
        yield made
        await dispatcher.stop(within=60)
