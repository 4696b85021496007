"""Dead letters hold the progress of their actor until they are stored, and can be told again."""

from __future__ import annotations

import random
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import attrs
import pytest
import trio
import trio.testing
from typing_extensions import override

from alphapy.actors.dead_letters import store
from alphapy.actors.dead_letters.desk import DeadLetterDesk, rebuild
from alphapy.actors.dead_letters.messages import Replay
from alphapy.actors.dead_letters.store import StoredDeadLetters
from alphapy.actors.feature import GatewayEvent
from alphapy.actors.kernel.actor import Actor, Context
from alphapy.actors.kernel.actor_progress import ActorProgress
from alphapy.actors.kernel.address import Address, Lane
from alphapy.actors.kernel.budget import Budget
from alphapy.actors.kernel.deadletters import DeadLetter, DeadLetters
from alphapy.actors.kernel.progress import Progress
from alphapy.actors.kernel.registry import Registry
from alphapy.actors.kernel.supervision import ChildSpec
from alphapy.actors.sessions import StoredProgress
from alphapy.gateway.events import MessageCreate, decode
from alphapy.pure.backoff import Backoff
from alphapy.pure.ids import GuildId
from alphapy.pure.seen import Seen
from alphapy.storage import deadletters, sessions
from alphapy.storage.errors import DatabaseBusy, DatabaseUnavailable
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from alphapy.storage.pool import Pool

GUILD = GuildId(100)
ADDRESS = Address.guild(GUILD, "listener")
MESSAGE = (
    b'{"id":"9","channel_id":"8","guild_id":"100","content":"h\\u00e9 \\ud83d\\ude00","type":19,'
    b'"author":{"id":"5","username":"ada","global_name":"Ada"},"member":{"nick":"A","roles":["3"]},'
    b'"timestamp":"2026-01-05T12:00:00+00:00","mentions":[{"id":"6","username":"x"}],'
    b'"message_reference":{"message_id":"7"},"embeds":[{"title":"t","fields":[{"name":"n","value":"v"}]}]}'
)


def event(seq: int, raw: bytes = MESSAGE, name: str = "MESSAGE_CREATE") -> GatewayEvent:
    return GatewayEvent(name, decode(name, raw), 0, "session", seq)


def letter(message: object) -> DeadLetter:
    return DeadLetter(
        address=ADDRESS, lane=Lane.NORMAL, message=message, error="boom", traceback="...", attempts=2
    )


def progress_of(pool: Pool) -> Progress:
    return Progress(StoredProgress(pool), random.Random(1))


async def stored(pool: Pool) -> list[deadletters.ParkedLetter]:
    async with pool.transaction("test") as tx:
        return await deadletters.recent(tx, 10)


async def test_an_event_is_durable_once_its_letter_is_stored(pool: Pool) -> None:
    progress = progress_of(pool)
    sink = StoredDeadLetters(pool, progress)
    await progress.begin(0, "session")
    parked = event(1)
    progress.hand_on(parked, [ADDRESS])
    sink.expect(letter(parked))
    assert not progress.may_pass(ADDRESS)
    await sink.park(letter(parked))
    assert progress.may_pass(ADDRESS)
    await progress.write()
    shard = progress.shard(0)
    assert shard is not None
    assert shard.mark == 1
    async with pool.transaction("test") as tx:
        assert await sessions.progress(tx, GUILD, "listener") == sessions.ProgressRow(
            GUILD, "listener", "session", 1, Seen.only(9)
        )


async def test_a_letter_that_is_given_up_holds_nobody_and_stays_undone(pool: Pool) -> None:
    progress = progress_of(pool)
    office = DeadLetters(StoredDeadLetters(pool, progress), random.Random(1), limit=1)
    await progress.begin(0, "session")
    for seq in (1, 2):
        progress.hand_on(event(seq), [ADDRESS])
        office.put_nowait(letter(event(seq)))
    async with pool.transaction("test"):
        pass
    assert not progress.may_pass(ADDRESS), "the second one waits"
    await StoredDeadLetters(pool, progress).park(letter(event(2)))
    assert progress.may_pass(ADDRESS)
    await progress.write()
    shard = progress.shard(0)
    assert shard is not None
    assert shard.mark == 0
    assert office.statistics().lost == 1


async def test_progress_waits_for_the_letter(pool: Pool) -> None:
    from alphapy.actors.kernel.actor import Unavailable  # noqa: PLC0415 - for this test alone

    progress = progress_of(pool)
    mine = ActorProgress(progress, ADDRESS)
    mine.check()
    progress.letter_waits(ADDRESS)
    progress.letter_waits(ADDRESS)
    progress.letter_settled(ADDRESS)
    with pytest.raises(Unavailable, match="dead letter"):
        mine.check()
    progress.letter_settled(ADDRESS)
    mine.check()


@attrs.define
class Heard:
    """What an actor was told, in batches, and what it is to do about it."""

    events: list[Any] = attrs.field(factory=list)
    fails: bool = False
    gate: trio.Event | None = None


