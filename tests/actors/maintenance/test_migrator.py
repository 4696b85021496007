"""The schema is changed in a process of its own, and nothing that is shown says where the database is."""

from __future__ import annotations

import psycopg
import pytest

from alphapy.actors.maintenance import migrator as module
from alphapy.actors.maintenance.migrator import Migrator
from alphapy.environment import Secret
from alphapy.pure.masking import Mask
from alphapy.storage import migrate
from alphapy.storage.evolution.session import LOCK_KEY


def migrator(url: str) -> Migrator:
    return Migrator(Secret(url), Mask())


async def test_one_step_back_and_forth(database_url: str) -> None:
    revisions = migrate.revisions()
    ours = migrator(database_url)
    standing = await ours.standing()
    assert (standing.current, standing.head, standing.pending) == (revisions[-1], revisions[-1], 0)
    assert standing.drift == "The schema is what this version expects."
    back = await ours.downgrade()
    assert back.succeeded, back.output
    standing = await ours.standing()
    assert (standing.current, standing.pending, standing.drift) == (revisions[-2], 1, "")
    forth = await ours.upgrade()
    assert forth.succeeded, forth.output
    assert revisions[-1] in forth.output
    assert (await ours.standing()).pending == 0


async def test_a_database_that_was_never_stamped_has_everything_before_it(empty_database_url: str) -> None:
    standing = await migrator(empty_database_url).standing()
    assert (standing.current, standing.pending) == (None, len(migrate.revisions()))


async def test_a_database_that_is_not_there_is_told_without_its_address() -> None:
    ours = migrator("postgresql://bot:hunter2-secret@127.0.0.1:1/nowhere")
    with pytest.raises(migrate.MigrationError) as raised:
        await ours.standing()
    shown = ours.shown(str(raised.value))
    assert "127.0.0.1" not in shown
    assert "hunter2" not in shown
    ran = await ours.upgrade()
    assert not ran.succeeded
    assert "127.0.0.1" not in ran.output
    assert "hunter2" not in ran.output


async def test_a_migration_that_takes_too_long_is_given_up(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WITHIN", 1.0)
    with psycopg.connect(database_url) as holder:
        holder.execute("UPDATE alembic_version SET version_num = %s", (migrate.revisions()[-2],))
        holder.commit()
        holder.execute("SELECT pg_advisory_lock(%s)", (LOCK_KEY,))
        holder.commit()
        ran = await migrator(database_url).upgrade()
    assert not ran.succeeded
    assert "given up after 1 seconds" in ran.output


async def test_a_migration_under_way_is_seen(database_url: str) -> None:
    ours = migrator(database_url)
    with psycopg.connect(database_url, autocommit=True) as holder:
        assert not (await ours.standing()).is_locked
        holder.execute("SELECT pg_advisory_lock(%s)", (LOCK_KEY,))
        assert (await ours.standing()).is_locked
