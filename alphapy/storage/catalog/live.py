"""Read the schema of a live database from PostgreSQL's catalog (schema ``public``)."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from alphapy.storage.catalog.model import (
    Column,
    ForeignKey,
    Index,
    Key,
    Table,
    canonical_default,
    canonical_predicate,
)

if TYPE_CHECKING:
    import psycopg

_TABLES = """
    SELECT c.oid, c.relname, c.relrowsecurity
    FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
"""

_COLUMNS = """
    SELECT a.attrelid, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
           pg_get_expr(d.adbin, d.adrelid), a.attidentity <> '', a.attgenerated <> ''
    FROM pg_attribute a
    JOIN pg_class c ON c.oid = a.attrelid
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
      AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY a.attrelid, a.attnum
"""

# The names of a constraint's columns, in its order.
_KEY = """
    (SELECT array_agg(a.attname::text ORDER BY k.position)
     FROM unnest(o.conkey) WITH ORDINALITY AS k (number, position)
     JOIN pg_attribute a ON a.attrelid = o.conrelid AND a.attnum = k.number)
"""

_CONSTRAINTS = f"""
    SELECT o.conrelid, o.conname, o.contype, {_KEY},
           CASE WHEN o.contype = 'c' THEN pg_get_expr(o.conbin, o.conrelid) END
    FROM pg_constraint o
    WHERE o.connamespace = 'public'::regnamespace AND o.contype IN ('p', 'u', 'c')
    ORDER BY o.conname
"""  # noqa: S608 - texts of this module

_REFERENCES = f"""
    SELECT o.conrelid, o.conname, {_KEY}, f.relname,
           {_KEY.replace("conkey", "confkey").replace("conrelid", "confrelid")}, o.confdeltype
    FROM pg_constraint o JOIN pg_class f ON f.oid = o.confrelid
    WHERE o.connamespace = 'public'::regnamespace AND o.contype = 'f'
    ORDER BY o.conname
"""  # noqa: S608 - texts of this module

_INDEXES = """
    SELECT i.indrelid, c.relname, i.indisunique, pg_get_expr(i.indpred, i.indrelid),
           ARRAY(SELECT coalesce((SELECT a.attname::text FROM pg_attribute a
                                  WHERE a.attrelid = i.indrelid AND a.attnum = i.indkey[k - 1]
                                    AND a.attnum > 0),
                                 pg_get_indexdef(i.indexrelid, k, true))
                        || CASE WHEN i.indoption[k - 1] & 1 = 1 THEN ' DESC' ELSE '' END
                        || CASE WHEN i.indoption[k - 1] IN (1, 2) THEN ' NULLS UNUSUAL' ELSE '' END
                 FROM generate_series(1, i.indnkeyatts::integer) AS k),
           m.amname, i.indisvalid
    FROM pg_index i
    JOIN pg_class c ON c.oid = i.indexrelid
    JOIN pg_am m ON m.oid = c.relam
    WHERE c.relnamespace = 'public'::regnamespace
      AND NOT EXISTS (SELECT FROM pg_constraint o
                      WHERE o.conindid = i.indexrelid AND o.contype IN ('p', 'u', 'x'))
    ORDER BY c.relname
"""

_ON_DELETE = {"a": "NO ACTION", "r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}


def read(connection: psycopg.Connection[Any]) -> dict[str, Table]:
    """Every table of the database by name; reads only the catalog."""
    parts: defaultdict[int, _Parts] = defaultdict(_Parts)
    for table, name, kind, required, default, identity, generated in connection.execute(_COLUMNS):
        written = "identity" if identity else "generated" if generated else canonical_default(default)
        parts[table].columns[name] = Column(kind, required, written)
    for table, name, kind, columns, check in connection.execute(_CONSTRAINTS):
        parts[table].constrain(name, kind, tuple(columns or ()), check)
    for table, name, columns, target, target_columns, on_delete in connection.execute(_REFERENCES):
        key = ForeignKey(name, tuple(columns), target, tuple(target_columns), _ON_DELETE[on_delete])
        parts[table].foreign_keys.append(key)
    for table, name, unique, where, columns, method, valid in connection.execute(_INDEXES):
        parts[table].indexes.append(_index(name, columns, unique, where, method, valid))
    return {
        name: parts[oid].table(name, row_security) for oid, name, row_security in connection.execute(_TABLES)
    }


def _index(name: str, columns: list[str], unique: bool, where: str | None, method: str, valid: bool) -> Index:
    if method != "btree" or not valid:
        # Nothing that the schema asks for looks like this, so that it never passes for what it asks for.
        columns = [f"{method}{'' if valid else ' invalid'}", *columns]
    return Index(name, tuple(columns), unique, canonical_predicate(where))


class _Parts:
    """What belongs to one table, while it is being gathered."""

    def __init__(self) -> None:
        self.columns: dict[str, Column] = {}
        self.primary_key: Key | None = None
        self.uniques: list[Key] = []
        self.foreign_keys: list[ForeignKey] = []
        self.checks: dict[str, str] = {}
        self.indexes: list[Index] = []

    def constrain(self, name: str, kind: str, columns: tuple[str, ...], check: str | None) -> None:
        if kind == "p":
            self.primary_key = Key(name, columns)
        elif kind == "u":
            self.uniques.append(Key(name, columns))
        elif kind == "c":
            self.checks[name] = canonical_predicate(check) or ""

    def table(self, name: str, row_security: bool) -> Table:
        return Table(
            name=name,
            columns=self.columns,
            primary_key=self.primary_key,
            uniques=tuple(self.uniques),
            foreign_keys=tuple(self.foreign_keys),
            checks=self.checks,
            indexes=tuple(self.indexes),
            row_security=row_security,
        )
