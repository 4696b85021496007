"""Compare a live schema with the one that is asked for: what is missing, different, extra.

What the schema does not know (further tables, columns, indexes) is reported and never fails: it is left
untouched (spec/schema.md 2.0).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from alphapy.storage.catalog.model import Key, Table


@attrs.frozen
class Report:
    """The outcome; each entry is a line for an operator."""

    missing: tuple[str, ...] = ()
    different: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    breaking: tuple[str, ...] = ()
    """The missing tables and columns: queries would fail without them."""

    @property
    def clean(self) -> bool:
        """Nothing is missing and nothing differs."""
        return not self.missing and not self.different

    @override
    def __str__(self) -> str:
        verdict = "The schema is what this version expects." if self.clean else "The schema differs."
        groups = {"missing": self.missing, "different": self.different, "extra (left alone)": self.extra}
        parts = [
            f"{title}:\n" + "\n".join(f"  {line}" for line in lines)
            for title, lines in groups.items()
            if lines
        ]
        return "\n".join([verdict, *parts])


def compare(expected: Mapping[str, Table], live: Mapping[str, Table]) -> Report:
    """List how ``live`` differs from ``expected``."""
    findings = [finding for name in sorted(expected) for finding in _table(expected[name], live.get(name))]
    unknown = sorted(live.keys() - expected.keys() - {"alembic_version"})
    findings.extend(_Finding("extra", f"table {name}") for name in unknown)
    return Report(
        missing=_lines(findings, "missing"),
        different=_lines(findings, "different"),
        extra=_lines(findings, "extra"),
        breaking=tuple(found.line for found in findings if found.breaking),
    )


@attrs.frozen
class _Finding:
    group: str
    line: str
    breaking: bool = False


def _lines(findings: list[_Finding], group: str) -> tuple[str, ...]:
    return tuple(found.line for found in findings if found.group == group)


def _table(expected: Table, live: Table | None) -> Iterator[_Finding]:
    if live is None:
        yield _Finding("missing", f"table {expected.name}", breaking=True)
        return
    yield from _columns(expected, live)
    yield from _things(
        f"{expected.name}: ",
        {**_keys(expected), **_references(expected), **_checks(expected), **_indexes(expected)},
        {**_keys(live), **_references(live), **_checks(live), **_indexes(live)},
    )
    if expected.row_security and not live.row_security:
        yield _Finding("different", f"{expected.name}: row-level security is off")


def _columns(expected: Table, live: Table) -> Iterator[_Finding]:
    for name in sorted(expected.columns.keys() - live.columns.keys()):
        yield _Finding("missing", f"{expected.name}: column {name}", breaking=True)
    yield from _things(
        f"{expected.name}: ",
        {f"column {name}": str(column) for name, column in expected.columns.items() if name in live.columns},
        {f"column {name}": str(column) for name, column in live.columns.items()},
    )


def _things(where: str, expected: Mapping[str, str], live: Mapping[str, str]) -> Iterator[_Finding]:
    for name in sorted(expected.keys() - live.keys()):
        yield _Finding("missing", f"{where}{name}")
    for name in sorted(expected.keys() & live.keys()):
        if expected[name] != live[name]:
            yield _Finding("different", f"{where}{name} is {live[name]}, should be {expected[name]}")
    for name in sorted(live.keys() - expected.keys()):
        yield _Finding("extra", f"{where}{name}")


def _keys(table: Table) -> dict[str, str]:
    found = {f"unique constraint {key.name}": _listed(key) for key in table.uniques}
    if table.primary_key is not None:
        found[f"primary key {table.primary_key.name}"] = _listed(table.primary_key)
    return found


def _listed(key: Key) -> str:
    return f"({', '.join(key.columns)})"


def _references(table: Table) -> dict[str, str]:
    return {
        f"foreign key {key.name}": f"({', '.join(key.columns)}) → {key.target}"
        f" ({', '.join(key.target_columns)}) on delete {key.on_delete.lower()}"
        for key in table.foreign_keys
    }


def _checks(table: Table) -> dict[str, str]:
    return {f"check {name}": f"({predicate})" for name, predicate in table.checks.items()}


def _indexes(table: Table) -> dict[str, str]:
    return {
        f"index {index.name}": f"{'unique ' if index.unique else ''}({', '.join(index.columns)})"
        f"{f' where {index.where}' if index.where else ''}"
        for index in table.indexes
    }
