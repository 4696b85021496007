"""The schema of a live database as statements that build it again, to the letter.

It covers tables, columns, sequences, keys, checks, references, indexes and the row-level security flag of
schema ``public``. What else may live there (views, functions, triggers, types, policies) is none of
Alphapy's; it is listed by :func:`uncovered`, so that nobody believes it to be saved.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from alphapy.storage.evolution.ddl import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

_NOT_OURS = """
    c.relnamespace = 'public'::regnamespace
    AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.objid = c.oid AND e.classid = 'pg_class'::regclass
                    AND e.deptype = 'e')
"""

_TABLES = f"""
    SELECT c.oid, c.relname, c.relrowsecurity FROM pg_class c
    WHERE {_NOT_OURS} AND c.relkind = 'r' AND c.relname <> 'alembic_version' ORDER BY c.relname
"""  # noqa: S608 - texts of this module

_COLUMNS = """
    SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
           CASE WHEN a.attgenerated = '' THEN pg_get_expr(d.adbin, d.adrelid) END, a.attidentity
    FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
    ORDER BY a.attnum
"""

_CONSTRAINTS = """
    SELECT conname, pg_get_constraintdef(oid), contype = 'f', confrelid::regclass::text
    FROM pg_constraint WHERE conrelid = %s AND contype IN ('p', 'u', 'c', 'x', 'f') AND conparentid = 0
    ORDER BY contype <> 'p', conname
"""

_INDEXES = """
    SELECT c.relname, pg_get_indexdef(i.indexrelid) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    WHERE i.indrelid = %s AND i.indisvalid
      AND NOT EXISTS (SELECT FROM pg_constraint o
                      WHERE o.conindid = i.indexrelid AND o.contype IN ('p', 'u', 'x'))
    ORDER BY c.relname
"""

# An identity column brings its own sequence; any other belongs to its column, or to nobody.
_SEQUENCES = f"""
    SELECT c.relname, format_type(s.seqtypid, NULL), s.seqstart, s.seqincrement, s.seqmin, s.seqmax,
           s.seqcache, s.seqcycle, d.deptype = 'i', t.relname, a.attname,
           (SELECT p.last_value FROM pg_sequences p
            WHERE p.schemaname = 'public' AND p.sequencename = c.relname)
    FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid
    LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid
                         AND d.deptype IN ('a', 'i')
    LEFT JOIN pg_class t ON t.oid = d.refobjid
    LEFT JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
    WHERE {_NOT_OURS} ORDER BY c.relname
"""  # noqa: S608 - texts of this module

_UNCOVERED = f"""
    SELECT CASE c.relkind WHEN 'v' THEN 'view ' WHEN 'm' THEN 'materialized view '
                          WHEN 'f' THEN 'foreign table ' ELSE 'partitioned table ' END || c.relname
    FROM pg_class c WHERE {_NOT_OURS} AND c.relkind IN ('v', 'm', 'f', 'p')
    UNION ALL
    SELECT 'function ' || p.proname FROM pg_proc p
    WHERE p.pronamespace = 'public'::regnamespace
      AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.objid = p.oid AND e.deptype = 'e')
    UNION ALL
    SELECT 'trigger ' || t.tgname || ' on ' || c.relname
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
    WHERE {_NOT_OURS} AND NOT t.tgisinternal
    UNION ALL
    SELECT 'policy ' || p.polname || ' on ' || c.relname
    FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
    WHERE {_NOT_OURS}
    UNION ALL
    SELECT 'type ' || y.typname FROM pg_type y
    WHERE y.typnamespace = 'public'::regnamespace AND y.typtype IN ('e', 'd', 'r') AND y.typelem = 0
      AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.objid = y.oid AND e.deptype = 'e')
    UNION ALL
    SELECT 'generated column ' || c.relname || '.' || a.attname
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    WHERE {_NOT_OURS} AND c.relkind = 'r' AND a.attgenerated <> '' AND NOT a.attisdropped
    ORDER BY 1
