"""What is written about joins, in one transaction: credits, and what is known of the codes from then on.

It is reckoned from the rows inside the transaction. One that is repeated because nobody knows whether it was
committed finds the rows changed, and credits nothing more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

import attrs

from alphapy.actors.invites.book import Book, Overdue
from alphapy.actors.invites.listing import Listing
from alphapy.pure.clock import Clock
from alphapy.pure.ids import GuildId
from alphapy.pure.invites import Code, Person, Reckoning, reckon, settle
from alphapy.storage import invites as storage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from alphapy.storage.transaction import Transaction


@attrs.frozen(kw_only=True)
class Join:
    """Somebody who has joined; ``key`` names the join, always the same."""

    person: Person
    key: str


@attrs.frozen(kw_only=True)
class Entry:
    """What is to be written.

    ``created``: new codes, of which those that come from a dead letter may be older than what is known.
    ``is_late``: whatever nobody has joined by counts at once; ``counts``: or for nobody.
    """

    overdue: Overdue
    created: tuple[Code, ...] = ()
    created_perhaps: tuple[Code, ...] = ()
    joins: tuple[Join, ...] = ()
    listing: Listing | None = None
    is_late: bool = False
    counts: bool = True


@attrs.frozen(kw_only=True)
class Credited:
    """A join with its inviter, and how many they have invited by now; None where nobody is credited."""

    join: Join
    inviter_id: int | None
    count: int


@attrs.frozen(kw_only=True)
class Written:
    """What has been written."""

    joins: tuple[Credited, ...]
    codes: Mapping[str, Code]
    waiting: Mapping[str, int]


@attrs.frozen
class Ledger:
    """A guild's."""

    _guild_id: GuildId
    _book: Book
    _clock: Clock

    async def write(self, tx: Transaction, entry: Entry) -> Written:
        """Write it down."""
        before = await storage.codes(tx, self._guild_id)
        known = {name: code for name, code in before.items() if name not in entry.overdue.gone}
        known |= {code.code: code for code in entry.created_perhaps if code.code not in known}
        known |= {code.code: code for code in entry.created}
        settled = settle(known, entry.overdue.uses)
        reckoned = self._reckon(settled.codes, entry)
        unannounced = settled.unannounced + (reckoned.unannounced if entry.counts else ())
        joins = await self._credit(tx, entry.joins, reckoned.joins, unannounced)
        await storage.replace_codes(tx, self._guild_id, before, reckoned.codes, now=self._clock.now())
        return Written(joins=joins, codes=reckoned.codes, waiting=reckoned.waiting)

    def _reckon(self, known: Mapping[str, Code], entry: Entry) -> Reckoning:
        waiting = {
            name: uses for name, uses in self._book.waiting().items() if name not in entry.overdue.uses
        }
        if entry.listing is None:
            nobody = (None,) * len(entry.joins)
            return Reckoning(joins=nobody, unannounced=(), codes=known, waiting=waiting)
        return reckon(
            known,
            entry.listing.codes,
            joins=len(entry.joins),
            waiting=waiting,
            gone=self._book.candidates(known, entry.listing, self._clock.now()),
            is_late=entry.is_late,
        )

    async def _credit(
        self,
        tx: Transaction,
        joins: tuple[Join, ...],
        codes: tuple[Code | None, ...],
        unannounced: Iterable[Code],
    ) -> tuple[Credited, ...]:
        """Give the credits; whoever invites themselves gets none (spec/engagement.md 5.6)."""
        inviters = [
            None if code is None or code.inviter_id == join.person.id else code.inviter_id
            for join, code in zip(joins, codes, strict=True)
        ]
        by_joins = Counter(inviter for inviter in inviters if inviter is not None)
        silent = Counter(code.inviter_id for code in unannounced if code.inviter_id is not None)
        counts = await storage.credit(tx, self._guild_id, by_joins + silent)
        found = []
        for join, inviter in zip(joins, inviters, strict=True):
            count = 0
            if inviter is not None:
                by_joins[inviter] -= 1
                count = counts[inviter] - by_joins[inviter]
            found.append(Credited(join=join, inviter_id=inviter, count=count))
        return tuple(found)
