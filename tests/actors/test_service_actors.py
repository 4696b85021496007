"""Owners and dead letters: what the service keeps besides the features."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import attrs
import trio

from alphapy.actors.dead_letters.store import MAX_MESSAGE, StoredDeadLetters, as_json
from alphapy.actors.kernel.address import Address, Lane
from alphapy.actors.kernel.deadletters import DeadLetter
from alphapy.actors.kernel.progress import Progress
from alphapy.actors.owners import OwnerRegistry
from alphapy.actors.sessions import StoredProgress
from alphapy.environment import Secret
from alphapy.gateway.rest.calls import Application
from alphapy.gateway.rest.errors import DiscordError, DiscordErrorKind
from alphapy.pure.ids import ApplicationId, GuildId
from alphapy.storage import deadletters

if TYPE_CHECKING:
    from alphapy.storage.pool import Pool

DOWN = DiscordError(kind=DiscordErrorKind.SERVER, route="GET /applications/@me", message="down")


@attrs.define
class Applications:
    """Discord, which may be down."""

    answers: list[Application | DiscordError]
    asked_at: list[float] = attrs.field(factory=list)

    async def application(self) -> Application:
        self.asked_at.append(trio.current_time())
        answer = self.answers.pop(0)
        if isinstance(answer, DiscordError):
            raise answer
        return answer


def owned_by(*owners: int) -> Application:
    return Application(id=ApplicationId(1), name="Alphapy", owner_ids=frozenset(owners))


async def test_owners_are_configured_ones_and_those_of_the_application(
    autojump_clock: trio.testing.MockClock,
) -> None:
    discord = Applications([DOWN, owned_by(2, 3), DOWN, owned_by(4)])
    owners = OwnerRegistry([1], discord)
    assert owners.is_owner(1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(owners.keep_fresh)
        await trio.sleep(130)
        assert discord.asked_at == [60, 120]
        assert owners.is_owner(3)
        await trio.sleep(3600)
        assert owners.is_owner(3), "the last good answer holds"
        await trio.sleep(60)
        assert discord.asked_at == [60, 120, 3720, 3780]
        assert owners.is_owner(4)
        assert not owners.is_owner(3)
        assert owners.is_owner(1)
        nursery.cancel_scope.cancel()


@attrs.frozen
class Message:
    """A message of an actor, with something that is no JSON in it."""

    number: int
    strange: object


async def test_dead_letters_are_kept_with_their_message_and_traceback(pool: Pool) -> None:
    sink = StoredDeadLetters(pool, Progress(StoredProgress(pool), random.Random(1)))
    letter = DeadLetter(
        address=Address.guild(GuildId(5), "custom_commands"),
        lane=Lane.NORMAL,
        message=Message(7, object),
        error="e" * 1000,
        traceback="t" * 30_000 + "the end",
        attempts=2,
    )
    await sink.park(letter)
    async with pool.transaction("test") as tx:
        (kept,) = await deadletters.recent(tx, 10)
    assert kept.letter.address == "guild/5/custom_commands"
    assert kept.letter.guild_id == 5
    assert kept.letter.message == {"number": 7, "strange": repr(object)}
    assert kept.letter.message_type == "Message"
    assert len(kept.letter.error) == 500
    assert kept.letter.traceback.endswith("the end")


def test_a_huge_message_is_kept_as_its_beginning() -> None:
    kept = as_json(Message(1, "x" * 2 * MAX_MESSAGE))
    assert set(kept) == {"truncated"}
    assert len(kept["truncated"]) == MAX_MESSAGE


async def test_a_message_that_is_no_json_is_parked_all_the_same(pool: Pool) -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    sink = StoredDeadLetters(pool, Progress(StoredProgress(pool), random.Random(1)))
    for strange in ("\ud800", "a\x00b", deep, Secret("hunter2")):
        letter = DeadLetter(
            address=Address.process("strange"),
            lane=Lane.NORMAL,
            message=Message(1, strange),
            error="\ud800\x00",
            traceback="\ud800\x00",
            attempts=2,
        )
        await sink.park(letter)
    async with pool.transaction("test") as tx:
        kept = await deadletters.recent(tx, 10)
    assert len(kept) == 4
    assert "hunter2" not in str(kept)