"""  # noqa: S608 - texts of this module


@attrs.frozen(kw_only=True)
class TableShape:
    """One table; every mapping goes from a name to what PostgreSQL prints for it."""

    columns: Mapping[str, str]
    constraints: Mapping[str, str]
    references: Mapping[str, str]
    targets: tuple[str, ...]
    """Tables that it refers to."""
    indexes: Mapping[str, str]
    row_security: bool


@attrs.frozen(kw_only=True)
class SequenceShape:
    """One sequence. ``owner`` is the table and column that it numbers, ``last`` the last number given out."""

    definition: str
    identity: bool
    owner: tuple[str, str] | None
    last: int | None


@attrs.frozen(kw_only=True)
class Shape:
    """A whole schema."""

    tables: Mapping[str, TableShape]
    sequences: Mapping[str, SequenceShape]

    def lacks_of(self, other: Shape) -> list[str]:
        """What ``other`` has, or has differently, by name; numbers that were given out do not count."""
        found = []
        for name, table in other.tables.items():
            mine = self.tables.get(name)
            if mine is None:
                found.append(name)
            else:
                found += [f"{name}.{part}" for part in _differences(mine, table)]
        return found


def _differences(mine: TableShape, other: TableShape) -> Iterator[str]:
    for field in ("columns", "constraints", "references", "indexes"):
        have: Mapping[str, str] = getattr(mine, field)
        for name, definition in getattr(other, field).items():
            if have.get(name) != definition:
                yield name
    if other.row_security and not mine.row_security:
        yield "row-level security"


def read(connection: psycopg.Connection[Any]) -> Shape:
    """Read the schema of the database; looks at the catalog only."""
    tables = {
        name: _table(connection, oid, row_security)
        for oid, name, row_security in connection.execute(_TABLES.encode()).fetchall()
    }
    rows = connection.execute(_SEQUENCES.encode()).fetchall()
    return Shape(tables=tables, sequences={row[0]: _sequence(*row[1:]) for row in rows})


def uncovered(connection: psycopg.Connection[Any]) -> tuple[str, ...]:
    """What schema ``public`` holds beyond what a shape describes."""
    return tuple(row[0] for row in connection.execute(_UNCOVERED.encode()).fetchall())


def _table(connection: psycopg.Connection[Any], oid: int, row_security: bool) -> TableShape:
    columns = connection.execute(_COLUMNS, (oid,)).fetchall()
    constraints = connection.execute(_CONSTRAINTS, (oid,)).fetchall()
    return TableShape(
        columns={name: _column(*rest) for name, *rest in columns},
        constraints={name: text for name, text, is_reference, _ in constraints if not is_reference},
        references={name: text for name, text, is_reference, _ in constraints if is_reference},
        targets=tuple(target.strip('"') for *_, is_reference, target in constraints if is_reference),
        indexes=dict(connection.execute(_INDEXES, (oid,)).fetchall()),
        row_security=row_security,
    )


def _column(kind: str, required: bool, default: str | None, identity: str) -> str:
    parts = [kind]
    if identity:
        parts.append(f"GENERATED {'ALWAYS' if identity == 'a' else 'BY DEFAULT'} AS IDENTITY")
    elif default is not None:
        parts.append(f"DEFAULT {default}")
    if required:
        parts.append("NOT NULL")
    return " ".join(parts)


def _sequence(
    kind: str,
    start: int,
    step: int,
    low: int,
    high: int,
    cache: int,
    cycle: bool,
    identity: bool | None,
    table: str | None,
    column: str | None,
    last: int | None,
) -> SequenceShape:
    definition = (
        f"AS {kind} INCREMENT BY {step} MINVALUE {low} MAXVALUE {high} START WITH {start} CACHE {cache}"
        f"{' CYCLE' if cycle else ''}"
    )
    owner = None if table is None or column is None else (table, column)
    return SequenceShape(definition=definition, identity=bool(identity), owner=owner, last=last)


# --- statements ---


def before_rows(shape: Shape, present: Shape) -> Iterator[str]:
    """Statements that make what ``present`` lacks of the shape's sequences, tables and columns."""
    for name, sequence in shape.sequences.items():
        if name not in present.sequences and not sequence.identity:
            yield f"CREATE SEQUENCE {quoted(name)} {sequence.definition}"
    for name, table in shape.tables.items():
        there = present.tables.get(name)
        if there is None:
            columns = ", ".join(f"{quoted(column)} {text}" for column, text in table.columns.items())
            yield f"CREATE TABLE {quoted(name)} ({columns})"
        else:
            for column, text in table.columns.items():
                if column not in there.columns:
                    yield f"ALTER TABLE {quoted(name)} ADD COLUMN {quoted(column)} {text}"
        if table.row_security:
            yield f"ALTER TABLE {quoted(name)} ENABLE ROW LEVEL SECURITY"
    for name, sequence in shape.sequences.items():
        if name not in present.sequences and not sequence.identity and sequence.owner is not None:
            table_name, column = sequence.owner
            yield f"ALTER SEQUENCE {quoted(name)} OWNED BY {quoted(table_name)}.{quoted(column)}"


def after_rows(shape: Shape, present: Shape) -> Iterator[str]:
    """Statements that make what ``present`` lacks of keys, checks, indexes and, last, references."""
    for name, table in shape.tables.items():
        there = present.tables.get(name)
        for constraint, text in table.constraints.items():
            if there is None or constraint not in there.constraints:
                yield f"ALTER TABLE {quoted(name)} ADD CONSTRAINT {quoted(constraint)} {text}"
        for index, text in table.indexes.items():
            if there is None or index not in there.indexes:
                yield text
    for name, table in shape.tables.items():
        there = present.tables.get(name)
        for constraint, text in table.references.items():
            if there is None or constraint not in there.references:
                yield f"ALTER TABLE {quoted(name)} ADD CONSTRAINT {quoted(constraint)} {text}"


def in_order(shape: Shape) -> list[str]:
    """The names of the tables, those that others refer to first; a circle is taken as it comes."""
    left, found = dict(shape.tables), list[str]()
    while left:
        ready = [name for name, table in left.items() if not (set(table.targets) - {name}) & left.keys()]
        for name in ready or [next(iter(left))]:
            found.append(name)
            del left[name]
    return found


def copy_out(table: str, columns: Mapping[str, str]) -> str:
    """The statement that reads a table's rows."""
    return f"COPY {quoted(table)} {listed_exactly(columns)} TO STDOUT"


def copy_in(table: str, columns: tuple[str, ...]) -> str:
    """The statement that takes rows that :func:`copy_out` gave."""
    return f"COPY {quoted(table)} {listed_exactly(columns)} FROM STDIN"


def listed_exactly(columns: Mapping[str, str] | tuple[str, ...]) -> str:
    """Column names between parentheses."""
    return "(" + ", ".join(quoted(name) for name in columns) + ")"
