"""Add columns to tables that hold rows, without inventing what the rows never said.

A constant default is given to the older rows too. A default that is a moment (``now()``) is not: they get
NULL or, where NULL is refused, the epoch, which stands for "unknown" (spec/schema.md 5.2 and 11).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alphapy.storage.catalog.model import SERIAL
from alphapy.storage.evolution.ddl import column_definition, quoted

if TYPE_CHECKING:
    import psycopg

    from alphapy.storage.catalog.model import Column

_MOMENTS = frozenset({"now()", "CURRENT_DATE"})
_UNKNOWN = {
    "bigint": "0",
    "integer": "0",
    "double precision": "0",
    "boolean": "false",
    "text": "''",
    "jsonb": "'null'",
    "date": "'1970-01-01'",
    "timestamp with time zone": "'1970-01-01 00:00:00+00'",
    "timestamp without time zone": "'1970-01-01 00:00:00'",
}
_OF_UNKNOWN_GUILD = "gdpr_acceptance"


def add_column(
    connection: psycopg.Connection[Any], table: str, name: str, column: Column, *, legacy_guild: int
) -> int:
    """Add a column that the table does not have; how many rows got the value for "unknown"."""
    if column.default == SERIAL:
        _run(connection, f"ALTER TABLE {quoted(table)} ADD COLUMN {column_definition(name, column)}")
        return 0
    constant = column.default is not None and column.default not in _MOMENTS
    first = f" DEFAULT {column.default}" if constant else ""
    _run(connection, f"ALTER TABLE {quoted(table)} ADD COLUMN {quoted(name)} {column.type}{first}")
    if column.default is not None and not constant:
        _run(
            connection,
            f"ALTER TABLE {quoted(table)} ALTER COLUMN {quoted(name)} SET DEFAULT {column.default}",
        )
    if not column.required:
        return 0
    return require(connection, table, name, column, legacy_guild=legacy_guild)


def require(
    connection: psycopg.Connection[Any], table: str, name: str, column: Column, *, legacy_guild: int
) -> int:
    """Make a column refuse NULL; rows that have NULL get the value for "unknown". Returns how many had."""
    value = filler(table, name, column, legacy_guild)
    filled = 0
    if value is not None:
        target = quoted(name)
        filled = _run(connection, f"UPDATE {quoted(table)} SET {target} = {value} WHERE {target} IS NULL")  # noqa: S608 - quoted
    _run(connection, f"ALTER TABLE {quoted(table)} ALTER COLUMN {quoted(name)} SET NOT NULL")
    return filled


def filler(table: str, name: str, column: Column, legacy_guild: int) -> str | None:
    """What stands for "unknown" in a column that refuses NULL, as SQL; None where nothing can."""
    if name == "guild_id":
        return "0" if table == _OF_UNKNOWN_GUILD else str(legacy_guild)
    if column.default is not None and column.default not in _MOMENTS:
        return column.default
    return _UNKNOWN.get(column.type)


def _run(connection: psycopg.Connection[Any], statement: str) -> int:
    return connection.execute(statement.encode()).rowcount
