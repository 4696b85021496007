"""What is noted of an actor and not written yet: places in the log, messages, and rows of its tables.

A *row* is opaque here: a value that says what it is the row of. It holds absolute figures, so that writing it
again changes nothing, and a newer row of the same kind and key takes the place of an older one.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Protocol

import attrs

from alphapy.actors.kernel.address import Address
from alphapy.pure.seen import Seen

if TYPE_CHECKING:
    from collections.abc import Iterable


class Placed(Protocol):
    """Something with a place in the log; ``seq`` 0 for what has none and never comes again by itself."""

    @property
    def shard_id(self) -> int:
        """Whose session it is."""
        ...

    @property
    def session_id(self) -> str:
        """Which session."""
        ...

    @property
    def seq(self) -> int:
        """Its number in the session, from 1."""
        ...


class Told(Placed, Protocol):
    """An event as an actor gets it."""

    @property
    def key(self) -> int:
        """The id of the message, where a back-fill may bring the same again; else 0."""
        ...

    @property
    def closes(self) -> str:
        """The back-fill of which this is the last message; else empty."""
        ...


class Row(Protocol):
    """A row on its way to the database. Its class is its kind."""

    @property
    def key(self) -> Hashable:
        """What it is the row of, within its kind."""
        ...


@attrs.frozen
class Place:
    """A place in the log, and nothing else."""

    shard_id: int
    session_id: str
    seq: int

    @classmethod
    def of(cls, event: Placed) -> Place:
        """The place of an event, without the event."""
        return cls(event.shard_id, event.session_id, event.seq)


@attrs.frozen
class Standing:
    """What the actor at this address has dealt with: up to which event (0: none), and which messages.

    ``rows`` are what it made of them.
    """

    address: Address
    session_id: str
    seq: int
    seen: Seen = attrs.field(factory=Seen)
    rows: tuple[Row, ...] = ()


NOWHERE = Place(0, "", 0)


@attrs.define
class Noted:
    """What is noted of one actor."""

    last: Place = NOWHERE
    seqs: list[int] = attrs.field(factory=list)
    seen: Seen = attrs.field(factory=Seen)
    closes: list[str] = attrs.field(factory=list)
    _rows: dict[type[Row], dict[Hashable, Row]] = attrs.field(factory=dict, init=False)

    def leave_log(self) -> None:
        """Forget the events: their session is over. What was made of them stays."""
        self.last, self.seqs = NOWHERE, []

    def add_rows(self, rows: Iterable[Row]) -> None:
        """Take these, newer than those that are here."""
        kinds = self._rows
        for row in rows:
            kind = type(row)
            if kind not in kinds:
                kinds[kind] = {}
            kinds[kind][row.key] = row

    def row(self, kind: type[Row], key: Hashable) -> Row | None:
        """The row of this kind and key, if one waits."""
        return self._rows.get(kind, {}).get(key)

    def follow(self, newer: Noted) -> None:
        """Add what was noted after this."""
        self.last = newer.last if newer.last.seq else self.last
        self.seqs += newer.seqs
        self.seen = self.seen.merged(newer.seen)
        self.closes += newer.closes
        for rows in newer._rows.values():
            self.add_rows(rows.values())

    def standing(self, address: Address) -> Standing:
        """As a value, to be stored."""
        rows = tuple(row for rows in self._rows.values() for row in rows.values())
        return Standing(address, self.last.session_id, self.last.seq, self.seen, rows)

    @property
    def has_rows(self) -> bool:
        """Whether rows wait."""
        return bool(self._rows)

    @property
    def row_count(self) -> int:
        """How many rows wait."""
        return sum(map(len, self._rows.values()))

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to be written."""
        return not self.seqs and not self.closes and not self._rows and self.seen == Seen()
