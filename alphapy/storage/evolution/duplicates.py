"""The same number under two guilds: later rows get new ones, if the operator says so (spec/schema.md 5.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alphapy.storage.evolution.ddl import quoted
from alphapy.storage.evolution.notes import Note

if TYPE_CHECKING:
    from alphapy.storage.evolution.steps import Steps

_CREATED = "created_at"


def renumber(steps: Steps, table: str) -> None:
    """Give every row but the earliest of its number a number above all others.

    The earliest is the one created first; where nothing tells, the lower guild's. A summary names a ticket by
    its number alone; it stays with the lower guild's row, and follows it to a new number if that came later.
    """
    age = f"{quoted(_CREATED)} NULLS LAST, " if steps.has(table, _CREATED) else ""
    steps.execute(
        # Numbers beyond int4 would fail loudly, as any further insert would.
        f"""
        CREATE TEMPORARY TABLE alphapy_renumbered ON COMMIT DROP AS
        SELECT id AS old, guild_id,
               (SELECT max(id) FROM {quoted(table)}) + row_number() OVER (ORDER BY id, place) AS new,
               guild_id = lowest AS has_summaries
        FROM (
            SELECT id, guild_id, row_number() OVER (PARTITION BY id ORDER BY {age}guild_id) AS place,
                   min(guild_id) OVER (PARTITION BY id) AS lowest
            FROM {quoted(table)}
        ) AS numbered
        WHERE place > 1
        """  # noqa: S608 - a table of the frozen schema
    )
    changed = steps.execute(
        f"""
        UPDATE {quoted(table)} AS t SET id = r.new FROM alphapy_renumbered AS r
        WHERE t.id = r.old AND t.guild_id = r.guild_id
        """  # noqa: S608 - as above
    )
    if changed:
        text = f"id of {changed:,} rows was another guild's too: → a new number"
        steps.note(Note(table=table, columns=("id",), text=text))
    if table == "support_tickets" and steps.has("ticket_summaries"):
        _move_summaries(steps)
    steps.execute("DROP TABLE alphapy_renumbered")


def _move_summaries(steps: Steps) -> None:
    moved = steps.execute(
        "UPDATE ticket_summaries AS s SET ticket_id = r.new FROM alphapy_renumbered AS r"
        " WHERE s.ticket_id = r.old AND r.has_summaries"
    )
    if moved:
        text = f"ticket_id of {moved:,} rows follows its ticket to the new number"
        steps.note(Note(table="ticket_summaries", columns=("ticket_id",), text=text))
