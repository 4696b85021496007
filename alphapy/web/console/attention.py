"""What an operator should look at, worst first: rules over the statistics. Pure."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final

import attrs

from alphapy.actors.kernel.health import ActorState
from alphapy.gateway.shard import ShardState
from alphapy.web.console import words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from alphapy.web.console.view import Moment

SLOW: Final = 10.0
"""Seconds after which a message that still waits is worth a look."""

NEARLY_SPENT: Final = 0.8
"""The share of the budget, or of Discord's patience, from which on it is worth a look."""

INVALID_LIMIT: Final = 10_000
"""401, 403 and 429 in ten minutes after which Discord bans (https://docs.discord.com/developers/topics/rate-limits)."""


class Level(enum.Enum):
    """How bad it is."""

    BAD = "bad"
    WARN = "warn"


@attrs.frozen
class Notice:
    """One thing to look at."""

    level: Level
    text: str


def notices(moment: Moment) -> tuple[Notice, ...]:
    """Everything to look at."""
    found = [*_service(moment), *_gateway(moment), *_actors(moment), *_queues(moment)]
    return tuple(sorted(found, key=lambda notice: notice.level is not Level.BAD))


def _service(moment: Moment) -> Iterator[Notice]:
    if moment.is_stopping:
        yield Notice(Level.WARN, "The service is stopping.")
    if not moment.database.is_up:
        what = moment.database.status.removeprefix("error:")
        yield Notice(Level.BAD, f"The database does not answer ({what}). Work is kept and waits for it.")
    elif not moment.database.schema_current:
        yield Notice(
            Level.BAD, "The database's schema is not the one this version needs. Run alphapy db status."
        )
    if not moment.settings_loaded:
        yield Notice(Level.WARN, "The settings are not loaded yet.")
    pool = moment.pool
    if pool.waiting or any(component.waiting for component in pool.components):
        waiting = max(pool.waiting, sum(component.waiting for component in pool.components))
        yield Notice(
            Level.WARN, f"{words.counted(waiting, 'task waits', 'tasks wait')} for a database connection."
        )


def _gateway(moment: Moment) -> Iterator[Notice]:
    if not moment.shards:
        yield Notice(Level.WARN, "No shard is connected yet.")
    for shard in moment.shards:
        if shard.state not in {ShardState.READY, ShardState.DRAINING}:
            ending = f"; the last connection ended: {shard.last_ending}" if shard.last_ending else ""
            since = words.span(shard.in_state)
            yield Notice(
                Level.BAD, f"Shard {shard.shard_id} has been {shard.state.value} for {since}{ending}."
            )
    if moment.shards and moment.guilds_arriving:
        yield Notice(Level.WARN, "Guilds are still arriving from Discord.")
    yield from _backfill(moment)


def _backfill(moment: Moment) -> Iterator[Notice]:
    backfill = moment.backfill
    if backfill.waiting or backfill.reading:
        guilds = words.counted(backfill.waiting + backfill.reading, "guild reads", "guilds read")
        yield Notice(Level.WARN, f"{guilds} back what Discord did not send between two sessions.")
    if backfill.overdue:
        guilds = words.counted(backfill.overdue, "guild went", "guilds went")
        yield Notice(
            Level.WARN, f"{guilds} live before everything that was missed could be read back; see the log."
        )
    incomplete = backfill.failed + backfill.cut
    if incomplete:
        channels = words.counted(incomplete, "channel was", "channels were")
        yield Notice(Level.WARN, f"{channels} not read back to the end after a lost session; see the log.")


def _actors(moment: Moment) -> Iterator[Notice]:
    for kind in moment.survey.kinds:
        if kind.failed_actors:
            who = words.counted(kind.failed_actors, "actor has", "actors have")
            yield Notice(Level.BAD, f"{who} failed in {kind.pattern}, to be tried again later.")
        if kind.oldest_seconds >= SLOW:
            yield Notice(
                Level.WARN, f"A message to {kind.pattern} has waited for {words.span(kind.oldest_seconds)}."
            )
    for health in moment.survey.worst:
        if health.state is ActorState.FAILED:
            why = f": {health.last_error}" if health.last_error else "."
            waiting = words.counted(health.events, "event waits", "events wait")
            yield Notice(Level.BAD, f"{health.address} has failed, and {waiting} for it{why}")
        if health.state is ActorState.BACKING_OFF:
            why = f": {health.last_error}" if health.last_error else "."
            yield Notice(Level.WARN, f"{health.address} is backing off{why}")
        if health.busy_seconds >= SLOW:
            yield Notice(
                Level.WARN,
                f"{health.address} has worked on one message for {words.span(health.busy_seconds)}.",
            )


def _queues(moment: Moment) -> Iterator[Notice]:
    budget, rest = moment.budget, moment.rest.limiter
    if budget.waiting:
        yield Notice(Level.BAD, "Shards have stopped reading: the budget of queued events is spent.")
    elif budget.used >= NEARLY_SPENT * budget.limit:
        yield Notice(
            Level.WARN, f"{words.number(budget.used)} of {words.number(budget.limit)} events are queued."
        )
    if rest.globally_blocked_for > 0:
        yield Notice(
            Level.WARN, f"Discord's global limit blocks calls for {words.span(rest.globally_blocked_for)}."
        )
    if rest.invalid >= INVALID_LIMIT * NEARLY_SPENT / 4:
        yield Notice(
            Level.WARN,
            f"{words.number(rest.invalid)} calls were refused in ten minutes; Discord bans at "
            f"{words.number(INVALID_LIMIT)}.",
        )
    yield from _letters(moment)


def _letters(moment: Moment) -> Iterable[Notice]:
    letters = moment.letter_statistics
    if letters.lost:
        yield Notice(
            Level.BAD, f"{words.counted(letters.lost, 'dead letter was', 'dead letters were')} lost."
        )
    if letters.waiting:
        waiting = words.counted(letters.waiting, "dead letter waits", "dead letters wait")
        yield Notice(Level.WARN, f"{waiting} to be stored.")
    stored = moment.letters
    if stored is None and letters.parked:
        what = words.counted(letters.parked, "message has", "messages have")
        yield Notice(Level.WARN, f"{what} been set aside since the start: see Dead letters.")
    if stored is not None and stored.count:
        what = words.counted(stored.count, "dead letter waits", "dead letters wait")
        yield Notice(Level.WARN, f"{what} for you to replay or discard: see Dead letters.")
    if stored is not None and stored.dropped:
        what = words.counted(stored.dropped, "dead letter has", "dead letters have")
        kept = words.number(stored.kept)
        yield Notice(Level.BAD, f"{what} been dropped: only the newest {kept} are kept.")
