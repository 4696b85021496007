"""An interaction that was begun before a restart does not run again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
from typing_extensions import override

from alphapy.gateway.commands import Command
from alphapy.gateway.execution import Beginnings
from tests.gateway.interactions.house import house
from tests.support.interactions import FakeCalls, command

if TYPE_CHECKING:
    from trio.testing import MockClock

    from alphapy.gateway.invocation import Invocation
    from alphapy.gateway.models.interaction import Interaction


@attrs.define
class Notes(Beginnings):
    """What was begun before, and what happened since, in order."""

    before: set[int] = attrs.field(factory=set)
    failure: Exception | None = None
    happened: list[str] = attrs.field(factory=list)

    @override
    def was_begun(self, interaction: Interaction) -> bool:
        return interaction.id in self.before

    @override
    async def begin(self, interaction: Interaction) -> None:
        if self.failure is not None:
            raise self.failure
        self.happened.append("noted")

    def command(self, *, changes: bool = True) -> Command:
        async def handler(invocation: Invocation) -> None:
            self.happened.append("ran")
            await invocation.reply("done")

        return Command(name="do", description="Do it.", handler=handler, changes=changes)


async def test_it_is_noted_before_its_handler_runs(autojump_clock: MockClock) -> None:
    notes = Notes()
    async with house(commands=[notes.command()], beginnings=notes) as found:
        await found.submit(command("do", clock=found.clock))
        assert notes.happened == ["noted", "ran"]
        assert found.outcome.success


async def test_what_cannot_be_noted_does_not_run(autojump_clock: MockClock) -> None:
    notes = Notes(failure=ConnectionError("away"))
    async with house(commands=[notes.command()], beginnings=notes, outages=(ConnectionError,)) as found:
        await found.submit(command("do", clock=found.clock))
        assert notes.happened == []
        assert found.calls.first.text.startswith("My database does not answer")
        assert found.outcome.error == "database away"


async def test_what_changes_nothing_is_neither_noted_nor_left_out(autojump_clock: MockClock) -> None:
    notes = Notes(failure=ConnectionError("away"))
    async with house(commands=[notes.command(changes=False)], beginnings=notes) as found:
        interaction = command("do", clock=found.clock)
        notes.before.add(interaction.id)
        await found.submit(interaction)
        assert notes.happened == ["ran"]
        assert found.calls.first.text == "done"


async def test_one_that_was_begun_is_told_so_instead(autojump_clock: MockClock) -> None:
    notes = Notes()
    async with house(commands=[notes.command()], beginnings=notes) as found:
        interaction = command("do", clock=found.clock)
        notes.before.add(interaction.id)
        await found.submit(interaction)
        assert notes.happened == []
        assert found.calls.first.text.startswith("I was restarted")
        assert found.calls.first.ephemeral
        assert found.outcome.error == "begun before a restart"


async def test_one_that_was_answered_too_is_left_alone(autojump_clock: MockClock) -> None:
    notes = Notes()
    calls = FakeCalls()
    async with house(calls, commands=[notes.command()], beginnings=notes) as found:
        interaction = command("do", clock=found.clock)
        notes.before.add(interaction.id)
        calls.acknowledge(interaction)
        await found.submit(interaction)
        assert notes.happened == []
        assert calls.said == []
        assert not found.outcome.success


async def test_one_that_was_promised_an_answer_gets_it(autojump_clock: MockClock) -> None:
    notes = Notes()
    calls = FakeCalls()
    calls.thinking = True
    async with house(calls, commands=[notes.command()], beginnings=notes) as found:
        interaction = command("do", clock=found.clock)
        notes.before.add(interaction.id)
        calls.acknowledge(interaction)
        await found.submit(interaction)
        assert notes.happened == []
        assert calls.methods == ["edit_original"]
        assert calls.first.text.startswith("I was restarted")
