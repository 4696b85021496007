"""A journal: rows, effects and progress in one transaction, which knows whether it was done before."""

from __future__ import annotations

import random
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs
import trio
from typing_extensions import override

from alphapy.actors.effects.messages import EffectClosed, EffectLeft, PickUp, Sweep
from alphapy.actors.effects.sweeper import ADDRESS as SWEEPER
from alphapy.actors.effects.sweeper import Sweeper
from alphapy.actors.effects.verbs import Verb
from alphapy.actors.journal import Journal, JournalKit
from alphapy.actors.kernel.actor import Actor, Context
from alphapy.actors.kernel.address import Address
from alphapy.actors.kernel.bus import Answered
from alphapy.actors.kernel.progress import Progress
from alphapy.actors.kernel.supervision import ChildSpec
from alphapy.actors.kernel.waypoints import Unwatched
from alphapy.actors.sessions import StoredProgress
from alphapy.gateway.rest.errors import DiscordError, DiscordErrorKind
from alphapy.pure.backoff import Backoff
from alphapy.pure.ids import GuildId, MessageId
from alphapy.storage import deadletters, effects, sessions
from alphapy.storage.effects import Draft, Effect, Outcome
from tests.support.actors import KeptLetters, running
from tests.support.clock import FakeClock
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from alphapy.actors.kernel.registry import Registry
    from alphapy.storage.pool import Pool
    from alphapy.storage.transaction import Transaction

GUILD = GuildId(100)
ADDRESS = Address.guild(GUILD, "shouter")


@attrs.frozen
class Place:
    """What a shouter is told: a place in the log."""

    shard_id: int
    session_id: str
    seq: int
    key: int = 0
    closes: str = ""


@attrs.define
class Shout(Verb):
    """Something that can be done, and fails with what it is given first."""

    idempotent = True
    failures: list[Exception] = attrs.field(factory=list)
    done: list[str] = attrs.field(factory=list)
    gate: trio.Event | None = None

    @override
    async def perform(self, effect: Effect, *, within: float) -> MessageId | None:
        if self.gate is not None:
            await self.gate.wait()
        if self.failures:
            raise self.failures.pop(0)
        self.done.append(effect.event_key)
        return MessageId(effect.id)

    @override
    async def find(self, effect: Effect) -> tuple[MessageId, ...]:
        return ()

    @override
    def explain(self, effect: Effect, error: DiscordError) -> str:
        return "no"


class Shouter(Actor):
    """Shouts for every event, once; the last letter of a done shout makes another."""

    def __init__(self, context: Context, house: House) -> None:
        super().__init__(context)
        self.journal = Journal(context, house.kit, on_done=self._on_done)
        self._house = house

    @override
    async def load(self) -> None:
        await self.journal.load(self._count)

    async def _count(self, tx: Transaction) -> int:
        return int(await tx.fetch_value("SELECT count(*) FROM effects"))

    async def _on_done(self, tx: Transaction, effect: Effect) -> Sequence[Draft]:
        await tx.execute(
            "INSERT INTO operational_events (event_type, message) VALUES ('X', %s)", (effect.event_key,)
        )
        key = effect.event_key
        return [self._house.draft(f"{key}!")] if not key.endswith("!") else []

    @override
    async def handle(self, message: object) -> object:
        match message:
            case EffectClosed() | EffectLeft():
                self._house.closed.append(message)
                self.journal.closed(message)
            case PickUp():
                self._house.picked_up += 1
                await self.journal.pick_up()
            case _:
                return await super().handle(message)
        return None

    @override
    async def handle_batch(self, messages: Sequence[object]) -> None:
        places = [message for message in messages if isinstance(message, Place)]
        for message in messages:
            if not isinstance(message, Place):
                await self.handle(message)
        fresh = self.journal.fresh(places)
        if fresh:
            await self.journal.commit(fresh, [self._house.draft(f"shout {place.seq}") for place in fresh])


