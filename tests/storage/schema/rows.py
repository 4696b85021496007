"""Rows for every table of a live database, of any shape: one for each person, with values of any kind."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any
from uuid import UUID

import attrs
from psycopg import sql
from psycopg.types.json import Jsonb

from alphapy.storage.catalog import live
from alphapy.storage.catalog.model import SERIAL

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import psycopg

    from alphapy.storage.catalog.model import Column, Table

PEOPLE = frozenset(
    (
        *("user_id", "discord_user_id", "created_by", "claimed_by", "archived_by", "closed_by", "updated_by"),
        *("changed_by", "moderator_id", "winner_id", "triggered_by", "inviter_id", "resolved_by_user_id"),
    )
)
"""Columns that hold a person's Discord id."""


@attrs.frozen
class Person:
    """Whose rows they are; ``number`` is the id of this person's row in every numbered table."""

    user: int
    account: UUID
    number: int


PALETTE: Mapping[str, Callable[[Person], object]] = {
    "bigint": lambda person: 700_000_000_000 + person.number,
    "integer": lambda person: person.number,
    "text": lambda person: f"text {person.number}",
    "text[]": lambda person: [str(person.number), "6"],
    "bigint[]": lambda person: [person.number, 2**62],
    "boolean": lambda _person: True,
    "double precision": lambda person: 0.1 + person.number,
    "jsonb": lambda person: Jsonb({"n": person.number}),
    "bytea": lambda person: bytes([0, 255, person.number]),
    "uuid": lambda person: person.account,
    "date": lambda person: date(2026, 1, person.number),
    "time without time zone": lambda person: time(20, person.number),
    "timestamp with time zone": lambda person: datetime(2026, 1, person.number, 12, tzinfo=UTC),
    "timestamp without time zone": lambda person: datetime(2026, 1, person.number, 12),  # noqa: DTZ001 - a column without zone
    "inet": lambda person: f"192.0.2.{person.number}",
}
"""A value for a column of a type."""


def _special(table: str, column: str, person: Person) -> object | None:
    """What certain columns must hold for the row to mean something."""
    match table, column:
        case ("ticket_metrics", "snapshot"):
            latest = {"key": "refund", "ticket_id": person.number}
            return Jsonb(
                {
                    "ticket_id": person.number,
                    "summary_preview": "secret",
                    "topics": {"latest": latest},
                    "open": 1,
                }
            )
        case ("ticket_metrics", "topics"):
            return Jsonb({"latest": {"key": "refund", "ticket_id": person.number}, "top30d": {"refund": 2}})
        case ("operational_events", "details"):
            return Jsonb({"user_id": person.user, "command": "x"})
        case ("api_idempotency", "principal"):
            return str(person.account)
        case ("gdpr_erasure_jobs", "source"):
            return "command"
        case ("gdpr_erasure_jobs", "state"):
            return "done"
        case ("gateway_sessions", "user_id"):  # the bot's own
            return 1
        case ("onboarding", "id"):  # a shape of earlier days
            return person.number
        case _:
            return None


def fill(
    connection: psycopg.Connection[Any],
    *,
    people: Sequence[tuple[int, UUID]] = ((42, UUID(int=42)), (43, UUID(int=43))),
    palette: Mapping[str, Callable[[Person], object]] | None = None,
) -> dict[str, int]:
    """Insert a row for each person into every table that is there; how many each table got."""
    tables = live.read(connection)
    tables.pop("alembic_version", None)
    chosen = {**PALETTE, **(palette or {})}
    for name in ordered(tables):
        for number, (user, account) in enumerate(people, 1):
            _insert(connection, tables[name], Person(user, account, number), chosen)
        _catch_up(connection, tables[name])
    return dict.fromkeys(tables, len(people))


def ordered(tables: Mapping[str, Table]) -> list[str]:
    """Names of tables, those that others refer to first."""
    left, found = dict(tables), list[str]()
    while left:
        ready = [name for name, table in left.items() if not _targets(table) & left.keys()]
        found += sorted(ready)
        left = {name: table for name, table in left.items() if name not in ready}
    return found


def _targets(table: Table) -> set[str]:
    return {key.target for key in table.foreign_keys} - {table.name}


def _insert(
    connection: psycopg.Connection[Any],
    table: Table,
    person: Person,
    palette: Mapping[str, Callable[[Person], object]],
) -> None:
    columns = {name: column for name, column in table.columns.items() if column.default != "generated"}
    statement = sql.SQL("INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE VALUES ({})").format(
        sql.Identifier(table.name),
        sql.SQL(", ").join(map(sql.Identifier, columns)),
        sql.SQL(", ").join(sql.Placeholder() * len(columns)),
    )
    values = [_value(table, name, column, person, palette) for name, column in columns.items()]
    connection.execute(statement, values)


def _catch_up(connection: psycopg.Connection[Any], table: Table) -> None:
    for name, column in table.columns.items():
        if column.default == SERIAL:
            query = sql.SQL("SELECT setval(pg_get_serial_sequence({}, {}), max({})) FROM {}")
            names = (
                sql.Literal(table.name),
                sql.Literal(name),
                sql.Identifier(name),
                sql.Identifier(table.name),
            )
            connection.execute(query.format(*names))


def _value(
    table: Table, name: str, column: Column, person: Person, palette: Mapping[str, Callable[[Person], object]]
) -> object:
    special = _special(table.name, name, person)
    if special is not None:
        return special
    if name in PEOPLE:
        return person.user
    numbered = {column for key in table.foreign_keys for column in key.columns} | {"ticket_id", "severity"}
    if column.default in {SERIAL, "identity"} or name in numbered:
        return person.number
    keys = {part for key in (table.primary_key, *table.uniques) if key is not None for part in key.columns}
    keys |= {part for index in table.indexes if index.unique for part in index.columns}
    if name in keys:
        return PALETTE[_kind(column)](person)
    return palette[_kind(column)](person)


def _kind(column: Column) -> str:
    """The type without its length."""
    kind = column.type.partition("(")[0]
    return "text" if kind == "character varying" else kind
