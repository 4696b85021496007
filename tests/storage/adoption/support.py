"""What adoptions are judged by: every row in meaning, and every byte that a dry run must leave alone."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from alphapy.storage import migrate
from alphapy.storage.adoption.adopt import LAST_OF_THE_PREDECESSOR
from alphapy.storage.catalog import live
from tests.storage.schema.support import catalog, run

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PREDECESSORS = tuple(name for name in migrate.revisions() if name <= LAST_OF_THE_PREDECESSOR)

Row = dict[str, Any]


def rows(dsn: str) -> dict[str, list[Row]]:
    """Every row of every table, as PostgreSQL writes it in JSON."""
    found: dict[str, list[Row]] = {}
    with psycopg.connect(dsn) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for name in live.read(connection):
            if name != "alembic_version":
                query = sql.SQL("SELECT to_jsonb(t) FROM {} AS t").format(sql.Identifier(name))
                found[name] = [row[0] for row in connection.execute(query).fetchall()]
    return found


def untouched(dsn: str) -> object:
    """Everything that tells whether anybody wrote: files, places and ages of rows, sequences, the catalog."""
    with psycopg.connect(dsn) as connection:
        physical = {}
        for name in live.read(connection):
            query = sql.SQL("SELECT ctid::text, xmin::text, t::text FROM {} AS t ORDER BY ctid").format(
                sql.Identifier(name)
            )
            physical[name] = connection.execute(query).fetchall()
        sequences = {}
        for (name,) in connection.execute("SELECT sequencename FROM pg_sequences ORDER BY 1").fetchall():
            query = sql.SQL("SELECT last_value, is_called FROM {}").format(sql.Identifier(name))
            sequences[name] = connection.execute(query).fetchall()
    files = run(
        dsn,
        "SELECT relname, relfilenode FROM pg_class"
        " WHERE relnamespace = 'public'::regnamespace ORDER BY relname",
    )
    return catalog(dsn), physical, sequences, files


def same_meaning(
    before: Mapping[str, list[Row]],
    after: Mapping[str, list[Row]],
    meanings: Mapping[str, Callable[[Row], Row]],
) -> None:
    """Every old row is there, once, with every value it had; ``meanings`` says what a row means now.

    A meaning takes an old row and gives the columns that the new row must have; by default all, as they were.
    """
    for table, old in before.items():
        meaning = meanings.get(table, dict)
        expected = [meaning(row) for row in old]
        columns = set(expected[0]) if expected else set()
        found = [{name: row[name] for name in columns} for row in after[table]]
        assert _bag(found) == _bag(expected), table


def _bag(rows: list[Row]) -> Counter[str]:
    return Counter(repr(sorted(row.items())) for row in rows)