class House:
    """What shouters are made of."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.clock = FakeClock()
        self.shout = Shout()
        self.progress = Progress(StoredProgress(pool), random.Random(1))
        self.closed: list[EffectClosed | EffectLeft] = []
        self.picked_up = 0
        self.kit = JournalKit(
            pool=pool,
            progress=self.progress,
            verbs={"shout": self.shout},
            clock=self.clock,
            rng=random.Random(1),
            waypoints=Unwatched(),
        )

    def draft(self, key: str) -> Draft:
        return Draft(
            kind="shout", event_key=key, payload={}, deadline_at=self.clock.now() + timedelta(hours=1)
        )

    async def rows(self, query: str) -> list[tuple[Any, ...]]:
        async with self.pool.transaction("test") as tx:
            return await tx.fetch_all(query)

    @asynccontextmanager
    async def running(self, **spec: Any) -> AsyncIterator[Registry]:
        await self.progress.begin(0, "session")
        shouter = ChildSpec(factory=lambda context: Shouter(context, self), **spec)
        sweeper = ChildSpec(factory=lambda context: Sweeper(context, pool=self.pool, clock=self.clock))
        async with running(shouter=shouter, process_effects=sweeper) as registry:
            yield registry

    def tell(self, registry: Registry, *seqs: int) -> None:
        for seq in seqs:
            place = Place(0, "session", seq)
            self.progress.hand_on(place, [ADDRESS])
            registry.tell(ADDRESS, place)

    async def until_done(self, *keys: str) -> None:
        await wait_until(lambda: sorted(self.shout.done) == sorted(keys), what=f"{keys}")


async def test_what_is_done_counts_and_leads_on_in_one_transaction(pool: Pool) -> None:
    house = House(pool)
    async with house.running() as registry:
        house.tell(registry, 1, 2, 2)
        await house.until_done("shout 1", "shout 2", "shout 1!", "shout 2!")
        await wait_until(lambda: len(house.closed) == 4, what="the end")
        shard = house.progress.shard(0)
        assert shard is not None
        assert shard.mark == 2
    assert {message.outcome for message in house.closed if isinstance(message, EffectClosed)} == {
        Outcome.DONE
    }
    assert len(await house.rows("SELECT FROM operational_events")) == 4
    assert await house.rows("SELECT session_id, seq FROM event_progress") == [("session", 2)]


async def test_a_transaction_that_was_committed_in_doubt_is_not_done_again(pool: Pool) -> None:
    house = House(pool)
    async with house.running() as registry:
        house.tell(registry, 1)
        await house.until_done("shout 1", "shout 1!")
        async with pool.transaction("test") as tx:
            # As if the answer to COMMIT had been lost.
            await sessions.advance(tx, sessions.ProgressRow(GUILD, "shouter", "session", 2))
            await effects.record(tx, GUILD, "shouter", [house.draft("shout 2")], now=house.clock.now())
        house.tell(registry, 2)
        await house.until_done("shout 1", "shout 1!", "shout 2", "shout 2!")
        await wait_until(lambda: len(house.closed) == 4, what="the end")
    assert house.picked_up == 1


async def test_only_so_many_are_tried_at_a_time_and_all_in_the_end(pool: Pool) -> None:
    house = House(pool)
    house.shout.gate = trio.Event()
    async with house.running(children=2) as registry:
        house.tell(registry, *range(1, 21))

        def children() -> int:
            health = registry.find(ADDRESS)
            return 0 if health is None else health.children

        await wait_until(lambda: children() == 2, what="two at a time")
        registry.tell(ADDRESS, PickUp())
        await wait_until(lambda: house.picked_up == 1, what="a look for more")
        house.shout.gate.set()
        await wait_until(lambda: len(house.shout.done) == 40, what="all of them")
        await wait_until(lambda: len(house.closed) == 40, what="the end")
    assert len(set(house.shout.done)) == 40


async def test_the_sweep_starts_whoever_owes_something_and_deletes_what_is_old(pool: Pool) -> None:
    house = House(pool)
    async with pool.transaction("test") as tx:
        (old,) = await effects.record(tx, GUILD, "shouter", [house.draft("old!")], now=house.clock.now())
        await effects.close(tx, GUILD, old.id, Outcome.DONE, now=house.clock.now() - timedelta(hours=2))
        await effects.record(tx, GUILD, "shouter", [house.draft("owed!")], now=house.clock.now())
        await effects.record(tx, GUILD, "gone", [house.draft("nobody's")], now=house.clock.now())
    async with house.running() as registry:
        registry.tell(SWEEPER, Sweep())
        await house.until_done("owed!")
        await wait_until(lambda: len(house.closed) == 1, what="the end")
        await wait_until(lambda: events_are(house, "nobody's", "owed!"), what="the deletion")


async def events_are(house: House, *keys: str) -> bool:
    rows = await house.rows("SELECT event_key FROM effects ORDER BY event_key")
    return [key for (key,) in rows] == list(keys)


async def test_one_that_somebody_else_has_closed_is_left(pool: Pool) -> None:
    house = House(pool)
    house.shout.gate = trio.Event()
    async with house.running() as registry:
        house.tell(registry, 1)
        await wait_until(lambda: events_are(house, "shout 1"), what="the record")
        async with pool.transaction("test") as tx:
            await tx.execute("UPDATE effects SET state = 'done', done_at = now()")
        house.shout.gate.set()
        await wait_until(lambda: len(house.closed) == 1, what="the end")
        await wait_until(lambda: house.picked_up == 1, what="a look for more")
    assert isinstance(house.closed[0], EffectLeft)
    assert await house.rows("SELECT FROM operational_events") == []


async def test_temporary_trouble_is_sat_out_and_nonsense_is_given_up(pool: Pool) -> None:
    house = House(pool)
    busy = DiscordError(kind=DiscordErrorKind.RATE_LIMITED, route="x", message="slow down", retry_after=0.1)
    house.shout.failures = [busy]
    async with house.running() as registry:
        house.tell(registry, 1)
        await house.until_done("shout 1", "shout 1!")
        house.shout.failures = [ValueError("what is this?")]
        house.tell(registry, 2)
        await wait_until(lambda: len(house.closed) == 3, what="the end")
    last = house.closed[-1]
    assert isinstance(last, EffectClosed)
    assert last.outcome is Outcome.REFUSED
    rows = await house.rows("SELECT last_error, attempts FROM effects ORDER BY id")
    assert rows[0] == (str(busy), 2)
    assert rows[2] == ("ValueError: what is this?", 1)


async def test_what_expires_meanwhile_is_closed_as_such(pool: Pool) -> None:
    house = House(pool)
    down = DiscordError(kind=DiscordErrorKind.SERVER, route="x", message="down")
    house.shout.failures = [down] * 2
    house.shout.gate = trio.Event()
    async with house.running() as registry:
        house.tell(registry, 1)
        await wait_until(lambda: events_are(house, "shout 1"), what="the record")
        house.clock.advance(timedelta(hours=2))
        house.shout.gate.set()
        await wait_until(lambda: len(house.closed) == 1, what="the end")
    closed = house.closed[0]
    assert isinstance(closed, EffectClosed)
    assert closed.outcome is Outcome.EXPIRED


@attrs.frozen
class FromLetter:
    """A message that an operator has told again out of a dead letter."""

    letter: int
    shard_id: int = 0
    session_id: str = ""
    seq: int = 0
    key: int = 0
    closes: str = ""


async def test_a_dead_letter_goes_with_what_is_done_about_it_and_does_nothing_once_it_is_gone(
    pool: Pool,
) -> None:
    house = House(pool)
    stored = deadletters.Letter(
        address=str(ADDRESS),
        guild_id=GUILD,
        message_type="FromLetter",
        message={},
        error="",
        traceback="",
        attempts=2,
    )
    async with pool.transaction("test") as tx:
        number = await deadletters.park(tx, stored)
    also: list[int] = []

    async def note(_tx: Transaction) -> None:
        also.append(number)

    class Reader(Shouter):
        @override
        async def handle_batch(self, messages: Sequence[object]) -> None:
            places = [message for message in messages if isinstance(message, FromLetter)]
            for message in messages:
                if message not in places:
                    await self.handle(message)
            if places:
                await self.journal.commit(places, [house.draft("told again!")], note)

    async with running(shouter=ChildSpec(factory=lambda context: Reader(context, house))) as registry:
        first, second = [await registry.retell(ADDRESS, FromLetter(number), timeout=5) for _ in range(2)]
        assert first == second == Answered(None)
        await wait_until(lambda: len(house.closed) == 1, what="the end of the effect")
    assert also == [number]
    assert house.shout.done == ["told again!"]
    assert await house.rows("SELECT FROM dead_letters") == []


POISON = """
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF NEW.event_key = 'shout 3' THEN RAISE EXCEPTION 'poison' USING ERRCODE = 'check_violation'; END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER refuse BEFORE INSERT ON effects FOR EACH ROW EXECUTE FUNCTION refuse()
"""


async def test_a_poisonous_row_of_a_batch_is_set_aside_and_its_neighbours_are_done_once(pool: Pool) -> None:
    house = House(pool)
    async with pool.transaction("test") as tx:
        await tx.execute(POISON)
    keys = {f"shout {seq}" for seq in (1, 2, 4, 5)}

    async def all_done() -> bool:
        rows = await house.rows("SELECT event_key FROM effects WHERE state = 'done'")
        return {key for (key,) in rows} == keys | {f"{key}!" for key in keys}

    async with house.running(backoff=Backoff(initial=0.01, ceiling=0.02)) as registry:
        letters = registry._letters._sink
        assert isinstance(letters, KeptLetters)
        house.tell(registry, 1, 2, 3, 4, 5)
        await wait_until(all_done, what="the neighbours")
        await wait_until(lambda: len(letters.letters) == 1, what="the letter")
        (letter,) = letters.letters
        assert isinstance(letter.message, Place)
        assert letter.message.seq == 3
        assert "poison" in letter.error
    assert await house.rows("SELECT count(*) FROM operational_events") == [(8,)], "each counted once"
    assert await house.rows("SELECT session_id, seq FROM event_progress") == [("session", 5)]


async def test_a_deadlock_is_repeated_and_nothing_is_done_twice(pool: Pool) -> None:
    house = House(pool)
    async with pool.transaction("test") as tx:
        await tx.execute("INSERT INTO operational_events (event_type, message) VALUES ('A', 'row')")
        await sessions.advance(tx, sessions.ProgressRow(GUILD, "shouter", "session", 1))

    class Reader(Shouter):
        @override
        async def handle_batch(self, messages: Sequence[object]) -> None:
            places = [message for message in messages if isinstance(message, Place)]
            for message in messages:
                if message not in places:
                    await self.handle(message)
            if fresh := self.journal.fresh(places):
                await self.journal.commit(fresh, [house.draft("once!")], self._touch)

        async def _touch(self, tx: Transaction) -> None:
            """With the actor's own row of progress locked, wants the one that the other side holds."""
            await tx.execute("SET LOCAL deadlock_timeout = '2s'")
            await tx.execute("UPDATE operational_events SET message = 'touched' WHERE event_type = 'A'")

    await house.progress.begin(0, "session", mark=1)
    async with running(shouter=ChildSpec(factory=lambda context: Reader(context, house))) as registry:
        async with pool.transaction("test") as tx:
            await tx.execute("SET LOCAL deadlock_timeout = '60s'")  # so that the actor is the victim
            await tx.execute("UPDATE operational_events SET message = 'other' WHERE event_type = 'A'")
            house.tell(registry, 2)
            await wait_until(partial(_waits_for_a_lock, pool), what="the actor at the other's row")
            await tx.execute("UPDATE event_progress SET updated_at = now()")
        await wait_until(lambda: house.shout.done == ["once!"], what="the shout")
        await wait_until(lambda: len(house.closed) == 1, what="the end of the effect")
        assert pool.statistics().retried == 1
    assert await house.rows("SELECT count(*) FROM effects") == [(1,)]
    assert await house.rows("SELECT seq FROM event_progress") == [(2,)]


async def _waits_for_a_lock(pool: Pool) -> bool:
    async with pool.transaction("watch") as tx:
        found = await tx.fetch_one(
            "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
    return found is not None
