"""The short notation in which revisions describe tables, as values of :mod:`alphapy.storage.catalog.model`.

    reminder_images
      reminder_id integer -> reminders(id) on delete cascade
      filename text
      created_at timestamptz* = now()
      primary key (reminder_id)
      unique (guild_id, name)
      index idx_some_name (guild_id, id DESC) where done_at IS NULL
      unique index idx_other_name (user_id)
      check table_column_check severity >= 1
      row security

``*`` is NOT NULL, ``=`` the default. Unnamed constraints get PostgreSQL's default names.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import attrs

from alphapy.storage.catalog.model import (
    SERIAL,
    Column,
    ForeignKey,
    Index,
    Key,
    Table,
    canonical_default,
    canonical_predicate,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

_TYPES = {
    "timestamptz": "timestamp with time zone",
    "timestamp": "timestamp without time zone",
    "time": "time without time zone",
}
_SERIALS = {"serial": "integer", "bigserial": "bigint"}

_COLUMN = re.compile(
    r"(?P<name>\w+) (?P<type>[a-z][a-z ]*(?:\[\])?)(?P<required>\*)?"
    r"(?: -> (?P<target>\w+)\((?P<target_column>\w+)\)(?: on delete (?P<on_delete>[a-z ]+))?)?"
    r"(?: = (?P<default>.+))?"
)
_PRIMARY_KEY = re.compile(r"primary key \((?P<columns>[^)]+)\)")
_UNIQUE = re.compile(r"unique \((?P<columns>[^)]+)\)")
_INDEX = re.compile(
    r"(?P<unique>unique )?index (?P<name>\w+) \((?P<columns>[^)]+)\)(?: where (?P<where>.+))?"
)
_CHECK = re.compile(r"check (?P<name>\w+) (?P<predicate>.+)")


def parse(text: str) -> dict[str, Table]:
    """The described tables by name; raises ValueError with the line that is not understood."""
    tables: dict[str, Table] = {}
    name = ""
    for line in filter(str.strip, text.splitlines()):
        if not line.startswith(" "):
            name = line.strip()
            tables[name] = Table(name=name, columns={})
        else:
            tables[name] = _with(tables[name], " ".join(line.split()))
    return tables


def _with(table: Table, line: str) -> Table:
    if found := _PRIMARY_KEY.fullmatch(line):
        columns = _split(found["columns"])
        required = {name: _required(column, name in columns) for name, column in table.columns.items()}
        return attrs.evolve(table, primary_key=Key(f"{table.name}_pkey", columns), columns=required)
    if found := _UNIQUE.fullmatch(line):
        columns = _split(found["columns"])
        key = Key(f"{table.name}_{'_'.join(columns)}_key", columns)
        return attrs.evolve(table, uniques=(*table.uniques, key))
    if found := _INDEX.fullmatch(line):
        where = canonical_predicate(found["where"])
        index = Index(found["name"], _split(found["columns"]), bool(found["unique"]), where)
        return attrs.evolve(table, indexes=(*table.indexes, index))
    if found := _CHECK.fullmatch(line):
        predicate = canonical_predicate(found["predicate"]) or ""
        return attrs.evolve(table, checks={**table.checks, found["name"]: predicate})
    if line == "row security":
        return attrs.evolve(table, row_security=True)
    if found := _COLUMN.fullmatch(line):
        return _with_column(table, found)
    raise ValueError(f"table {table.name}: not understood: {line}")


def _with_column(table: Table, found: re.Match[str]) -> Table:
    name = found["name"]
    if found["type"] in _SERIALS:
        column = Column(_SERIALS[found["type"]], required=True, default=SERIAL)
        return attrs.evolve(
            table, columns={**table.columns, name: column}, primary_key=Key(f"{table.name}_pkey", (name,))
        )
    kind = _TYPES.get(found["type"], found["type"])
    column = Column(kind, bool(found["required"]), canonical_default(found["default"]))
    table = attrs.evolve(table, columns={**table.columns, name: column})
    if found["target"] is None:
        return table
    key = ForeignKey(
        f"{table.name}_{name}_fkey",
        (name,),
        found["target"],
        (found["target_column"],),
        (found["on_delete"] or "no action").upper(),
    )
    return attrs.evolve(table, foreign_keys=(*table.foreign_keys, key))


def _required(column: Column, in_key: bool) -> Column:
    return attrs.evolve(column, required=column.required or in_key)


def _split(columns: str) -> tuple[str, ...]:
    return tuple(column.strip() for column in columns.split(","))


def without(table: Table, names: Iterable[str]) -> Table:
    """The table as it was before it had these columns; constraints and indexes on them go too."""
    gone = frozenset(names)
    return attrs.evolve(
        table,
        columns={name: column for name, column in table.columns.items() if name not in gone},
        uniques=tuple(key for key in table.uniques if gone.isdisjoint(key.columns)),
        foreign_keys=tuple(key for key in table.foreign_keys if gone.isdisjoint(key.columns)),
        indexes=tuple(index for index in table.indexes if gone.isdisjoint(bare(index))),
    )


def bare(index: Index) -> tuple[str, ...]:
    """The names of an index's columns, without their order."""
    return tuple(column.removesuffix(" DESC") for column in index.columns)
