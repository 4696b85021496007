"""Take over a database of the earlier implementation: plan, do, prove, report (spec/schema.md 5.2).

It is the migration itself, from wherever the database stands, in one transaction under the migration lock,
with a survey of all rows before and after. A row that is missing, or a value that changed without a revision
saying so, rolls everything back. A dry run does the same and then always rolls back, so that it cannot differ
from the real run.

Everybody else is kept from the tables meanwhile: stop the earlier implementation first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import attrs

from alphapy.storage import migrate
from alphapy.storage.adoption import survey
from alphapy.storage.adoption.report import AdoptionReport, table_report
from alphapy.storage.catalog import live
from alphapy.storage.catalog.compare import compare
from alphapy.storage.catalog.declared import declared
from alphapy.storage.evolution.environment import migrator
from alphapy.storage.evolution.errors import MigrationError, shown

if TYPE_CHECKING:
    import psycopg

    from alphapy.storage.adoption.survey import TableSurvey
    from alphapy.storage.evolution.notes import Note

LAST_OF_THE_PREDECESSOR = "027_agent_nudge_state"
"""From here on the chain converges whatever it finds; a database stamped later may be stamped falsely."""


@attrs.frozen(kw_only=True)
class Choices:
    """What the operator decides. Without ``legacy_guild``, LEGACY_GUILD_ID of the environment says."""

    legacy_guild: int | None = None
    renumber_duplicates: bool = False


def adopt(dsn: str, choices: Choices, *, dry_run: bool) -> AdoptionReport:
    """Bring any predecessor database to the newest revision, or show what that would do.

    Raises :class:`~alphapy.storage.evolution.errors.Refused` with everything that rows contradict, and
    MigrationError for all else; nothing has changed then.
    """
    with migrator(dsn) as connection, connection.begin() as transaction:
        raw = cast("psycopg.Connection[Any]", connection.connection.driver_connection)
        found = migrate.position(raw)
        if found is not None and found not in migrate.revisions():
            raise MigrationError(migrate.newer(found))
        with migrate.translated():
            _take_locks(raw, spare_sequences=dry_run)
            before = survey.take(raw)
        notes: list[Note] = []
        settle_stamp(raw, found)
        migrate.upgrade_inside(connection, notes=notes, **attrs.asdict(choices))
        with migrate.translated():
            after = survey.take(raw)
        _prove(before, after, notes)
        _verify(raw)
        if dry_run:
            transaction.rollback()
    tables = tuple(table_report(before.get(name), now, notes) for name, now in after.items())
    return AdoptionReport(dry_run=dry_run, found=found, reached=migrate.head(), tables=tables)


def _take_locks(connection: psycopg.Connection[Any], *, spare_sequences: bool) -> None:
    survey.lock(connection)
    if not spare_sequences:
        return
    # Numbers that are taken stay taken when a transaction is rolled back. A sequence that this transaction
    # restarted is a copy of its own, so that the rollback takes the numbers back as well.
    rows = connection.execute(
        """
        SELECT format('%I.%I', schemaname, sequencename), last_value, start_value
        FROM pg_sequences WHERE schemaname = 'public'
        """
    ).fetchall()
    for name, last, start in rows:
        connection.execute(f"ALTER SEQUENCE {name} RESTART".encode())
        connection.execute(
            "SELECT setval(%s, %s, %s)", (name, start if last is None else last, last is not None)
        )


def settle_stamp(connection: psycopg.Connection[Any], found: str | None) -> None:
    """Have the chain converge a database again whose stamp says that this is not needed, while it is."""
    if _is_falsely_stamped(connection, found):
        connection.execute("UPDATE alembic_version SET version_num = %s", (LAST_OF_THE_PREDECESSOR,))


def _is_falsely_stamped(connection: psycopg.Connection[Any], found: str | None) -> bool:
    """Whether the stamp says that the schema is ours, while it is not."""
    if found is None or found <= LAST_OF_THE_PREDECESSOR:
        return False
    if found != migrate.head():
        return True  # the revisions from 028 on change nothing that is right already
    return not compare(declared(), live.read(connection)).clean


def _verify(connection: psycopg.Connection[Any]) -> None:
    report = compare(declared(), live.read(connection))
    if not report.clean:
        raise MigrationError(f"The result is not what this version needs, so nothing was changed. {report}")


def _prove(before: dict[str, TableSurvey], after: dict[str, TableSurvey], notes: list[Note]) -> None:
    found = [problem for name in before for problem in problems(before[name], after.get(name), notes)]
    if found:
        raise MigrationError(
            "The adoption would have changed what no revision means to change, so it was taken back:"
            f" {shown(found)}. This is a defect of Alphapy; please report it."
        )


def problems(before: TableSurvey, after: TableSurvey | None, notes: list[Note]) -> list[str]:
    """What happened to one table that no revision says it does."""
    name = before.table.name
    if after is None:
        return [f"table {name} is gone"]
    mine = [note for note in notes if note.table == name]
    expected = before.rows + sum(note.inserted - note.deleted for note in mine)
    if after.rows != expected:
        return [f"{name} has {after.rows:,} rows instead of {expected:,}"]
    if expected != before.rows or any(note.inserted for note in mine):
        return []  # its values are those of other rows
    renamed = dict(note.renamed for note in mine if note.renamed is not None)
    changed = {column for note in mine for column in note.columns}
    dropped = {note.dropped for note in mine}
    found = []
    for column, digest in before.columns.items():
        now = renamed.get(column, column)
        if column in dropped or now in changed:
            continue
        if now not in after.columns:
            found.append(f"{name}.{column} is gone")
        elif after.columns[now] != digest:
            found.append(f"values of {name}.{column} changed")
    return found
