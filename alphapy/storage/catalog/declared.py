"""What the SQLAlchemy metadata asks for, in the terms of the catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import CheckConstraint, UniqueConstraint
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql.elements import UnaryExpression

from alphapy.storage.catalog import model
from alphapy.storage.tables.metadata import METADATA

if TYPE_CHECKING:
    import sqlalchemy


def declared() -> dict[str, model.Table]:
    """Every table that the newest revision must have built, by name."""
    return {name: _table(table) for name, table in METADATA.tables.items()}


def _table(table: sqlalchemy.Table) -> model.Table:
    return model.Table(
        name=table.name,
        columns={column.name: _column(table, column) for column in table.columns},
        primary_key=_key(table.primary_key) if table.primary_key.columns else None,
        uniques=tuple(_key(found) for found in table.constraints if isinstance(found, UniqueConstraint)),
        foreign_keys=tuple(_foreign_key(found) for found in table.foreign_key_constraints),
        checks={
            _name(found): model.canonical_predicate(str(found.sqltext)) or ""
            for found in table.constraints
            if isinstance(found, CheckConstraint)
        },
        indexes=tuple(_index(found) for found in table.indexes),
        row_security=bool(table.info["row_security"]),
    )


def _name(constraint: Any) -> str:
    """A constraint's name with the naming convention applied."""
    return str(postgresql.dialect().identifier_preparer.format_constraint(constraint))  # type: ignore[no-untyped-call]


def _key(constraint: sqlalchemy.PrimaryKeyConstraint | UniqueConstraint) -> model.Key:
    return model.Key(_name(constraint), tuple(column.name for column in constraint.columns))


def _column(table: sqlalchemy.Table, column: sqlalchemy.Column[Any]) -> model.Column:
    kind = column.type.compile(dialect=postgresql.dialect()).lower()  # type: ignore[no-untyped-call]
    if table.autoincrement_column is column:
        return model.Column(kind, required=True, default=model.SERIAL)
    default = column.server_default
    text = None if default is None else str(getattr(default, "arg", ""))
    return model.Column(kind, not column.nullable, model.canonical_default(text))


def _foreign_key(constraint: sqlalchemy.ForeignKeyConstraint) -> model.ForeignKey:
    return model.ForeignKey(
        _name(constraint),
        tuple(constraint.column_keys),
        constraint.referred_table.name,
        tuple(element.column.name for element in constraint.elements),
        constraint.ondelete or "NO ACTION",
    )


def _index(index: sqlalchemy.Index) -> model.Index:
    where = index.dialect_options["postgresql"]["where"]
    return model.Index(
        str(index.name),
        tuple(_ordered(expression) for expression in index.expressions),
        bool(index.unique),
        model.canonical_predicate(None if where is None else str(where)),
    )


def _ordered(expression: Any) -> str:
    if isinstance(expression, UnaryExpression):
        return f"{expression.element.name} DESC"
    return str(expression.name)
