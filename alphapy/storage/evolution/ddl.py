"""Statements that build what a table's description says; every identifier is quoted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alphapy.storage.catalog.model import SERIAL

if TYPE_CHECKING:
    from collections.abc import Iterable

    from alphapy.storage.catalog.model import Column, ForeignKey, Index, Key, Table

_SERIAL_TYPES = {"integer": "serial", "bigint": "bigserial"}


def quoted(name: str) -> str:
    """An identifier, safe in a statement."""
    return '"' + name.replace('"', '""') + '"'


def listed(names: Iterable[str]) -> str:
    """Identifiers between parentheses; a name may be followed by DESC."""
    return "(" + ", ".join(_ordered(name) for name in names) + ")"


def _ordered(name: str) -> str:
    return f"{quoted(name.removesuffix(' DESC'))} DESC" if name.endswith(" DESC") else quoted(name)


def create_table(table: Table) -> str:
    """The table with its keys and checks; its indexes come by :func:`create_index`."""
    parts = [column_definition(name, column) for name, column in table.columns.items()]
    if table.primary_key is not None:
        parts.append(primary_key(table.primary_key))
    parts += [unique(key) for key in table.uniques]
    parts += [foreign_key(key) for key in table.foreign_keys]
    parts += [check(name, predicate) for name, predicate in table.checks.items()]
    statement = f"CREATE TABLE IF NOT EXISTS {quoted(table.name)} (" + ", ".join(parts) + ")"
    return f"{statement}; {enable_row_security(table.name)}" if table.row_security else statement


def column_definition(name: str, column: Column) -> str:
    """A column as CREATE TABLE and ADD COLUMN write it."""
    if column.default == SERIAL:
        return f"{quoted(name)} {_SERIAL_TYPES[column.type]} NOT NULL"
    default = "" if column.default is None else f" DEFAULT {column.default}"
    return f"{quoted(name)} {column.type}{default}{' NOT NULL' if column.required else ''}"


def primary_key(key: Key) -> str:
    """A primary key with its name."""
    return f"CONSTRAINT {quoted(key.name)} PRIMARY KEY {listed(key.columns)}"


def unique(key: Key) -> str:
    """A unique constraint with its name."""
    return f"CONSTRAINT {quoted(key.name)} UNIQUE {listed(key.columns)}"


def foreign_key(key: ForeignKey) -> str:
    """A reference with its name and its delete rule."""
    return (
        f"CONSTRAINT {quoted(key.name)} FOREIGN KEY {listed(key.columns)}"
        f" REFERENCES {quoted(key.target)} {listed(key.target_columns)} ON DELETE {key.on_delete}"
    )


def check(name: str, predicate: str) -> str:
    """A check with its name."""
    return f"CONSTRAINT {quoted(name)} CHECK ({predicate})"


def create_index(table: str, index: Index) -> str:
    """One index."""
    where = "" if index.where is None else f" WHERE {index.where}"
    return (
        f"CREATE {'UNIQUE ' if index.unique else ''}INDEX IF NOT EXISTS {quoted(index.name)}"
        f" ON {quoted(table)} {listed(index.columns)}{where}"
    )


def enable_row_security(table: str) -> str:
    """Row-level security without forcing it on the owner."""
    return f"ALTER TABLE {quoted(table)} ENABLE ROW LEVEL SECURITY"
