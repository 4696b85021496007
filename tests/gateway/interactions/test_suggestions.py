"""Suggestions while a member types."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from alphapy.gateway.admission import Bounds
from alphapy.gateway.commands import Access, Choice, Command, Option, OptionKind
from alphapy.gateway.suggestions import choices_json
from tests.gateway.interactions.house import OWNER, House, house
from tests.support.interactions import FakeCalls, command, refused, typing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from trio.testing import MockClock

    from alphapy.gateway.invocation import Invocation


async def handler(invocation: Invocation) -> None:
    await trio.sleep(10)
    await invocation.reply("ok")


async def names(invocation: Invocation, typed: str) -> Sequence[Choice]:
    kind = invocation.options.text("kind", default="any")
    return [Choice(name=f"{kind} {typed}{number}", value=f"v{number}") for number in range(30)]


def made(autocomplete: Callable[[Invocation, str], Awaitable[Sequence[Choice]]], **more: object) -> Command:
    options = (
        Option(
            kind=OptionKind.STRING, name="name", description="N.", required=True, autocomplete=autocomplete
        ),
        Option(kind=OptionKind.STRING, name="kind", description="K."),
    )
    return Command(name="cc", description="C.", handler=handler, options=options, **more)  # type: ignore[arg-type]


def choices(found: House) -> list[str]:
    (said,) = found.calls.said
    assert said.type == 8
    found.calls.said.clear()
    return [choice["name"] for choice in said.body["data"]["choices"]]


async def test_at_most_25_suggestions_know_what_was_typed_before(autojump_clock: MockClock) -> None:
    async with house(commands=[made(names)]) as found:
        await found.submit(typing("cc", "name", "ab", {"kind": "old"}))
        assert choices(found) == [f"old ab{number}" for number in range(25)]
        assert found.outcomes == []


async def test_nothing_is_suggested_to_those_who_may_not_run_it(autojump_clock: MockClock) -> None:
    async with house(commands=[made(names, access=Access.ADMIN, guild_only=True, gated_by="faq")]) as found:
        await found.submit(typing("cc", "name", "ab"))
        assert choices(found) == []
        await found.submit(typing("cc", "name", "ab", user_id=OWNER))
        assert len(choices(found)) == 25
        await found.submit(typing("cc", "name", "ab", user_id=OWNER, guild_id=0))
        assert choices(found) == []
        found.closed.add("faq")
        await found.submit(typing("cc", "name", "ab", user_id=OWNER))
        assert choices(found) == []


@pytest.mark.parametrize(("path", "option"), [("gone", "name"), ("cc", "kind"), ("cc", "gone")])
async def test_what_cannot_be_suggested_gets_an_empty_list(
    autojump_clock: MockClock, path: str, option: str
) -> None:
    async with house(commands=[made(names)]) as found:
        await found.submit(typing(path, option, "x"))
        assert choices(found) == []


async def test_slow_and_broken_handlers_cost_the_suggestions_only(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async def slow(_invocation: Invocation, _typed: str) -> Sequence[Choice]:
        await trio.sleep(60)
        return []

    async def broken(_invocation: Invocation, _typed: str) -> Sequence[Choice]:
        raise ValueError("broken")

    async def replying(invocation: Invocation, _typed: str) -> Sequence[Choice]:
        await invocation.reply("hello")
        return []

    for autocomplete, logged in (
        (slow, "suggestions took too long"),
        (broken, "suggestions failed"),
        (replying, "AnswerMisuse"),
    ):
        async with house(commands=[made(autocomplete)]) as found:
            began = trio.current_time()
            await found.submit(typing("cc", "name", "x"))
            assert choices(found) == []
            assert trio.current_time() - began < 3
        assert logged in caplog.text


async def test_suggestions_that_nobody_waits_for_are_forgotten(autojump_clock: MockClock) -> None:
    calls = FakeCalls()
    calls.failures["respond"] = [refused(10062)]
    async with house(calls, commands=[made(names)]) as found:
        await found.submit(typing("cc", "name", "x"))
        await found.dispatcher.stop(within=1)
        assert found.calls.said == []


async def test_typing_leaves_half_of_the_places_to_commands(autojump_clock: MockClock) -> None:
    async def slow(_invocation: Invocation, _typed: str) -> Sequence[Choice]:
        await trio.sleep(1)
        return []

    async with house(bounds=Bounds(running=4, per_guild=4), commands=[made(slow)]) as found:
        await found.submit(
            *(typing("cc", "name", "x") for _ in range(4)), *(command("cc", {"name": "x"}) for _ in range(2))
        )
        assert found.dispatcher.statistics().dropped == 2
        assert [outcome.success for outcome in found.outcomes] == [True, True]


def test_choices_that_do_not_fit_are_left_out_or_cut() -> None:
    given = [
        Choice(name="x" * 150, value=1),
        Choice(name=" ", value=2),
        Choice(name="text", value="3"),
        Choice(name="true", value=True),
        Choice(name="far", value=2**53),
        Choice(name="half", value=0.5),
    ]
    assert choices_json(given, OptionKind.INTEGER) == [{"name": "x" * 97 + "...", "value": 1}]
    assert [choice["name"] for choice in choices_json(given, OptionKind.NUMBER)[1:]] == ["half"]
    assert choices_json(given, OptionKind.STRING) == [{"name": "text", "value": "3"}]
