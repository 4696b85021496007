"""What a durable actor writes: rows, effects and progress in one transaction.

A durable actor's ``handle_batch`` takes the fresh events of the batch (:meth:`Journal.fresh`), decides, and
ends with one of two calls: :meth:`Journal.passed` where nothing is to be stored, :meth:`Journal.commit` where
something is. It changes its memory after that call and waits for nothing more, so that a batch is done as a
whole or not at all.

Where events only change figures, they are passed with the rows that hold them. Those are written with the
progress, a moment later and together with the rows of all other guilds; whatever else the journal does waits
for them first, so that transactions, and the next incarnation, find in the database what memory said.

When it fails: the transaction is rolled back, nothing is acknowledged, and the kernel gives the batch again.
A connection that is lost during COMMIT leaves no doubt: the repeated transaction finds the progress there.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeVar

import attrs

from alphapy.actors.effects.messages import EffectClosed, EffectLeft, PickUp
from alphapy.actors.effects.outbox import Outbox
from alphapy.actors.effects.verbs import Verb
from alphapy.actors.kernel.actor_progress import ActorProgress
from alphapy.actors.kernel.progress import Progress
from alphapy.actors.kernel.waypoints import Waypoint, Waypoints
from alphapy.pure.clock import Clock
from alphapy.storage import deadletters
from alphapy.storage import effects as effect_storage
from alphapy.storage import sessions as session_storage
from alphapy.storage.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence

    from alphapy.actors.kernel.actor import Context
    from alphapy.actors.kernel.noted import Told
    from alphapy.storage.effects import Draft, Effect
    from alphapy.storage.rows import StoredRow
    from alphapy.storage.transaction import Transaction

    E = TypeVar("E", bound=Told)
    R = TypeVar("R", bound=StoredRow)

T = TypeVar("T")


@attrs.frozen(kw_only=True)
class JournalKit:
    """What all journals share."""

    pool: Pool
    progress: Progress
    verbs: Mapping[str, Verb]
    clock: Clock
    rng: random.Random
    waypoints: Waypoints


class Journal:
    """The journal of one incarnation."""

    def __init__(
        self,
        context: Context,
        kit: JournalKit,
        *,
        on_done: Callable[[Transaction, Effect], Awaitable[Sequence[Draft]]],
        on_undone: Callable[[Transaction, Effect, str], Awaitable[Sequence[Draft]]] | None = None,
    ) -> None:
        """``on_done`` runs in the transaction that closes an effect as done; it returns what follows.

        ``on_undone`` does so for one that was refused or has expired; it is told why.
        """
        guild_id = context.address.guild_id
        assert guild_id is not None, "a journal belongs to a guild"  # noqa: S101
        self._guild_id = guild_id
        self._feature = context.address.name
        self._context = context
        self._kit = kit
        self._progress = ActorProgress(kit.progress, context.address)
        self._outbox = Outbox(context, kit, on_done, on_undone)

    async def load(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """At the actor's load: read its state, its progress and its pending effects in one transaction.

        Raises what the pool raises, and Unavailable while rows of an earlier incarnation cannot be written.
        """

        async def read(tx: Transaction) -> tuple[T, session_storage.ProgressRow | None, list[Effect]]:
            progress = await session_storage.progress(tx, self._guild_id, self._feature)
            return await work(tx), progress, await self._outbox.read(tx)

        await self._progress.flushed()
        state, found, effects = await self._kit.pool.run(self._feature, read, idempotent=True)
        if found is None:
            self._progress.restore(None)
        else:
            self._progress.restore((found.session_id, found.seq), found.seen)
        self._outbox.adopt(effects)
        return state

    def fresh(self, events: Iterable[E]) -> list[E]:
        """The events that were not dealt with before; a replayed one is acknowledged and left out."""
        return self._progress.fresh(events)

    def check(self) -> None:
        """Raise Unavailable while nothing can be passed: a dead letter, or too much, waits to be stored.

        For an actor that counts in memory before it passes what it has counted.
        """
        self._progress.check()

    def passed(self, events: Sequence[Told], rows: Sequence[StoredRow] = ()) -> None:
        """These fresh events ask for nothing but these rows. Raises Unavailable as :meth:`check` does."""
        self._progress.check()
        self._progress.passed(events, rows)

    async def flushed(self) -> None:
        """Wait until every row is in the database; raises Unavailable where that takes long."""
        await self._progress.flushed()

    def waiting(self, kind: type[R], key: Hashable) -> R | None:
        """The row of this kind and key that is on its way to the database; None where there is none."""
        row = self._progress.waiting(kind, key)
        return row if isinstance(row, kind) else None

    async def commit(
        self,
        events: Sequence[Told],
        drafts: Sequence[Draft] = (),
        also: Callable[[Transaction], Awaitable[Sequence[Draft] | None]] | None = None,
    ) -> None:
        """Store the effects of these fresh events, and what ``also`` writes, with the progress; then begin.

        ``also`` may return further effects, for which it had to read something in the transaction.

        Rows that wait are written before. Raises what the pool raises, and Unavailable while a dead letter or
        a row waits to be stored.
        """
        self._progress.check()
        await self._progress.flushed()
        last = ActorProgress.last(events)
        newest = max((event.key for event in events), default=0)
        row = session_storage.ProgressRow(
            self._guild_id,
            self._feature,
            last.session_id if last is not None else "",
            last.seq if last is not None else 0,
            self._progress.with_these(events),
        )
        kit = self._kit

        # A dead letter that is told again goes with what is done about it, and does nothing where it is gone.
        letters = [number for event in events if (number := getattr(event, "letter", 0))]

        async def write(tx: Transaction) -> list[Effect] | None:
            if (last is not None or newest) and not await session_storage.advance(tx, row, newest=newest):
                return None
            for number in letters:
                if not await deadletters.discard(tx, number):
                    return None
            recorded = await effect_storage.record(
                tx, self._guild_id, self._feature, drafts, now=kit.clock.now()
            )
            more = await also(tx) if also is not None else None
            if more:
                recorded += await effect_storage.record(
                    tx, self._guild_id, self._feature, more, now=kit.clock.now()
                )
            return recorded

        await kit.waypoints.reach(Waypoint.BEFORE_COMMIT)
        recorded = await kit.pool.run(
            self._feature, write, idempotent=last is not None or newest > 0 or also is None
        )
        await kit.waypoints.reach(Waypoint.AFTER_COMMIT)
        # No checkpoint from here on: an acknowledged batch must not be given again.
        self._progress.committed(events)
        if recorded is None:
            self._context.tell_self(PickUp())
        else:
            self._outbox.start(recorded)

    def closed(self, message: EffectClosed | EffectLeft) -> None:
        """The actor was told that one of its effects is closed, or left."""
        self._outbox.closed(message)

    async def pick_up(self) -> None:
        """The actor was told to look for pending effects."""
        await self._outbox.pick_up()
