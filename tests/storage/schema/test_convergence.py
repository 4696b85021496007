"""028 converges any predecessor (spec/schema.md 5.2), shown on predecessors made by chance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from alphapy.storage import migrate
from alphapy.storage.evolution.ddl import quoted
from alphapy.storage.evolution.frozen import TABLES
from tests.storage.schema.support import assert_newest, catalog, run, stamp, value

if TYPE_CHECKING:
    from alphapy.storage.catalog.model import Table
    from tests.support.postgres import Databases


@attrs.frozen
class Damage:
    """One way in which a predecessor differs."""

    statement: str


def _damages(table: Table) -> list[Damage]:
    """Every single difference that convergence must undo without help: rows never contradict the schema."""
    alter = f"ALTER TABLE IF EXISTS {quoted(table.name)}"
    keys = {column for key in (table.primary_key, *table.uniques) if key for column in key.columns}
    keys |= {column for key in table.foreign_keys for column in key.columns}
    referred = {key.target for other in TABLES.values() for key in other.foreign_keys}
    found = [f"DROP INDEX IF EXISTS {quoted(index.name)}" for index in table.indexes]
    found += [f"{alter} DROP CONSTRAINT IF EXISTS {quoted(key.name)}" for key in table.uniques]
    found += [f"{alter} DROP CONSTRAINT IF EXISTS {quoted(key.name)}" for key in table.foreign_keys]
    if table.primary_key is not None and table.name not in referred:
        found.append(f"{alter} DROP CONSTRAINT IF EXISTS {quoted(table.primary_key.name)}")
        found.append(f"DROP TABLE IF EXISTS {quoted(table.name)}")
    for name, column in table.columns.items():
        if name not in keys and column.type != "uuid":
            found.append(f"{alter} DROP COLUMN IF EXISTS {quoted(name)}")
    return [Damage(statement) for statement in found]


def _column_damages(table: Table) -> list[Damage]:
    """Differences that need their column to be there still."""
    keys = {column for key in (table.primary_key, *table.uniques) if key for column in key.columns}
    alter = f"ALTER TABLE {quoted(table.name)} ALTER COLUMN"
    found = []
    for name, column in table.columns.items():
        if column.default not in {None, "serial"}:
            found.append(f"{alter} {quoted(name)} DROP DEFAULT")
        if column.type == "bigint" and name not in keys:
            found.append(f"{alter} {quoted(name)} SET DEFAULT 111")
        if column.required and name not in keys:
            found.append(f"{alter} {quoted(name)} DROP NOT NULL")
    return [Damage(statement) for statement in found]


COLUMN_DAMAGES = [damage for table in TABLES.values() for damage in _column_damages(table)]
DAMAGES = [damage for table in TABLES.values() for damage in _damages(table)]


@settings(
    max_examples=5,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@given(
    first=st.lists(st.sampled_from(COLUMN_DAMAGES), min_size=10, max_size=60, unique=True),
    second=st.lists(st.sampled_from(DAMAGES), min_size=10, max_size=60, unique=True),
)
def test_any_damaged_schema_converges_and_loses_no_row(
    databases: Databases, converged: str, first: list[Damage], second: list[Damage]
) -> None:
    with databases.fresh(converged) as url:
        run(url, "; ".join(damage.statement for damage in (*first, *second)) or "SELECT 1")
        stamp(url, "027_agent_nudge_state")
        before = {name: _count(url, name) for name in catalog(url)}
        migrate.upgrade(url)
        assert_newest(url)
        assert {name: _count(url, name) for name in before} == before


def _count(url: str, table: str) -> int:
    found: int = value(url, f"SELECT count(*) FROM {quoted(table)}")  # noqa: S608 - quoted
    return found
