"""What an adoption did, or would do: for a person at a terminal, and as JSON for a program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
from typing_extensions import override

if TYPE_CHECKING:
    from alphapy.storage.adoption.survey import TableSurvey
    from alphapy.storage.catalog.model import Table
    from alphapy.storage.evolution.notes import Note


_HOMELESS = (
    "Rows that name no guild get guild 0, under which no server finds them. Say which guild they belong to:"
    " --legacy-guild-id, or LEGACY_GUILD_ID."
)


@attrs.frozen(kw_only=True)
class TableReport:
    """One table. ``rows_before`` is None for a table that was not there."""

    name: str
    rows_before: int | None
    rows_after: int
    columns_added: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    """Keys, references and indexes that were made, dropped or swapped."""
    notes: tuple[str, ...] = ()
    """What happened to rows and columns; a line that begins with ✂ tells what is gone."""

    @property
    def untouched(self) -> bool:
        """Nothing at all happened to this table."""
        return not (self.columns_added or self.constraints or self.notes) and self.rows_before is not None


@attrs.frozen(kw_only=True)
class AdoptionReport:
    """The whole. ``found`` and ``reached`` are revisions; None is a database that was never stamped."""

    dry_run: bool
    found: str | None
    reached: str
    tables: tuple[TableReport, ...]

    def as_json(self) -> dict[str, Any]:
        """The report as values of JSON."""
        tables = [{**attrs.asdict(table), "created": table.rows_before is None} for table in self.tables]
        return {
            "dry_run": self.dry_run,
            "from": self.found,
            "to": self.reached,
            "changed": any(not table.untouched for table in self.tables) or self.found != self.reached,
            "tables": tables,
        }

    @override
    def __str__(self) -> str:
        found = self.found or "no revision (never stamped)"
        lines = [f"From {found} to {self.reached}."]
        created = [table.name for table in self.tables if table.rows_before is None]
        quiet = [table for table in self.tables if table.untouched]
        for table in self.tables:
            if table.rows_before is not None and not table.untouched:
                lines += ["", *_lines(table)]
        if quiet:
            rows = sum(table.rows_after for table in quiet)
            lines += ["", f"Untouched: {len(quiet)} tables, rows: {rows:,}."]
        if created:
            lines += ["", f"New, empty tables: {', '.join(created)}."]
        if any(_is_homeless(table) for table in self.tables):
            lines += ["", _HOMELESS]
        return "\n".join([*lines, "", self._verdict()])

    def _verdict(self) -> str:
        rows = sum(table.rows_after for table in self.tables if table.rows_before is not None)
        if self.found == self.reached and all(table.untouched for table in self.tables):
            return "Nothing to do: the database is what this version needs."
        if self.dry_run:
            return (
                f"This was a dry run: all of it was done, compared ({rows:,} rows) and taken back. Nothing"
                " has changed. With a backup at hand, run it without --dry-run to take the database over."
            )
        return f"Done. All rows ({rows:,}) were compared before and after: none was lost."


def _is_homeless(table: TableReport) -> bool:
    """Whether rows got guild 0 because nobody said which guild they belong to."""
    return table.name != "gdpr_acceptance" and any(
        note.startswith("guild_id of ") and note.endswith("→ 0") for note in table.notes
    )


def _lines(table: TableReport) -> list[str]:
    before = table.rows_before or 0
    after = f"{table.rows_after:,} row{'' if table.rows_after == 1 else 's'}"
    rows = after if before == table.rows_after else f"{before:,} → {after}"
    lines = [f"{table.name}: {rows}"]
    if table.columns_added:
        lines.append(f"  new columns: {', '.join(table.columns_added)}")
    return lines + [f"  {line}" for line in (*table.notes, *table.constraints)]


def table_report(before: TableSurvey | None, after: TableSurvey, notes: list[Note]) -> TableReport:
    """Compare the two surveys of one table."""
    name = after.table.name
    told = tuple(note.text for note in notes if note.table == name)
    if before is None:
        return TableReport(name=name, rows_before=None, rows_after=after.rows, notes=told)
    renamed = {note.renamed[1] for note in notes if note.table == name and note.renamed is not None}
    return TableReport(
        name=name,
        rows_before=before.rows,
        rows_after=after.rows,
        columns_added=tuple(
            column for column in after.table.columns if column not in {*before.table.columns, *renamed}
        ),
        constraints=tuple(_constraints(before.table, after.table)),
        notes=(*told, *_columns(before.table, after.table)),
    )


def _columns(before: Table, after: Table) -> list[str]:
    return [
        f"column {name}: {column} → {after.columns[name]}"
        for name, column in before.columns.items()
        if name in after.columns and after.columns[name] != column
    ]


def _constraints(before: Table, after: Table) -> list[str]:
    old, new = _described(before), _described(after)
    swapped = [f"{name}: {old[name]} → {new[name]}" for name in old if name in new and old[name] != new[name]]
    made = [f"new {name}: {text}" for name, text in new.items() if name not in old]
    gone = [f"no {name} any more: {text}" for name, text in old.items() if name not in new]
    return [*swapped, *made, *gone]


def _described(table: Table) -> dict[str, str]:
    found = {}
    if table.primary_key is not None:
        found["primary key"] = f"({', '.join(table.primary_key.columns)})"
    for key in table.uniques:
        found[f"unique key {key.name}"] = f"({', '.join(key.columns)})"
    for reference in table.foreign_keys:
        found[f"reference {reference.name}"] = (
            f"({', '.join(reference.columns)}) to {reference.target}, on delete {reference.on_delete.lower()}"
        )
    for name, predicate in table.checks.items():
        found[f"check {name}"] = predicate
    for index in table.indexes:
        kind = "unique index" if index.unique else "index"
        where = "" if index.where is None else f" where {index.where}"
        found[f"{kind} {index.name}"] = f"({', '.join(index.columns)}){where}"
    if table.row_security:
        found["row-level security"] = "on"
    return found
