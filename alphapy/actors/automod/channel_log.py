"""Telling the log channel of violations: coalesced, and in a flood as a summary (spec/moderation.md 5.6).

What is not told yet stands in the log itself (``_meta.logged``), so that a restart forgets nothing. Telling
waits a second for more to come, and for the actions to be carried out; while more comes than can be shown one
by one, it waits longer and longer, so that a raid of hundreds makes a handful of messages.
"""

from __future__ import annotations

from collections import deque
from datetime import timedelta
from typing import TYPE_CHECKING

from alphapy.actors.automod.messages import Report
from alphapy.actors.automod.planning import ACT_WITHIN
from alphapy.actors.automod.reporting import ONE_BY_ONE, Reporter
from alphapy.actors.effects import verbs
from alphapy.pure.ids import ChannelId, GuildId
from alphapy.storage import automod as storage

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from alphapy.actors.journal import Journal
    from alphapy.actors.kernel.actor import Context
    from alphapy.actors.settings.snapshot import SettingsReader
    from alphapy.pure.clock import Clock
    from alphapy.storage.automod import Logged
    from alphapy.storage.effects import Draft
    from alphapy.storage.transaction import Transaction

FIRST_WAIT, LONGEST_WAIT = 1.0, 15.0
"""Seconds in which violations are gathered, ordinarily and in a flood."""

ACTED_WITHIN = timedelta(seconds=5)
"""How long telling waits for a violation's actions to be carried out."""

FORGOTTEN_AFTER = timedelta(minutes=10)
"""Age from which a violation is not told any more."""

AT_ONCE = 1000
"""Violations of one summary."""


class ChannelLog:
    """See the module; :meth:`report` runs in the actor, whenever it is told :class:`Report`."""

    def __init__(self, context: Context, clock: Clock, settings: SettingsReader) -> None:
        guild_id = context.address.guild_id
        assert guild_id is not None, "the address pattern says guild"  # noqa: S101
        self._guild_id: GuildId = guild_id
        self._context = context
        self._clock = clock
        self._settings = settings
        self._reporter = Reporter(guild_id, lambda log_id: f"am:undo:{log_id}")
        self._unrecorded: deque[Logged] = deque(maxlen=AT_ONCE)
        self._wait = FIRST_WAIT
        self._due = False

    def add(self, rows: Iterable[Logged] = ()) -> None:
        """There are new violations; ``rows`` those that are in no table."""
        self._unrecorded.extend(rows)
        self.wake()

    def wake(self) -> None:
        """Something may have to be told: soon."""
        if not self._due:
            self._due = True
            self._context.tell_after(self._wait, Report())

    async def report(self, journal: Journal) -> None:
        """Tell what is to be told."""
        self._due = False
        told = waiting = 0
        unrecorded = list(self._unrecorded)

        async def tell(tx: Transaction) -> Sequence[Draft]:
            nonlocal told, waiting
            since = self._clock.now() - FORGOTTEN_AFTER
            rows = await storage.unlogged(tx, self._guild_id, since=since, limit=AT_ONCE)
            ready = [row for row in rows if len(rows) > ONE_BY_ONE or self._is_ready(row)]
            told, waiting = len(ready) + len(unrecorded), len(rows) - len(ready)
            await storage.mark_logged(tx, self._guild_id, [row.id for row in ready])
            return self._drafts([*ready, *unrecorded])

        await journal.commit((), also=tell)
        for _ in unrecorded:
            self._unrecorded.popleft()
        self._wait = min(self._wait * 2, LONGEST_WAIT) if told > ONE_BY_ONE else FIRST_WAIT
        if waiting:
            self.wake()

    def _is_ready(self, row: Logged) -> bool:
        return "pending" not in row.steps.values() or self._clock.now() - row.at >= ACTED_WITHIN

    def _drafts(self, rows: Sequence[Logged]) -> list[Draft]:
        snapshot = self._settings.snapshot(self._guild_id)
        channel_id = snapshot.snowflake("automod", "log_channel_id")
        if not rows or channel_id is None or not snapshot.value("automod", "log_actions"):
            return []
        deadline = self._clock.now() + ACT_WITHIN
        names = [str(row.id or row.event_key) for row in rows]
        return [
            verbs.send(
                f"log:{names[0]}:{names[-1]}:{number}",
                ChannelId(channel_id),
                message,
                deadline_at=deadline,
                about={"step": "log", "keys": []},
            )
            for number, message in enumerate(self._reporter.messages(rows))
        ]