def listener(heard: Heard) -> ChildSpec:
    class Listener(Actor):
        @override
        async def handle_batch(self, messages: Sequence[object]) -> None:
            heard.events += messages
            if heard.gate is not None:
                await heard.gate.wait()
            if heard.fails:
                raise ZeroDivisionError

    def build(context: Context) -> Actor:
        return Listener(context)

    quick = Backoff(initial=0.01, factor=1.0, ceiling=30.0, jitter=0.0)
    return ChildSpec(factory=build, backoff=quick, restarts=3)


@asynccontextmanager
async def desk_of(pool: Pool, heard: Heard | None = None) -> AsyncIterator[DeadLetterDesk]:
    """The desk, with a listener or with nobody."""
    letters = StoredDeadLetters(pool, progress_of(pool))
    registry = Registry(
        dead_letters=letters,
        budget=Budget(100),
        rng=random.Random(1),
        outages=(DatabaseUnavailable, DatabaseBusy),
    )
    if heard is not None:
        registry.register("guild/*/listener", listener(heard))
    async with trio.open_nursery() as nursery:
        await nursery.start(registry.run)
        yield DeadLetterDesk(pool, registry, letters)
        await registry.stop(deadline=trio.current_time() + 5)


async def park(pool: Pool, *messages: object) -> list[int]:
    """Set messages aside; their numbers, oldest first."""
    for message in messages:
        await StoredDeadLetters(pool, progress_of(pool)).park(letter(message))
    return [found.id for found in (await stored(pool))[::-1]]


async def test_a_letter_is_told_again_as_it_was_and_is_gone(pool: Pool) -> None:
    heard = Heard()
    (number,) = await park(pool, event(7))
    async with desk_of(pool, heard) as desk:
        assert await desk.replay(number) is Replay.DONE
        assert await desk.replay(number) is Replay.GONE
    (told,) = heard.events
    assert (told.name, told.session_id, told.seq, told.letter) == ("MESSAGE_CREATE", "", 0, number)
    assert isinstance(told.event, MessageCreate)
    assert told.event == event(7).event
    assert await stored(pool) == []


async def test_one_that_crashes_its_actor_again_is_the_same_letter_with_more_attempts(pool: Pool) -> None:
    (number,) = await park(pool, event(7))
    async with desk_of(pool, Heard(fails=True)) as desk:
        assert await desk.replay(number) is Replay.CRASHED

        async def noted() -> bool:
            (found,) = await stored(pool)
            return (found.id, found.letter.attempts, found.letter.error) == (number, 4, "ZeroDivisionError")

        await wait_until(noted, what="the note of two more attempts")


async def test_a_letter_discarded_while_it_is_replayed_does_not_come_back(pool: Pool) -> None:
    heard = Heard(fails=True, gate=trio.Event())
    (number,) = await park(pool, event(7))
    async with desk_of(pool, heard) as desk, trio.open_nursery() as nursery:
        nursery.start_soon(desk.replay, number)
        await wait_until(lambda: bool(heard.events), what="the message")
        assert await desk.discard(number)
        assert heard.gate is not None
        heard.gate.set()
    assert await stored(pool) == []


async def test_who_asks_twice_at_once_gets_the_same_answer_and_it_is_told_once(pool: Pool) -> None:
    heard = Heard(gate=trio.Event())
    (number,) = await park(pool, event(7))
    outcomes: list[Replay] = []
    async with desk_of(pool, heard) as desk, trio.open_nursery() as nursery:

        async def replay(task_status: trio.TaskStatus[trio.CancelScope] = trio.TASK_STATUS_IGNORED) -> None:
            with trio.CancelScope() as scope:
                task_status.started(scope)
                outcomes.append(await desk.replay(number))

        first = await nursery.start(replay)
        await wait_until(lambda: bool(heard.events), what="the message")
        first.cancel()  # its client has gone away
        await nursery.start(replay)
        await nursery.start(replay)
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert heard.gate is not None
        heard.gate.set()
    assert len(heard.events) == 1
    assert outcomes[-2:] == [Replay.DONE, Replay.DONE]


