"""What a guild's tracker remembers beside its rows: what came when, and what may still come.

Nothing here decides about counts by itself: those are reckoned from the rows, in the transaction that writes
them. So a book that is lost with its incarnation costs a name or an announcement, never a credit.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from datetime import datetime

    from alphapy.actors.invites.listing import Listing
    from alphapy.gateway.events import InviteCreate, InviteDelete
    from alphapy.pure.invites import Code

KEPT_FOR = 10.0
"""Seconds for which a code that is gone may still explain a join (spec/engagement.md 5.6), and for which a
use waits for the news of who has joined."""

MOST_NAMES = 2_000


@attrs.frozen
class _Gone:
    at: float
    is_told: bool
    """Discord told that it was deleted or used up; codes that expire are gone without a word."""


@attrs.frozen
class _Waiting:
    uses: int
    since: float


@attrs.frozen(kw_only=True)
class Overdue:
    """What has waited long enough: uses that count now, and codes to be forgotten."""

    uses: Mapping[str, int]
    gone: frozenset[str]

    def __bool__(self) -> bool:
        return bool(self.uses or self.gone)


class Book:
    """See the module. ``now`` is Trio's time in seconds, ``today`` the calendar's."""

    def __init__(self, kept_for: float = KEPT_FOR) -> None:
        self._kept_for = kept_for
        self._ends: dict[str, datetime | None] = {}
        self._created: dict[str, float] = {}
        self._gone: dict[str, _Gone] = {}
        self._waiting: dict[str, _Waiting] = {}
        self._names: dict[int, str] = {}

    @property
    def is_open(self) -> bool:
        """Whether something waits."""
        return bool(self._gone or self._waiting)

    def name(self, user_id: int) -> str:
        """What somebody is called; their id where nobody knows."""
        return self._names.get(user_id, f"User {user_id}")

    def create(self, event: InviteCreate, now: float) -> None:
        """There is a new invite."""
        self._created[event.code] = now
        self._gone.pop(event.code, None)
        if event.created_at is not None:
            self._ends[event.code] = (
                event.created_at + timedelta(seconds=event.max_age) if event.max_age > 0 else None
            )
        if event.inviter is not None:
            self._learn({event.inviter.id: event.inviter.display_name})

    def delete(self, event: InviteDelete, now: float) -> None:
        """An invite was deleted, or used up."""
        self._gone.setdefault(event.code, _Gone(now, is_told=True))

    def waiting(self) -> dict[str, int]:
        """Codes with more uses than people have joined, with the uses that Discord listed."""
        return {name: one.uses for name, one in self._waiting.items()}

    def candidates(self, known: Mapping[str, Code], listing: Listing, today: datetime) -> tuple[str, ...]:
        """Codes that are not listed any more and may have been used up, the likeliest first.

        When a code of the rows expires is not stored, and known only of those that were listed to this
        incarnation; the others come last.
        """
        found = [name for name in self._missing(known, listing) if known[name].left > 0]
        alive = [name for name in found if (end := self._ends.get(name)) is None or today < end]
        return tuple(sorted(alive, key=self._rank))

    def _rank(self, name: str) -> int:
        gone = self._gone.get(name)
        if gone is not None and gone.is_told:
            return 0
        return 1 if name in self._ends else 2

    def _missing(self, known: Mapping[str, Code], listing: Listing) -> list[str]:
        """Known codes that the list lacks, but for those that are younger than the list."""
        return [
            name
            for name in known
            if name not in listing.codes and self._created.get(name, listing.asked_at) <= listing.asked_at
        ]

    def take(
        self, codes: Mapping[str, Code], waiting: Mapping[str, int], listing: Listing | None, now: float
    ) -> None:
        """What was written: these codes are known now, and these uses wait."""
        self._waiting = {
            name: _Waiting(uses, before.since if (before := self._waiting.get(name)) is not None else now)
            for name, uses in waiting.items()
        }
        if listing is not None:
            for name in self._missing(codes, listing):
                self._gone.setdefault(name, _Gone(now, is_told=False))
            for name in listing.codes:
                if (gone := self._gone.get(name)) is not None and gone.at < listing.asked_at:
                    del self._gone[name]
            self._ends |= listing.ends
            self._learn(listing.names)
        self._gone = {name: gone for name, gone in self._gone.items() if name in codes}
        self._ends = {name: end for name, end in self._ends.items() if name in codes}
        self._created = {
            name: at for name, at in self._created.items() if name in codes and now - at < 10 * self._kept_for
        }

    def overdue(self, now: float) -> Overdue:
        """What has waited long enough."""
        return Overdue(
            uses={name: one.uses for name, one in self._waiting.items() if now - one.since >= self._kept_for},
            gone=frozenset(name for name, one in self._gone.items() if now - one.at >= self._kept_for),
        )

    def _learn(self, names: Mapping[int, str]) -> None:
        self._names |= names
        for user_id in list(self._names)[: max(0, len(self._names) - MOST_NAMES)]:
            del self._names[user_id]
