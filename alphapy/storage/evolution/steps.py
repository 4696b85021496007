"""The words in which revisions speak: each does only what is missing, and never loses rows silently.

A revision that misses a table of an earlier one does without: 028 creates whatever is not there, so that
wrongly stamped databases converge as well.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, cast

import attrs
from alembic import op

from alphapy.storage.catalog.notation import bare, without
from alphapy.storage.evolution import ddl
from alphapy.storage.evolution.columns import add_column, filler
from alphapy.storage.evolution.ddl import quoted
from alphapy.storage.evolution.errors import MigrationError, Refused
from alphapy.storage.evolution.frozen import TABLES
from alphapy.storage.evolution.notes import Note

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import psycopg

    from alphapy.storage.catalog.model import Column, Table

_COLUMNS = """
    SELECT c.relname, array_agg(a.attname::text)
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
    GROUP BY c.relname
"""


def steps() -> Steps:
    """The steps of the revision that Alembic is running."""
    options = op.get_context().opts
    connection = cast("psycopg.Connection[Any]", op.get_bind().connection.driver_connection)
    guild: int | None = options.get("legacy_guild")
    return Steps(
        connection,
        legacy_guild=legacy_guild(os.environ) if guild is None else guild,
        allow_data_loss=bool(options.get("allow_data_loss", False)),
        renumber_duplicates=bool(options.get("renumber_duplicates", False)),
        notes=options.get("notes"),
    )


def legacy_guild(environment: Mapping[str, str]) -> int:
    """The guild that a single-guild database belongs to: LEGACY_GUILD_ID, else MAIN_GUILD_ID, else 0."""
    text = environment.get("LEGACY_GUILD_ID") or environment.get("MAIN_GUILD_ID") or "0"
    if not text.isascii() or not text.isdigit() or int(text) >= 2**63:
        raise MigrationError(f"LEGACY_GUILD_ID (or MAIN_GUILD_ID) must be a guild's id, not {text!r}.")
    return int(text)


class Steps:
    """One revision's work on the live database, inside its transaction."""

    def __init__(
        self,
        connection: psycopg.Connection[Any],
        *,
        legacy_guild: int,
        allow_data_loss: bool = False,
        renumber_duplicates: bool = False,
        notes: list[Note] | None = None,
    ) -> None:
        self.connection = connection
        self.legacy_guild = legacy_guild
        self.renumber_duplicates = renumber_duplicates
        self._allow_data_loss = allow_data_loss
        self._notes = notes
        self._columns: dict[str, set[str]] = {
            name: set(found) for name, found in connection.execute(_COLUMNS)
        }

    def has(self, table: str, column: str | None = None) -> bool:
        """Whether the table, or this column of it, is there."""
        return table in self._columns and (column is None or column in self._columns[table])

    def execute(self, statement: str, parameters: tuple[object, ...] = ()) -> int:
        """Run a statement; returns the number of rows it touched."""
        return self.connection.execute(statement.encode(), parameters or None).rowcount

    def note(self, note: Note) -> None:
        """Tell whoever reports on the migration what happened to rows."""
        if self._notes is not None:
            self._notes.append(note)

    def note_filled(self, table: str, name: str, column: Column, count: int) -> None:
        """Tell that rows without a value got the one that stands for "unknown"."""
        if count:
            value = filler(table, name, column, self.legacy_guild)
            self.note(Note(table=table, columns=(name,), text=f"{name} of {count:,} rows: none → {value}"))

    # Upgrades.

    def create(self, *names: str, without_columns: Iterable[str] = ()) -> None:
        """Create tables of the frozen schema where they are missing, without their indexes."""
        for name in names:
            self.create_table(without(TABLES[name], without_columns))

    def create_table(self, table: Table) -> None:
        """Create a table where it is missing, without its indexes."""
        if not self.has(table.name):
            self.execute(ddl.create_table(table))
            self._columns[table.name] = set(table.columns)

    def add_columns(self, table: Table, *names: str) -> None:
        """Add columns of a table where the table has none of that name."""
        for name in names:
            if self.has(table.name) and not self.has(table.name, name):
                column = table.columns[name]
                filled = add_column(self.connection, table.name, name, column, legacy_guild=self.legacy_guild)
                self.note_filled(table.name, name, column, filled)
                self._columns[table.name].add(name)

    def rename_column(self, table: str, old: str, new: str) -> None:
        """Rename a column that is there to a name that is free."""
        self.execute(f"ALTER TABLE {quoted(table)} RENAME COLUMN {quoted(old)} TO {quoted(new)}")
        self._columns[table] = self._columns[table] - {old} | {new}
        self.note(Note(table=table, renamed=(old, new), text=f"{old} is called {new} now"))

    def create_indexes(self, *names: str) -> None:
        """Create indexes of the frozen schema, adding first the columns they need (5.2, pre-flight)."""
        for table in TABLES.values():
            wanted = [index for index in table.indexes if index.name in names]
            self._create_indexes(attrs.evolve(table, indexes=tuple(wanted)))

    def extend(self, tables: Mapping[str, Table]) -> None:
        """Give tables what they lack of the description, or create them: columns, checks, indexes."""
        for table in tables.values():
            self.create_table(table)
            self.add_columns(table, *table.columns)
            for name, predicate in table.checks.items():
                self.execute(f"ALTER TABLE {quoted(table.name)} DROP CONSTRAINT IF EXISTS {quoted(name)}")
                self.execute(f"ALTER TABLE {quoted(table.name)} ADD {ddl.check(name, predicate)}")
            self._create_indexes(table)

    def _create_indexes(self, table: Table) -> None:
        for index in table.indexes:
            if self.has(table.name):
                self.add_columns(table, *bare(index))
                self.execute(ddl.create_index(table.name, index))

    # Downgrades.

    def drop_tables(self, *names: str) -> None:
        """Drop tables in this order; refused when one holds rows."""
        for name in names:
            if self.has(name):
                self._guard(name, f"table {name} holds rows", "")
                self.execute(f"DROP TABLE {quoted(name)}")
                del self._columns[name]

    def drop_columns(self, table: str, *names: str) -> None:
        """Drop columns; refused when one holds a value."""
        for name in names:
            if self.has(table, name):
                self._guard(table, f"column {table}.{name} holds values", f"WHERE {quoted(name)} IS NOT NULL")
                self.execute(f"ALTER TABLE {quoted(table)} DROP COLUMN {quoted(name)}")
                self._columns[table].remove(name)

    def drop_indexes(self, *names: str) -> None:
        """Drop indexes."""
        for name in names:
            self.execute(f"DROP INDEX IF EXISTS {quoted(name)}")

    def retract(self, tables: Mapping[str, Table]) -> None:
        """Take back what :meth:`extend` gave to tables that were there before."""
        for table in tables.values():
            self.drop_indexes(*(index.name for index in table.indexes))
            for name in table.checks:
                self.execute(
                    f"ALTER TABLE IF EXISTS {quoted(table.name)} DROP CONSTRAINT IF EXISTS {quoted(name)}"
                )
            self.drop_columns(table.name, *table.columns)

    def _guard(self, table: str, complaint: str, condition: str) -> None:
        if self._allow_data_loss:
            return
        self.execute(f"LOCK TABLE {quoted(table)} IN ACCESS EXCLUSIVE MODE")
        query = f"SELECT EXISTS (SELECT FROM {quoted(table)} {condition})"  # noqa: S608 - quoted, from revisions
        row = self.connection.execute(query.encode()).fetchone()
        if row is not None and row[0]:
            raise Refused(f"Refused: {complaint}, which would be lost. To lose it: --allow-data-loss.")
