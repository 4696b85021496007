"""Migrators that meet, and migrators that die (spec/schema.md 8; scenarios 14 and 25)."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING

import psycopg
import pytest
import trio

from alphapy.storage import migrate
from alphapy.storage.evolution import environment
from alphapy.storage.evolution.environment import migrator
from alphapy.storage.evolution.errors import MigrationError
from tests.storage.schema.support import assert_newest, run, value
from tests.storage.schema.test_chain import ROOT
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

WAITING = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'alphapy:migrator' AND wait_event_type = 'Lock'
"""


def stock_alembic(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "alembic", "-c", str(ROOT / "alembic.ini"), *arguments]


async def test_scenario_14_two_migrators_at_once(empty_database_url: str, tmp_path: Path) -> None:
    variables = {"DATABASE_URL": empty_database_url, "PATH": "/usr/bin:/bin"}
    outcomes: list[tuple[int, bytes]] = []

    async def migrate_by_hand() -> None:
        done = await trio.run_process(
            stock_alembic("upgrade", "head"), env=variables, cwd=tmp_path, capture_stderr=True, check=False
        )
        outcomes.append((done.returncode, done.stderr))

    async with trio.open_nursery() as nursery:
        # Both stand at the lock before either has begun.
        with migrator(empty_database_url):
            nursery.start_soon(migrate_by_hand)
            nursery.start_soon(migrate_by_hand)
            await wait_until(
                lambda: value(empty_database_url, WAITING) == 2, within=60, what="two at the lock"
            )
    assert [code for code, _ in outcomes] == [0, 0]
    applied = [log.count(b"Running upgrade") for _, log in outcomes]
    assert sorted(applied) == [0, len(migrate.revisions())]
    assert_newest(empty_database_url)


def test_a_second_migrator_gives_up_when_the_first_takes_too_long(empty_database_url: str) -> None:
    with (
        migrator(empty_database_url),
        pytest.raises(MigrationError, match="Another migration has been running") as caught,
        migrator(empty_database_url, wait=0.05),
    ):
        pass
    assert caught.value.exit_code == 1


def test_a_revision_does_not_wait_long_for_a_table_in_use(
    at_027: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "LOCK_TIMEOUT", b"SET lock_timeout = '50ms'")
    with psycopg.connect(at_027) as holder:
        holder.execute("LOCK TABLE support_tickets IN ROW EXCLUSIVE MODE")
        with pytest.raises(MigrationError, match="in use by another session"):
            migrate.upgrade(at_027)
    assert migrate.current(at_027) == "027_agent_nudge_state"


async def test_scenario_25_killed_during_028(at_027: str) -> None:
    run(at_027, "INSERT INTO reminders (guild_id, name, channel_id) VALUES (5, 'tea', 9)")
    with psycopg.connect(at_027) as holder:
        # 028 cannot get past this table; what it did before is in its transaction.
        holder.execute("LOCK TABLE support_tickets IN ROW EXCLUSIVE MODE")
        process = await trio.lowlevel.open_process(
            stock_alembic("upgrade", "head"), env={"DATABASE_URL": at_027, "PATH": "/usr/bin:/bin"}
        )
        await wait_until(lambda: value(at_027, WAITING) == 1, within=60, what="028 at the locked table")
        process.kill()
        assert await process.wait() < 0
    assert migrate.current(at_027) == "027_agent_nudge_state"
    assert value(at_027, "SELECT to_regclass('verification_tickets')") is None
    run(at_027, "INSERT INTO reminders (guild_id, name, channel_id) VALUES (5, 'cake', 9)")
    await trio.to_thread.run_sync(partial(migrate.upgrade, at_027))
    assert_newest(at_027)
    assert run(at_027, "SELECT name FROM reminders ORDER BY id") == [("tea",), ("cake",)]


BEFORE_LETTERS = "030_feature_extensions"
"""The newest revision without the table ``dead_letters``."""


def test_stock_alembic_refuses_with_its_own_exit_code(database_url: str) -> None:
    run(
        database_url,
        "INSERT INTO dead_letters (address, message_type, message, error, traceback, attempts)"
        " VALUES ('guild/5/faq', 'Asked', '{}', 'boom', '', 2)",
    )
    variables = {"DATABASE_URL": database_url, "PATH": "/usr/bin:/bin"}
    refused = subprocess.run(
        stock_alembic("downgrade", BEFORE_LETTERS), env=variables, capture_output=True, text=True, check=False
    )
    assert refused.returncode == 3
    assert refused.stderr.splitlines()[-1].startswith("Refused: table dead_letters holds rows")
    permitted = stock_alembic("-x", "allow-data-loss", "downgrade", BEFORE_LETTERS)
    subprocess.run(permitted, env=variables, check=True, capture_output=True)
    assert migrate.current(database_url) == BEFORE_LETTERS
