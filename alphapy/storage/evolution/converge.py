"""Bring any predecessor database to the frozen schema (spec/schema.md 5.2).

Nothing that the schema does not know is dropped. What forbids rows that the schema permits (a NOT NULL on an
unknown column, a unique key narrower than the schema's) is loosened. What cannot be decided is refused.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from alphapy.storage.catalog import live
from alphapy.storage.catalog.model import SERIAL
from alphapy.storage.evolution import ddl, keys
from alphapy.storage.evolution.columns import require
from alphapy.storage.evolution.ddl import quoted
from alphapy.storage.evolution.frozen import TABLES
from alphapy.storage.evolution.notes import Note
from alphapy.storage.evolution.premium import keep_newest_active

if TYPE_CHECKING:
    from alphapy.storage.catalog.model import Column, Index, Table
    from alphapy.storage.evolution.steps import Steps

_log = logging.getLogger(__name__)

# The sequence is taken from the column's default, for it may bear any name.
_SEQUENCE = """
    SELECT (regexp_match(pg_get_expr(d.adbin, d.adrelid), '''(.+)''::regclass'))[1]
    FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
    WHERE d.adrelid = %s::regclass AND a.attname = %s
"""

_RENAMED = {"match_count": "results_count", "created_at": "searched_at"}
"""Columns of ``faq_search_logs`` and what they are called now."""

_ONE_ACTIVE = "idx_premium_subs_one_active_per_user"


def converge(steps: Steps) -> None:
    """Make every table of the frozen schema what the schema says."""
    _convert_known_shapes(steps)
    before = live.read(steps.connection)
    for table in TABLES.values():
        if table.name in before:
            _columns(steps, table, before[table.name])
        else:
            steps.create_table(table)
    between = live.read(steps.connection)
    keys.converge_all(steps, between)
    for table in TABLES.values():
        _loosen_unknown_columns(steps, table, between[table.name])
        if table.row_security and not between[table.name].row_security:
            steps.execute(ddl.enable_row_security(table.name))
    _indexes(steps)
    for name in before.keys() & TABLES.keys():
        catch_up_sequences(steps, TABLES[name])


def _convert_known_shapes(steps: Steps) -> None:
    for old, new in _RENAMED.items():
        _rename(steps, "faq_search_logs", old, new)
    if steps.has("gdpr_acceptance", "timestamp"):
        # Consent times are never invented: unknown is the epoch, although the default is now().
        found = steps.execute(
            "UPDATE gdpr_acceptance SET timestamp = '1970-01-01 00:00:00' WHERE timestamp IS NULL",
        )
        if found:
            text = f"timestamp of {found:,} rows: none → 1970-01-01 00:00:00, which stands for unknown"
            steps.note(Note(table="gdpr_acceptance", columns=("timestamp",), text=text))
    copy_scheduled_time(steps)
    drop_ip_address(steps)


def _rename(steps: Steps, table: str, old: str, new: str) -> None:
    if not steps.has(table, old):
        return
    if not steps.has(table, new):
        steps.rename_column(table, old, new)
        return
    found = steps.execute(
        f"UPDATE {quoted(table)} SET {quoted(new)} = {quoted(old)}"  # noqa: S608 - names of this module
        f" WHERE {quoted(new)} IS NULL AND {quoted(old)} IS NOT NULL"
    )
    if found:
        steps.note(Note(table=table, columns=(new,), text=f"{old} of {found:,} rows is copied to {new}"))


def copy_scheduled_time(steps: Steps) -> None:
    """Reminders of an old shape: their moment moves to ``event_time``; the old column stays."""
    if steps.has("reminders", "scheduled_time"):
        steps.add_columns(TABLES["reminders"], "event_time")
        found = steps.execute(
            "UPDATE reminders SET event_time = scheduled_time"
            " WHERE event_time IS NULL AND scheduled_time IS NOT NULL"
        )
        if found:
            text = f"scheduled_time of {found:,} rows is copied to event_time"
            steps.note(Note(table="reminders", columns=("event_time",), text=text))


def drop_ip_address(steps: Steps) -> None:
    """The one thing that is dropped: addresses that should never have been kept."""
    if steps.has("terms_acceptance", "ip_address"):
        row = steps.connection.execute("SELECT count(ip_address) FROM terms_acceptance").fetchone()
        if row is not None and row[0]:
            _log.warning("dropping terms_acceptance.ip_address with the %d addresses it holds", row[0])
        steps.execute("ALTER TABLE terms_acceptance DROP COLUMN ip_address")
        text = f"✂ ip_address is dropped, with the {row[0] if row else 0:,} addresses it held"
        steps.note(Note(table="terms_acceptance", dropped="ip_address", text=text))


def _columns(steps: Steps, table: Table, found: Table) -> None:
    steps.add_columns(table, *table.columns)
    for name, column in table.columns.items():
        if name in found.columns and found.columns[name] != column:
            _alter_column(steps, table, name, found.columns[name])


def _alter_column(steps: Steps, table: Table, name: str, found: Column) -> None:
    wanted = table.columns[name]
    alter = f"ALTER TABLE {quoted(table.name)} ALTER COLUMN {quoted(name)}"
    if found.default == "identity":
        steps.execute(f"{alter} DROP IDENTITY")
    if found.type != wanted.type:
        if found.default not in {None, SERIAL, "identity"}:
            steps.execute(f"{alter} DROP DEFAULT")
        steps.execute(f"{alter} TYPE {wanted.type} USING {conversion(name, found.type, wanted.type)}")
    if found.default != wanted.default or found.type != wanted.type:
        _set_default(steps, table.name, name, wanted, alter)
    if wanted.required and not found.required:
        filled = require(steps.connection, table.name, name, wanted, legacy_guild=steps.legacy_guild)
        steps.note_filled(table.name, name, wanted, filled)
    if found.required and not wanted.required:
        steps.execute(f"{alter} DROP NOT NULL")


def _set_default(steps: Steps, table: str, name: str, wanted: Column, alter: str) -> None:
    if wanted.default is None:
        steps.execute(f"{alter} DROP DEFAULT")
    elif wanted.default == SERIAL:
        sequence = quoted(f"{table}_{name}_seq")
        steps.execute(f"CREATE SEQUENCE IF NOT EXISTS {sequence} AS {wanted.type}")
        steps.execute(f"ALTER SEQUENCE {sequence} OWNED BY {quoted(table)}.{quoted(name)}")
        steps.execute(f"{alter} SET DEFAULT nextval('{sequence}'::regclass)")
    else:
        steps.execute(f"{alter} SET DEFAULT {wanted.default}")


def conversion(name: str, found: str, wanted: str) -> str:
    """The expression that turns a stored value into the wanted type; stamps without a zone hold UTC."""
    if found == "timestamp without time zone" and wanted == "timestamp with time zone":
        return f"{quoted(name)} AT TIME ZONE 'UTC'"
    if found == "timestamp with time zone" and wanted == "timestamp without time zone":
        return f"{quoted(name)} AT TIME ZONE 'UTC'"
    return f"{quoted(name)}::{wanted}"


def _loosen_unknown_columns(steps: Steps, table: Table, found: Table) -> None:
    for name, column in found.columns.items():
        if name not in table.columns and column.required and column.default is None:
            # The service does not know the column, so that its inserts could never fill it.
            steps.execute(f"ALTER TABLE {quoted(table.name)} ALTER COLUMN {quoted(name)} DROP NOT NULL")


def _indexes(steps: Steps) -> None:
    found: dict[str, tuple[str, Index]] = {
        index.name: (table.name, index)
        for table in live.read(steps.connection).values()
        for index in table.indexes
    }
    for table in TABLES.values():
        for index in table.indexes:
            if found.get(index.name) == (table.name, index):
                continue
            if index.name in found:
                steps.drop_indexes(index.name)
            if index.name == _ONE_ACTIVE:
                keep_newest_active(steps)
            steps.execute(ddl.create_index(table.name, index))


def catch_up_sequences(steps: Steps, table: Table) -> None:
    """Let a table's sequences continue above its highest numbers; a restored dump leaves them behind."""
    for name, column in table.columns.items():
        if column.default != SERIAL or not steps.has(table.name, name):
            continue
        row = steps.connection.execute(_SEQUENCE, (table.name, name)).fetchone()
        if row is not None and row[0] is not None:
            raised = steps.execute(
                "SELECT setval(%s::regclass, highest)"  # noqa: S608 - quoted names of the frozen schema
                f" FROM (SELECT max({quoted(name)}) FROM {quoted(table.name)}) AS used (highest)"
                " WHERE highest > coalesce(pg_sequence_last_value(%s::regclass), 0)",
                (row[0], row[0]),
            )
            if raised:
                steps.note(
                    Note(table=table.name, text=f"the numbers of {name} continue above the highest in use")
                )
