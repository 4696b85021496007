"""Converge the keys of one table: primary key, unique constraints, references."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alphapy.storage.evolution import ddl
from alphapy.storage.evolution.ddl import listed, quoted
from alphapy.storage.evolution.duplicates import renumber
from alphapy.storage.evolution.errors import Refused, shown
from alphapy.storage.evolution.frozen import TABLES
from alphapy.storage.evolution.notes import Note

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from alphapy.storage.catalog.model import ForeignKey, Index, Key, Table
    from alphapy.storage.evolution.steps import Steps


_TWO_COLUMNS = frozenset({"id", "guild_id"})
"""The key that a one-time conversion to many guilds gave reminders and tickets."""


def converge_all(steps: Steps, found: Mapping[str, Table]) -> None:
    """Make the keys of every table what the schema says; refused with all that rows contradict.

    A table whose keys are refused leaves out those that refer to it, so that the list is of causes only.
    """
    refused: dict[str, str] = {}
    for table in TABLES.values():
        if not refused.keys() & {key.target for key in table.foreign_keys}:
            try:
                _converge(steps, table, found[table.name])
            except Refused as refusal:
                refused[table.name] = str(refusal)
    if refused:
        raise Refused("\n".join(refused.values()))


def _converge(steps: Steps, table: Table, found: Table) -> None:
    _primary_key(steps, table, found)
    for name in _narrower(table, found):
        steps.execute(f"ALTER TABLE {quoted(table.name)} DROP CONSTRAINT IF EXISTS {quoted(name)}")
        steps.drop_indexes(name)
    for key in table.uniques:
        _unique(steps, table.name, key, found)
    for reference in table.foreign_keys:
        _reference(steps, table, reference, found)


def _primary_key(steps: Steps, table: Table, found: Table) -> None:
    wanted = table.primary_key
    if wanted is None or found.primary_key == wanted:
        return
    if found.primary_key is not None:
        if found.primary_key.columns == wanted.columns:
            _rename(steps, table.name, found.primary_key.name, wanted.name)
            return
        if steps.renumber_duplicates and set(found.primary_key.columns) == _TWO_COLUMNS:
            renumber(steps, table.name)
        _refuse_duplicates(steps, table, wanted, found.primary_key)
        steps.execute(f"ALTER TABLE {quoted(table.name)} DROP CONSTRAINT {quoted(found.primary_key.name)}")
    else:
        _refuse_duplicates(steps, table, wanted)
    steps.execute(f"ALTER TABLE {quoted(table.name)} ADD {ddl.primary_key(wanted)}")
    for name in set(found.primary_key.columns if found.primary_key else ()) - set(wanted.columns):
        if name not in table.columns or not table.columns[name].required:
            steps.execute(f"ALTER TABLE {quoted(table.name)} ALTER COLUMN {quoted(name)} DROP NOT NULL")


def _narrower(table: Table, found: Table) -> Iterator[str]:
    """Unique keys that forbid what the schema's keys with a guild permit: left from single-guild days."""
    wanted = [set(key.columns) for key in _keys(table) if "guild_id" in key.columns]
    asked = {key.columns for key in _keys(table)} | {
        index.columns for index in table.indexes if _is_key(index)
    }
    present = [(key.name, key.columns) for key in found.uniques]
    present += [(index.name, index.columns) for index in found.indexes if _is_key(index)]
    for name, columns in present:
        if columns not in asked and "guild_id" not in columns and any(set(columns) < key for key in wanted):
            yield name


def _is_key(index: Index) -> bool:
    return index.unique and index.where is None


def _keys(table: Table) -> tuple[Key, ...]:
    return table.uniques if table.primary_key is None else (table.primary_key, *table.uniques)


def _unique(steps: Steps, table: str, wanted: Key, found: Table) -> None:
    if wanted in found.uniques:
        return
    same = next((key for key in found.uniques if key.columns == wanted.columns), None)
    if same is not None:
        _rename(steps, table, same.name, wanted.name)
        return
    _refuse_duplicates(steps, found, wanted)
    steps.execute(f"ALTER TABLE {quoted(table)} DROP CONSTRAINT IF EXISTS {quoted(wanted.name)}")
    steps.drop_indexes(wanted.name)
    steps.execute(f"ALTER TABLE {quoted(table)} ADD {ddl.unique(wanted)}")


def _rename(steps: Steps, table: str, old: str, new: str) -> None:
    steps.execute(f"ALTER TABLE {quoted(table)} RENAME CONSTRAINT {quoted(old)} TO {quoted(new)}")


def _refuse_duplicates(steps: Steps, table: Table, key: Key, found_key: Key | None = None) -> None:
    columns = ", ".join(quoted(name) for name in key.columns)
    present = " AND ".join(f"{quoted(name)} IS NOT NULL" for name in key.columns)
    guilds = "array_agg(guild_id ORDER BY guild_id)" if steps.has(table.name, "guild_id") else "NULL"
    rows = steps.connection.execute(
        f"SELECT {guilds}, {columns} FROM {quoted(table.name)}"  # noqa: S608 - quoted names of the frozen schema
        f" WHERE {present} GROUP BY {columns} HAVING count(*) > 1 ORDER BY {columns}".encode()
    ).fetchall()
    if rows:
        said = shown(f"{row[1:]}{f' in guilds {shown(row[0])}' if row[0] else ''}" for row in rows)
        way_out = " Or have later rows numbered anew: `alphapy db adopt --renumber-duplicates`."
        has_way_out = found_key is not None and set(found_key.columns) == _TWO_COLUMNS
        raise Refused(
            f"Refused: {table.name} shall have one row for each ({', '.join(key.columns)}), but has several"
            f" for: {said}. Decide which to keep, then run the migration again; nothing was changed."
            f"{way_out if has_way_out else ''}"
        )


def _reference(steps: Steps, table: Table, wanted: ForeignKey, found: Table) -> None:
    if wanted in found.foreign_keys:
        return
    for present in found.foreign_keys:
        if present.columns == wanted.columns or present.name == wanted.name:
            steps.execute(f"ALTER TABLE {quoted(table.name)} DROP CONSTRAINT {quoted(present.name)}")
    _settle_orphans(steps, table, wanted)
    steps.execute(f"ALTER TABLE {quoted(table.name)} ADD {ddl.foreign_key(wanted)}")


def _settle_orphans(steps: Steps, table: Table, wanted: ForeignKey) -> None:
    """Rows that refer to nothing: what the delete rule would have done to them, else a refusal."""
    column = quoted(wanted.columns[0])
    orphaned = (
        f"{column} IS NOT NULL AND NOT EXISTS (SELECT FROM {quoted(wanted.target)} AS target"
        f" WHERE target.{listed(wanted.target_columns)[1:-1]} = {quoted(table.name)}.{column})"
    )
    if not table.columns[wanted.columns[0]].required:
        freed = steps.execute(f"UPDATE {quoted(table.name)} SET {column} = NULL WHERE {orphaned}")  # noqa: S608 - as above
        if freed:
            text = (
                f"{wanted.columns[0]} of {freed:,} rows named a row of {wanted.target} that is gone: → none"
            )
            steps.note(Note(table=table.name, columns=wanted.columns, text=text))
        return
    rows = steps.connection.execute(
        f"SELECT DISTINCT {column} FROM {quoted(table.name)} WHERE {orphaned}".encode()  # noqa: S608 - as above
    ).fetchall()
    if rows:
        raise Refused(
            f"Refused: rows of {table.name} refer by {wanted.columns[0]} to rows of {wanted.target} that do"
            f" not exist: {shown(row[0] for row in rows)}. Repair them, then run the migration again."
        )
