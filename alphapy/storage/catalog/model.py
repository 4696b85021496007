"""A schema as values: what two descriptions of it are compared by.

Types are texts in PostgreSQL's own spelling (``bigint``); defaults and predicates are brought to one spelling
by the functions here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import attrs
from typing_extensions import override

SERIAL = "serial"
"""Stands for a default that takes the next number of the column's own sequence."""

_CASTS = re.compile(r"(?<=')::(?:text|character varying)\b")
_NUMBER_CAST = re.compile(r"^'?(-?\d+(?:\.\d+)?)'?::(?:integer|bigint|double precision|numeric)$")
_PARENTHESES_AND_SPACE = re.compile(r"[()\s]+")


def canonical_default(expression: str | None) -> str | None:
    """A default in one spelling; None when the column has none, or the default NULL."""
    if expression is None:
        return None
    text = expression.strip()
    if text.startswith("nextval("):
        return SERIAL
    if text.upper().startswith("NULL"):
        return None
    if text.upper() == "CURRENT_TIMESTAMP":
        return "now()"
    number = _NUMBER_CAST.match(text)
    return number.group(1) if number else _CASTS.sub("", text)


def canonical_predicate(expression: str | None) -> str | None:
    """A predicate in one spelling: no casts of words, no parentheses, single spaces."""
    if expression is None:
        return None
    return _PARENTHESES_AND_SPACE.sub(" ", _CASTS.sub("", expression)).strip()


@attrs.frozen
class Column:
    """One column: its type, whether it refuses NULL, and its default."""

    type: str
    required: bool = False
    default: str | None = None

    @override
    def __str__(self) -> str:
        default = "" if self.default is None else f" default {self.default}"
        return f"{self.type}{' not null' if self.required else ''}{default}"


@attrs.frozen
class Key:
    """A primary key or a unique constraint."""

    name: str
    columns: tuple[str, ...]


@attrs.frozen
class ForeignKey:
    """A reference; ``on_delete`` is ``NO ACTION``, ``CASCADE``, ``SET NULL``, ..."""

    name: str
    columns: tuple[str, ...]
    target: str
    target_columns: tuple[str, ...]
    on_delete: str = "NO ACTION"


@attrs.frozen
class Index:
    """An index that backs no constraint; a column may be followed by DESC."""

    name: str
    columns: tuple[str, ...]
    unique: bool = False
    where: str | None = None


@attrs.frozen(kw_only=True)
class Table:
    """One table with everything that the schema's contract says about it."""

    name: str
    columns: Mapping[str, Column]
    primary_key: Key | None = None
    uniques: tuple[Key, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    checks: Mapping[str, str] = attrs.field(factory=dict)
    indexes: tuple[Index, ...] = ()
    row_security: bool = False
