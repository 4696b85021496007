"""Databases at revisions in the middle of the chain."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from alphapy.storage import migrate
from tests.storage.schema.shapes import ROWS
from tests.storage.schema.support import run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.postgres import Databases


@pytest.fixture(scope="session")
def before_convergence(databases: Databases) -> Iterator[str]:
    """The name of a database at 027, to copy."""
    with databases.fresh() as url:
        migrate.upgrade(url, "027_agent_nudge_state")
        yield url.partition("@/")[2].partition("?")[0]


@pytest.fixture
def at_027(databases: Databases, before_convergence: str) -> Iterator[str]:
    """The address of a database at 027, for this test alone."""
    with databases.fresh(before_convergence) as url:
        yield url


@pytest.fixture(scope="session")
def converged(databases: Databases, before_convergence: str) -> Iterator[str]:
    """The name of a database at 028 with a few rows, to copy."""
    with databases.fresh(before_convergence) as url:
        migrate.upgrade(url, "028_reconcile_schema")
        run(url, ROWS)
        yield url.partition("@/")[2].partition("?")[0]
