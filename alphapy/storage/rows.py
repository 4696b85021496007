"""Rows that are written many at a time, for whoever made them, in one statement for each kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence

    from alphapy.storage.transaction import Transaction


class StoredRow(Protocol):
    """A row with absolute figures: writing it again changes nothing. Its class is its kind."""

    @property
    def key(self) -> Hashable:
        """What it is the row of, within its kind; keys of a kind can be ordered."""
        ...

    @classmethod
    async def write(cls, tx: Transaction, rows: Sequence[Any]) -> None:
        """Store rows of this kind, of different keys, in the order given."""
        ...


async def write_rows(tx: Transaction, rows: Iterable[StoredRow]) -> None:
    """Store rows of any kinds; each kind in the order of its keys, so that no two writers deadlock."""
    kinds: dict[type[StoredRow], list[StoredRow]] = {}
    for row in rows:
        kinds.setdefault(type(row), []).append(row)
    for kind in sorted(kinds, key=lambda kind: kind.__name__):
        await kind.write(tx, sorted(kinds[kind], key=_key))


def _key(row: StoredRow) -> Any:
    return row.key
