"""The one MetaData, and short words for the columns that every area uses.

Constraints without a name of their own get PostgreSQL's default names, because names are part of the contract
(spec/schema.md 2.0). Defaults are written as PostgreSQL prints them, so that the live catalog can be compared
as text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
from sqlalchemy import (
    DDL,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    Time,
    event,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TIMESTAMP

if TYPE_CHECKING:
    from sqlalchemy.schema import SchemaItem
    from sqlalchemy.sql.elements import ColumnElement, TextClause
    from sqlalchemy.types import TypeEngine

METADATA = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "ck": "%(table_name)s_%(constraint_name)s_check",
    }
)

NOW = text("now()")
TODAY = text("CURRENT_DATE")
TRUE = text("true")
FALSE = text("false")
ZERO = text("0")
ONE = text("1")
NO_SNOWFLAKES = text("'{}'::bigint[]")


# The words below take ``key=True`` (part of the primary key), ``required=True`` (NOT NULL) and ``default=``.
def words(value: str) -> TextClause:
    """A text default."""
    return text(f"'{value}'::text")


def serial(name: str = "id") -> Column[Any]:
    """A primary key numbered by a sequence of four bytes."""
    return Column(name, Integer, primary_key=True)


def bigserial(name: str = "id") -> Column[Any]:
    """A primary key numbered by a sequence of eight bytes."""
    return Column(name, BigInteger, primary_key=True)


def _column(
    name: str, kind: TypeEngine[Any], options: dict[str, Any], reference: tuple[ForeignKey, ...] = ()
) -> Column[Any]:
    key = options.pop("key", False)
    return Column(
        name,
        kind,
        *reference,
        primary_key=key,
        autoincrement=False,
        nullable=not (key or options.pop("required", False)),
        server_default=options.pop("default", None),
        **options,
    )


def snowflake(name: str, *reference: ForeignKey, **options: Any) -> Column[Any]:
    """A Discord id, or any other whole number of eight bytes."""
    return _column(name, BigInteger(), options, reference)


def number(name: str, *reference: ForeignKey, **options: Any) -> Column[Any]:
    """A whole number of four bytes."""
    return _column(name, Integer(), options, reference)


def string(name: str, **options: Any) -> Column[Any]:
    """Text without a limit in the database; writers keep the product's limits."""
    return _column(name, Text(), options)


def strings(name: str) -> Column[Any]:
    """An array of text."""
    return Column(name, ARRAY(Text()))


def snowflakes(name: str, **options: Any) -> Column[Any]:
    """An array of whole numbers of eight bytes."""
    return _column(name, ARRAY(BigInteger()), options)


def flag(name: str, **options: Any) -> Column[Any]:
    """A boolean."""
    return _column(name, Boolean(), options)


def json(name: str, **options: Any) -> Column[Any]:
    """Native JSON."""
    return _column(name, JSONB(), options)


def instant(name: str, **options: Any) -> Column[Any]:
    """An instant with its zone."""
    return _column(name, DateTime(timezone=True), options)


def wall(name: str, **options: Any) -> Column[Any]:
    """A time stamp without a zone; it holds UTC."""
    return _column(name, TIMESTAMP(timezone=False), options)


def day(name: str, **options: Any) -> Column[Any]:
    """A calendar date."""
    return _column(name, Date(), options)


def time_of_day(name: str) -> Column[Any]:
    """A wall-clock time."""
    return Column(name, Time(timezone=False))


@attrs.frozen
class IndexOf:
    """An index to be made with its table; ``columns`` may be followed by DESC."""

    name: str
    columns: tuple[str, ...]
    unique: bool
    where: str | None


def index(name: str, *columns: str, unique: bool = False, where: str | None = None) -> IndexOf:
    """An index; a column may be followed by DESC, the predicate is written as PostgreSQL prints it."""
    return IndexOf(name, columns, unique, where)


def table(name: str, *parts: SchemaItem | IndexOf, row_security: bool = False) -> Table:
    """A table of the schema with its columns, constraints and indexes.

    ``row_security`` switches row-level security on without any policy and without forcing it on the owner.
    """
    items = [part for part in parts if not isinstance(part, IndexOf)]
    made = Table(name, METADATA, *items, info={"row_security": row_security})
    for part in parts:
        if isinstance(part, IndexOf):
            columns = [_ordered(made, column) for column in part.columns]
            where = None if part.where is None else text(part.where)
            Index(part.name, *columns, unique=part.unique, postgresql_where=where)
    if row_security:
        enable = DDL(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY")  # type: ignore[no-untyped-call]
        event.listen(made, "after_create", enable)
    return made


def _ordered(made: Table, column: str) -> ColumnElement[Any]:
    if column.endswith(" DESC"):
        return made.c[column.removesuffix(" DESC")].desc()
    return made.c[column]
