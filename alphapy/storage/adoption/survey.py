"""Take stock of every table: how many rows, and a digest of each column's values.

Two surveys of one database, before and after a change, tell whether a row was lost or a value changed. A
digest is the sum of its values' hashes, so that it depends on neither the order of the rows nor where they
lie. A value is hashed as the schema will have it: a time stamp that gets a zone, or a number that gets wider,
stays what it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import attrs
from psycopg import sql

from alphapy.storage.catalog import live
from alphapy.storage.catalog.model import Table
from alphapy.storage.evolution.converge import conversion
from alphapy.storage.evolution.frozen import TABLES

if TYPE_CHECKING:
    import psycopg

_STAMP = "alembic_version"

_OF_EXTENSIONS = """
    SELECT c.relname FROM pg_class c
    JOIN pg_depend e ON e.objid = c.oid AND e.classid = 'pg_class'::regclass AND e.deptype = 'e'
    WHERE c.relnamespace = 'public'::regnamespace
"""


@attrs.frozen
class Digest:
    """A column's values: how many are there, and the sum of their hashes."""

    values: int
    total: Decimal | None


@attrs.frozen
class TableSurvey:
    """One table: its description, its rows, its columns' digests."""

    table: Table
    rows: int
    columns: Mapping[str, Digest]


def lock(connection: psycopg.Connection[Any]) -> None:
    """Keep everybody else from all tables until the transaction ends, so that two surveys may be compared."""
    for name in sorted(_tables(connection)):
        connection.execute(
            sql.SQL("LOCK TABLE ONLY {} IN ACCESS EXCLUSIVE MODE").format(sql.Identifier("public", name))
        )


def take(connection: psycopg.Connection[Any]) -> dict[str, TableSurvey]:
    """Survey every table of the database; reads all rows, one table after the other."""
    tables = _tables(connection)
    tables.pop(_STAMP, None)
    return {name: _survey(connection, table) for name, table in sorted(tables.items())}


def _tables(connection: psycopg.Connection[Any]) -> dict[str, Table]:
    """Every table but those that extensions keep for themselves, which may not even be read."""
    theirs = {row[0] for row in connection.execute(_OF_EXTENSIONS).fetchall()}
    return {name: table for name, table in live.read(connection).items() if name not in theirs}


def _survey(connection: psycopg.Connection[Any], table: Table) -> TableSurvey:
    parts: list[sql.Composable] = [sql.SQL("count(*)")]
    for name, column in table.columns.items():
        value = _settled(table.name, name, column.type)
        parts.append(sql.SQL("count({})").format(sql.Identifier(name)))
        parts.append(sql.SQL("sum(hashtextextended(({})::text, 0)::numeric)").format(value))
    query = sql.SQL("SELECT {} FROM ONLY {}").format(
        sql.SQL(", ").join(parts), sql.Identifier("public", table.name)
    )
    row = connection.execute(query).fetchone() or (0,)
    pairs = zip(row[1::2], row[2::2], strict=True)
    digests = {name: Digest(*pair) for name, pair in zip(table.columns, pairs, strict=True)}
    return TableSurvey(table, row[0], digests)


def _settled(table: str, name: str, kind: str) -> sql.Composable:
    """A column's value in the type that the schema gives it."""
    known = TABLES.get(table)
    wanted = kind if known is None or name not in known.columns else known.columns[name].type
    if wanted == kind:
        return sql.Identifier(name)
    return sql.SQL(conversion(name, kind, wanted))  # quoted names, PostgreSQL's types
