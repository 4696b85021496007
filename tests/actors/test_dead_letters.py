"""Dead letters hold the progress of their actor until they are stored, and can be told again."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from typing_extensions import override

from alphapy.actors.dead_letters import DeadLetterDesk, Replay, StoredDeadLetters, rebuild
from alphapy.actors.feature import GatewayEvent
from alphapy.actors.kernel.actor import Actor, Context
from alphapy.actors.kernel.address import Address, Lane
from alphapy.actors.kernel.deadletters import DeadLetter, DeadLetters
from alphapy.actors.kernel.progress import ActorProgress, Progress
from alphapy.actors.kernel.supervision import ChildSpec
from alphapy.actors.sessions import StoredProgress
from alphapy.gateway.events import MessageCreate, decode
from alphapy.pure.ids import GuildId
from alphapy.storage import deadletters, sessions
from tests.support.actors import running
from tests.support.waiting import wait_until

if TYPE_CHECKING:
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
        assert await sessions.progress(tx, GUILD, "listener") == ("session", 1)


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
    events: list[Any] = attrs.field(factory=list)


def listener(heard: Heard) -> ChildSpec:
    class Listener(Actor):
        @override
        async def handle(self, message: object) -> object:
            heard.events.append(message)
            return None

    def build(context: Context) -> Actor:
        return Listener(context)

    return ChildSpec(factory=build)


async def test_a_letter_is_told_again_as_it_was_and_is_gone(pool: Pool) -> None:
    heard = Heard()
    await StoredDeadLetters(pool, progress_of(pool)).park(letter(event(7)))
    (parked,) = await stored(pool)
    async with running(listener=listener(heard)) as registry:
        desk = DeadLetterDesk(pool, registry)
        assert await desk.replay(parked.id) is Replay.TOLD
        await wait_until(lambda: len(heard.events) == 1, what="the message")
        assert await desk.replay(parked.id) is Replay.GONE
    (told,) = heard.events
    assert (told.name, told.session_id, told.seq) == ("MESSAGE_CREATE", "", 0)
    assert isinstance(told.event, MessageCreate)
    assert told.event == event(7).event
    assert await stored(pool) == []


@attrs.frozen
class Other:
    number: int


async def test_what_cannot_be_told_again_stays_and_can_be_discarded(pool: Pool) -> None:
    sink = StoredDeadLetters(pool, progress_of(pool))
    await sink.park(letter(Other(1)))
    await sink.park(letter(event(1, MESSAGE.replace(b'"h', b'"' + b"x" * 70_000))))
    async with running(listener=listener(Heard())) as registry:
        desk = DeadLetterDesk(pool, registry)
        for parked in await stored(pool):
            assert await desk.replay(parked.id) is Replay.UNREADABLE
        assert len(await stored(pool)) == 2
        for parked in await stored(pool):
            assert await desk.discard(parked.id)
            assert not await desk.discard(parked.id)
    assert await stored(pool) == []


async def test_a_letter_stays_where_its_actor_takes_nothing(pool: Pool) -> None:
    await StoredDeadLetters(pool, progress_of(pool)).park(letter(event(1)))
    (parked,) = await stored(pool)
    async with running() as registry:
        assert await DeadLetterDesk(pool, registry).replay(parked.id) is Replay.REFUSED
    assert len(await stored(pool)) == 1


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
    assert rebuild(broken) is None


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
    found = rebuild(parked.letter)
    assert found is not None
    assert found[1].event == decode(name, raw)
