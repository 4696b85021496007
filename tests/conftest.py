"""Fixtures that every wing may use: a real PostgreSQL, shared by all workers of the run."""

from __future__ import annotations

import functools
import logging
import os
from typing import TYPE_CHECKING

import httpx
import psycopg
import pytest
from hypothesis import HealthCheck, settings

from alphapy.storage.pool import Pool, open_pool
from tests.support.leaks import LeakWatch, every_secret
from tests.support.memory import folder_in_memory, let_go_of_dead_runs
from tests.support.postgres import TEMPLATE, Databases, shared_databases

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

# A busy machine makes examples slow; that says nothing about the code. Stuck tests end by the pytest timeout.
settings.register_profile("alphapy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("alphapy")


def pytest_configure() -> None:
    """Keep the run's files in memory, if that is possible and nobody has said where they go."""
    if (folder := folder_in_memory()) is not None:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(folder))
        let_go_of_dead_runs(folder)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Three workers for two cores: many tests wait for a socket, a process or a timer."""
    return max(2, (os.cpu_count() or 1) * 3 // 2)


@pytest.fixture(scope="session", autouse=True)
def _authorities_are_read_once() -> Iterator[None]:
    """Each HTTP client reads all certificate authorities for 50 ms, and no test has a use for one of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "httpx._transports.default.create_ssl_context", functools.cache(httpx.create_ssl_context)
        )
        yield


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of this test run share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session")
def databases(run_folder: Path) -> Iterator[Databases]:
    """The server of this test run; databases of your own come out of ``databases.fresh()``."""
    with shared_databases(run_folder) as found:
        yield found


@pytest.fixture(scope="session")
def template(databases: Databases, run_folder: Path) -> str:
    """The name of a migrated database to copy."""
    databases.ensure_template(run_folder / "template.lock")
    return TEMPLATE


@pytest.fixture
def database_url(databases: Databases, template: str) -> Iterator[str]:
    """The address of a database at the newest revision, for this test alone."""
    with databases.fresh(template) as url:
        yield url


@pytest.fixture
def empty_database_url(databases: Databases) -> Iterator[str]:
    """The address of a database without any table, for this test alone."""
    with databases.fresh() as url:
        yield url


@pytest.fixture(scope="session")
def scratch(databases: Databases) -> Iterator[str]:
    with databases.fresh() as url:
        yield url


@pytest.fixture
def scratch_database_url(scratch: str) -> str:
    """The address of a database without any table, which the tests of one process use in turn.

    Some fifty times quicker to come by than ``empty_database_url``.
    """
    with psycopg.connect(scratch, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    return scratch


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """A pool on a database at the newest revision, for this test alone."""
    async with open_pool(database_url, min_size=1) as opened:
        yield opened


@pytest.fixture(scope="session")
def leak_watch() -> Iterator[LeakWatch]:
    """Sees every log record of this process that somebody would get to read."""
    watch = LeakWatch()
    logging.getLogger().addHandler(watch)
    with every_secret(watch):
        yield watch
    logging.getLogger().removeHandler(watch)


@pytest.fixture(autouse=True)
def _no_secret_is_logged(leak_watch: LeakWatch) -> Iterator[None]:
    """No test may have a secret logged, before any masking (spec/operations.md 9.4)."""
    yield
    leaks = leak_watch.take()
    assert not leaks, "secrets were logged:\n" + "\n".join(leaks)