async def test_one_whose_actor_takes_its_time_stays(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alphapy.actors.dead_letters.desk.REPLAY_WITHIN", 0.2)
    heard = Heard(gate=trio.Event())
    (number,) = await park(pool, event(7))
    async with desk_of(pool, heard) as desk:
        assert await desk.replay(number) is Replay.SLOW
        assert len(await stored(pool)) == 1
        assert heard.gate is not None
        heard.gate.set()


async def test_a_failed_actor_takes_no_letter(pool: Pool) -> None:
    heard = Heard(fails=True)
    numbers = await park(pool, event(7), event(8))
    async with desk_of(pool, heard) as desk:
        assert await desk.replay(numbers[0]) is Replay.CRASHED
        assert await desk.replay(numbers[1]) is Replay.CRASHED, "and now its actor has failed"
        assert await desk.replay(numbers[1]) is Replay.BUSY
    assert len(await stored(pool)) == 2


@attrs.frozen
class Other:
    number: int


async def test_what_cannot_be_told_again_stays_and_can_be_discarded(pool: Pool) -> None:
    numbers = await park(pool, Other(1), event(1, MESSAGE.replace(b'"h', b'"' + b"x" * 70_000)))
    async with desk_of(pool, Heard()) as desk:
        for number in numbers:
            assert await desk.replay(number) is Replay.UNREADABLE
        assert len(await stored(pool)) == 2
        for number in numbers:
            assert await desk.discard(number)
            assert not await desk.discard(number)
    assert await stored(pool) == []


async def test_a_letter_stays_where_nobody_is_there_for_it(pool: Pool) -> None:
    (number,) = await park(pool, event(1))
    async with desk_of(pool) as desk:
        assert await desk.replay(number) is Replay.NOBODY
    assert len(await stored(pool)) == 1


async def test_the_letters_of_one_actor_are_listed_and_discarded_together(pool: Pool) -> None:
    numbers = await park(pool, *(event(seq) for seq in range(1, 6)))
    async with pool.transaction("test") as tx:
        await tx.execute("UPDATE dead_letters SET address = 'guild/7/listener' WHERE id = %s", (numbers[2],))
    async with desk_of(pool) as desk:
        first = await desk.page(3)
        assert [found.id for found in first.letters] == numbers[:1:-1]
        assert (first.is_last, first.count, first.total) == (False, 5, 5)
        rest = await desk.page(3, before=first.letters[-1].id)
        assert [found.id for found in rest.letters] == numbers[1::-1]
        assert rest.is_last
        mine = await desk.page(10, address=str(ADDRESS))
        assert (len(mine.letters), mine.count, mine.total) == (4, 4, 5)
        assert await desk.discard_all(str(ADDRESS)) == 4
        assert await desk.discard_all(str(ADDRESS)) == 0
        assert await desk.count() == 1


async def test_all_of_an_actor_are_replayed_in_order_until_one_fails(pool: Pool) -> None:
    heard = Heard()
    await park(pool, event(1), Other(1), event(2), event(3))
    async with desk_of(pool, heard) as desk:
        assert await desk.replay_all(str(ADDRESS)) == (3, Replay.DONE)
        assert [told.letter for told in heard.events] == sorted(told.letter for told in heard.events)
        assert len(await stored(pool)) == 1, "what cannot be replayed"
        await park(pool, event(4), event(5))
        heard.fails = True
        assert await desk.replay_all(str(ADDRESS)) == (0, Replay.CRASHED)
        assert await desk.replay_all("guild/1/nobody") == (0, Replay.DONE)
    assert len(await stored(pool)) == 3


async def test_at_the_bound_the_oldest_make_room_and_the_log_says_so(
    pool: Pool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(deadletters, "KEPT", 2)
    letters = StoredDeadLetters(pool, progress_of(pool))
    for seq in range(1, 6):
        await letters.park(letter(event(seq)))
    assert letters.dropped == 3
    assert len(await stored(pool)) == 2
    logged = [vars(record).get("event") for record in caplog.records]
    assert logged.count("dead_letters") == 1
    assert logged.count("dead_letters_dropped") == 1


async def test_a_new_burst_is_told_again(
    pool: Pool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    letters = StoredDeadLetters(pool, progress_of(pool))
    await letters.park(letter(event(1)))
    monkeypatch.setattr(store, "BURST_ENDS_AFTER", -1.0)
    await letters.park(letter(event(2)))
    assert [vars(record).get("event") for record in caplog.records] == ["dead_letters"] * 2


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"name": "MESSAGE_CREATE"},
        {"name": "NOTHING", "event": {}},
        {"name": "MESSAGE_CREATE", "event": {"id": "no"}},
        {"name": ["x"], "event": {}},
        [],
    ],
)
def test_nonsense_is_no_message(message: Any) -> None:
    broken = deadletters.Letter(
        address="guild/1/x",
        guild_id=1,
        message_type="GatewayEvent",
        message=message,
        error="",
        traceback="",
        attempts=2,
    )
    assert rebuild(broken, 1) is None


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("GUILD_MEMBER_ADD", b'{"guild_id":"100","user":{"id":"7","username":"x"},"roles":["1","2"]}'),
        ("MESSAGE_DELETE", b'{"id":"1","channel_id":"2","guild_id":"3"}'),
        ("GUILD_ROLE_CREATE", b'{"guild_id":"1","role":{"id":"2","name":"r","permissions":"8"}}'),
        ("CHANNEL_UPDATE", b'{"id":"1","type":0,"guild_id":"3","name":"c","permission_overwrites":[]}'),
    ],
)
async def test_other_events_come_back_as_they_were(pool: Pool, name: str, raw: bytes) -> None:
    await StoredDeadLetters(pool, progress_of(pool)).park(letter(event(1, raw, name)))
    (parked,) = await stored(pool)
    found = rebuild(parked.letter, parked.id)
    assert found is not None
    assert found[1].event == decode(name, raw)
