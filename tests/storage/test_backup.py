"""Backups and restores (spec/schema.md 5.5; scenarios 21 and 22): whole, or nothing that passes for whole."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psycopg
import pytest
import trio
from hypothesis import HealthCheck, Phase, given, settings

from alphapy.storage import migrate
from alphapy.storage.adoption.adopt import Choices
from alphapy.storage.backup import erasures as lists
from alphapy.storage.backup import load, save
from alphapy.storage.backup.erasures import Erasure
from alphapy.storage.backup.load import restore
from alphapy.storage.backup.manifest import BackupError, RestoreRefused, folder_name, read_manifest, verify
from alphapy.storage.backup.save import back_up
from alphapy.storage.evolution.environment import migrator
from alphapy.storage.evolution.errors import MigrationError, Refused
from tests.storage.adoption.support import rows, same_meaning, untouched
from tests.storage.adoption.test_adopt import PALETTES
from tests.storage.schema.rows import fill
from tests.storage.schema.shapes import MULTI_GUILD_CONVERSION, SINGLE_GUILD
from tests.storage.schema.support import assert_newest, catalog, run, stamp, value
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.support.postgres import Databases

HERE = Choices(legacy_guild=777)
ME, OTHER = 999_000_000_042, 999_000_000_043

FOREIGN = """
    CREATE TABLE "we ird/.." (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, n integer DEFAULT 9,
        parent bigint REFERENCES "we ird/..", CHECK ((n > 1 OR n < -5) AND n <> 7));
    INSERT INTO "we ird/.." (n, parent) VALUES (8, NULL), (9, 2), (9, 1);
    CREATE SEQUENCE tickets_of_mine START 5;
    SELECT nextval('tickets_of_mine');
    ALTER TABLE reminders ADD COLUMN colour text NOT NULL DEFAULT E'a;"\\tb';
    CREATE UNIQUE INDEX of_mine ON reminders (lower(colour), id DESC)
        WHERE (id > 1 OR colour = 'x') AND id <> 7;
    CREATE VIEW looks AS SELECT 1
"""
"""What an operator may have added: kept in a backup, but for the view, which is told."""


NAMELESS = """
    ALTER TABLE reminders ALTER name DROP NOT NULL;
    INSERT INTO reminders (guild_id, channel_id) VALUES (1, 1)
"""

LARGE = """
    INSERT INTO faq_entries (summary) SELECT repeat(md5(n::text), 300) FROM generate_series(1, 6000) AS n
"""
"""Enough that a backup or a restore can be met in the middle of it."""


@pytest.fixture
def filled(database_url: str) -> str:
    """A database with two people's rows in every table, and foreign things."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        fill(connection, people=((ME, UUID(int=42)), (OTHER, UUID(int=43))))
    run(database_url, FOREIGN)
    return database_url


def test_scenario_21_everything_is_there_again(filled: str, empty_database_url: str, tmp_path: Path) -> None:
    run(filled, "DELETE FROM audit_logs WHERE id = (SELECT max(id) FROM audit_logs)")
    made = back_up(filled, tmp_path)
    done = restore(empty_database_url, made.folder, HERE)
    assert_newest(empty_database_url)
    assert rows(empty_database_url) == rows(filled)
    assert catalog(empty_database_url) == catalog(filled)
    assert done.manifest == made.manifest
    assert made.manifest.rows == sum(len(found) for found in rows(filled).values())
    assert made.uncovered == ("view looks",)
    # Numbers continue where they were, even above rows that are gone; the foreign things work as before.
    audit = "INSERT INTO audit_logs (guild_id, user_id, command_name, command_type) VALUES (1, 1, 'a', 'b')"
    assert value(empty_database_url, f"{audit} RETURNING id") == 3
    assert value(empty_database_url, 'INSERT INTO "we ird/.." DEFAULT VALUES RETURNING id') == 4
    assert value(empty_database_url, "SELECT nextval('tickets_of_mine')") == 6
    with pytest.raises(psycopg.errors.CheckViolation):
        run(empty_database_url, 'INSERT INTO "we ird/.." (n) VALUES (7)')
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        run(empty_database_url, 'INSERT INTO "we ird/.." (parent) VALUES (99)')
    defined = "SELECT pg_get_indexdef('of_mine'::regclass)"
    assert value(empty_database_url, defined) == value(filled, defined)


@settings(max_examples=2, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(palette=PALETTES)
def test_any_value_comes_back(
    databases: Databases, template: str, tmp_path: Path, palette: Mapping[str, Any]
) -> None:
    with databases.fresh(template) as source, databases.fresh() as target:
        drawn = {kind: lambda person, pair=pair: pair[person.number - 1] for kind, pair in palette.items()}
        with psycopg.connect(source, autocommit=True) as connection:
            fill(connection, palette=drawn)
        made = back_up(source, tmp_path / str(os.urandom(4).hex()))
        restore(target, made.folder, HERE)
        assert rows(target) == rows(source)


def test_the_schema_comes_from_the_migrations_where_they_make_it(
    filled: str, empty_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = back_up(filled, tmp_path)
    reached: list[str] = []
    upgrade = migrate.upgrade_inside

    def watched(connection: Any, revision: str = "head", **options: Any) -> None:
        reached.append(revision)
        upgrade(connection, revision, **options)

    monkeypatch.setattr(migrate, "upgrade_inside", watched)
    restore(empty_database_url, made.folder, HERE)
    assert reached == [migrate.head(), "head"]


@pytest.mark.parametrize(
    "drift",
    [
        NAMELESS,
        "DROP TABLE quiz_answers",
        "ALTER TABLE faq_entries DROP COLUMN keywords",
    ],
)
def test_a_database_that_somebody_changed_comes_back_as_it_was_and_is_put_right(
    filled: str, empty_database_url: str, tmp_path: Path, drift: str
) -> None:
    run(filled, drift)
    before = rows(filled)
    made = back_up(filled, tmp_path)
    restore(empty_database_url, made.folder, HERE)
    assert_newest(empty_database_url)
    same_meaning(
        before, rows(empty_database_url), {"reminders": lambda row: {**row, "name": row["name"] or ""}}
    )


@pytest.mark.parametrize(
    ("shape", "revision"),
    [(SINGLE_GUILD, None), (MULTI_GUILD_CONVERSION, "011_add_reminder_sent_message_id")],
)
def test_a_backup_of_the_earlier_implementation_is_restored_and_adopted(
    databases: Databases, empty_database_url: str, tmp_path: Path, shape: str, revision: str | None
) -> None:
    with databases.fresh() as predecessor:
        run(predecessor, shape)
        stamp(predecessor, revision)
        before = {name: len(found) for name, found in rows(predecessor).items()}
        made = back_up(predecessor, tmp_path)
    assert made.manifest.revision == revision
    restore(empty_database_url, made.folder, HERE)
    assert_newest(empty_database_url)
    after = rows(empty_database_url)
    assert {name: len(after[name]) for name in before} == before


def test_twins_of_the_earlier_implementation_need_the_operators_word(
    databases: Databases, empty_database_url: str, tmp_path: Path
) -> None:
    with databases.fresh() as predecessor:
        run(predecessor, MULTI_GUILD_CONVERSION)
        run(predecessor, "INSERT INTO reminders (id, guild_id, name, channel_id) VALUES (1, 6, 'twin', 9)")
        made = back_up(predecessor, tmp_path)
    with pytest.raises(Refused, match="renumber"):
        restore(empty_database_url, made.folder, HERE)
    assert catalog(empty_database_url) == {}
    restore(empty_database_url, made.folder, Choices(legacy_guild=1, renumber_duplicates=True))
    assert value(empty_database_url, "SELECT count(*) FROM reminders") == 3


def test_scenario_22_no_one_who_was_erased_comes_back(
    filled: str, empty_database_url: str, tmp_path: Path
) -> None:
    made = back_up(filled, tmp_path)
    since = made.manifest.created_at
    erased = [
        Erasure(ME, None, since + timedelta(days=1)),
        Erasure(
            OTHER, UUID(int=43), since - timedelta(days=1)
        ),  # before the backup: what is there came later
        Erasure(None, UUID(int=99), since + timedelta(days=1)),
    ]
    path = tmp_path / "erasures.jsonl"
    assert lists.append(path, [found.as_line() for found in erased]) == 3
    assert lists.append(path, [found.as_line() for found in erased]) == 0
    done = restore(empty_database_url, made.folder, HERE, erasures=path)
    assert done.erased == {"done": 1, "no_subject": 1}
    for table, column in (
        ("audit_logs", "user_id"),
        ("support_tickets", "user_id"),
        ("reminders", "created_by"),
    ):
        query = f"SELECT count(*) FROM {table} WHERE {column} = %s"  # noqa: S608 - ours
        assert value(empty_database_url, query, ME) == 0
        assert value(empty_database_url, query, OTHER) == 1
    jobs = (
        "SELECT discord_user_id, state, completed_at IS NOT NULL FROM gdpr_erasure_jobs"
        " WHERE source = 'restore' ORDER BY id"
    )
    assert run(empty_database_url, jobs) == [(ME, "done", True), (None, "no_subject", True)]


def test_an_erasure_that_was_pending_at_the_backup_is_done_by_the_restore(
    filled: str, empty_database_url: str, tmp_path: Path
) -> None:
    run(filled, "INSERT INTO gdpr_erasure_jobs (discord_user_id, source) VALUES (%s, 'command')", ME)
    done = restore(empty_database_url, back_up(filled, tmp_path).folder, HERE)
    assert done.erased == {"done": 1}
    assert value(empty_database_url, "SELECT count(*) FROM audit_logs WHERE user_id = %s", ME) == 0


def test_the_list_of_erasures_is_exported(filled: str) -> None:
    run(
        filled,
        "TRUNCATE gdpr_erasure_jobs;"
        " INSERT INTO gdpr_erasure_jobs (discord_user_id, source, state, completed_at) VALUES"
        " (7, 'command', 'done', '2026-01-02'), (8, 'command', 'pending', NULL),"
        " (NULL, 'command', 'done', now())",
    )
    (found,) = lists.export(filled)
    assert json.loads(found.as_line()) == {
        "discord_user_id": 7,
        "innersync_user_id": None,
        "completed_at": "2026-01-02T00:00:00+00:00",
    }


@pytest.mark.parametrize(
    "line",
    [
        "no json",
        "[]",
        '{"discord_user_id": 7, "innersync_user_id": null}',
        '{"discord_user_id": -7, "innersync_user_id": null, "completed_at": "2026-01-01T00:00:00Z"}',
        '{"discord_user_id": null, "innersync_user_id": null, "completed_at": "2026-01-01T00:00:00Z"}',
        '{"discord_user_id": 7, "innersync_user_id": null, "completed_at": "2026-01-01T00:00:00"}',
        '{"discord_user_id": 7, "innersync_user_id": "x", "completed_at": "2026-01-01T00:00:00Z"}',
        '{"discord_user_id": 7, "innersync_user_id": null, "completed_at": 5}',
    ],
)
def test_a_line_that_is_no_erasure_stops_the_restore(tmp_path: Path, line: str) -> None:
    path = tmp_path / "erasures.jsonl"
    good = Erasure(7, None, datetime(2026, 1, 1, tzinfo=UTC)).as_line()
    path.write_text(f"{good}\n\n{line}\n")
    with pytest.raises(BackupError, match=r"Line 3 of .* is not an erasure"):
        lists.read(path)


def test_a_list_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match=r"missing\.jsonl cannot be read: No such file"):
        lists.read(tmp_path / "missing.jsonl")


def test_one_moment_is_saved_whatever_happens_meanwhile(
    filled: str, empty_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = rows(filled)
    take = save._snapshot  # the moment between the snapshot and the rows

    def snapshot(connection: Any) -> Any:
        found = take(connection)
        run(filled, "DELETE FROM quiz_answers; INSERT INTO faq_entries (title) VALUES ('later')")
        with pytest.raises(MigrationError, match="in use by another session"):
            migrate.downgrade(filled, allow_data_loss=True)
        return found

    monkeypatch.setattr("alphapy.storage.evolution.environment.LOCK_TIMEOUT", b"SET lock_timeout = '50ms'")
    monkeypatch.setattr(save, "_snapshot", snapshot)
    made = back_up(filled, tmp_path)
    restore(empty_database_url, made.folder, HERE)
    assert rows(empty_database_url) == before


def test_rows_of_analytics_may_stay_out(filled: str, empty_database_url: str, tmp_path: Path) -> None:
    made = back_up(filled, tmp_path, exclude_analytics=True)
    entry = made.manifest.tables["audit_logs"]
    assert (entry.excluded, entry.rows, entry.sha256, entry.file) == (True, 0, None, None)
    restore(empty_database_url, made.folder, HERE)
    assert value(empty_database_url, "SELECT count(*) FROM audit_logs") == 0
    assert value(empty_database_url, "SELECT count(*) FROM reminders") == 2


def test_a_backup_is_private_and_can_be_read_by_hand(filled: str, tmp_path: Path) -> None:
    made = back_up(filled, tmp_path)
    assert made.folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in made.folder.iterdir()} == {0o600}
    with gzip.open(made.folder / "faq_entries.copy.gz", "rt") as rows_of_faq:
        assert rows_of_faq.readline().startswith("1\ttext 1\t")
    schema = (made.folder / "schema.sql").read_text()
    assert 'CREATE TABLE "reminders"' in schema
    assert not list(made.folder.glob("*ird*"))
    described = (made.folder / "manifest.json").read_text()
    assert "postgres@" not in described
    assert json.loads(described)["tables"]["reminders"].keys() >= {"rows", "sha256", "excluded"}


def test_schema_sql_builds_the_schema(filled: str, empty_database_url: str, tmp_path: Path) -> None:
    run(empty_database_url, (back_up(filled, tmp_path).folder / "schema.sql").read_text())
    found, wanted = catalog(empty_database_url), catalog(filled)
    wanted.pop("alembic_version")
    assert found == wanted


def test_only_into_an_empty_database(filled: str, database_url: str, tmp_path: Path) -> None:
    made = back_up(filled, tmp_path)
    before = untouched(database_url)
    with pytest.raises(RestoreRefused, match=r"not empty; it holds .*audit_logs") as caught:
        restore(database_url, made.folder, HERE)
    assert caught.value.exit_code == 3
    assert untouched(database_url) == before


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (
            lambda folder: (folder / "reminders.copy.gz").write_bytes(b"x"),
            r"damaged: reminders\.copy\.gz is not",
        ),
        (lambda folder: (folder / "reminders.copy.gz").unlink(), r"damaged: reminders\.copy\.gz is not"),
        (lambda folder: (folder / "schema.json").write_bytes(b"{}"), r"damaged: schema\.json is not"),
        (lambda folder: (folder / "manifest.json").write_bytes(b"{"), r"cannot be understood"),
        (lambda folder: (folder / "manifest.json").write_bytes(b'{"format": 1}'), r"cannot be understood"),
        (
            lambda folder: (folder / "manifest.json").write_bytes(b'{"format": 2}'),
            r"format that this version",
        ),
        (lambda folder: (folder / "manifest.json").unlink(), r"is not a backup: it has no manifest\.json"),
    ],
)
def test_a_damaged_backup_is_refused_before_anything(
    filled: str, empty_database_url: str, tmp_path: Path, damage: Any, complaint: str
) -> None:
    folder = back_up(filled, tmp_path).folder
    damage(folder)
    with pytest.raises(BackupError, match=complaint):
        restore(empty_database_url, folder, HERE)
    assert catalog(empty_database_url) == {}


def tampered(folder: Path, change: Any) -> None:
    path = folder / "manifest.json"
    found = json.loads(path.read_text())
    change(found)
    path.write_text(json.dumps(found))


def test_a_manifest_that_lies_is_found_out(filled: str, empty_database_url: str, tmp_path: Path) -> None:
    folder = back_up(filled, tmp_path).folder

    def fewer(found: Any) -> None:
        found["tables"]["reminders"]["rows"] = 1

    tampered(folder, fewer)
    with pytest.raises(BackupError, match=r"reminders \(2 instead of 1\)"):
        restore(empty_database_url, folder, HERE)
    assert catalog(empty_database_url) == {}

    def outside(found: Any) -> None:
        found["tables"]["reminders"]["file"] = "../../secret"

    tampered(folder, outside)
    with pytest.raises(BackupError, match="outside the backup"):
        read_manifest(folder)

    def newer(found: Any) -> None:
        found["tables"]["reminders"].update(file="reminders.copy.gz", rows=2)
        found["revision"] = "999_future"

    tampered(folder, newer)
    with pytest.raises(BackupError, match="newer version"):
        restore(empty_database_url, folder, HERE)


def test_a_file_that_breaks_off_is_named(filled: str, empty_database_url: str, tmp_path: Path) -> None:
    folder = back_up(filled, tmp_path).folder
    path = folder / "reminders.copy.gz"
    path.write_bytes(path.read_bytes()[:-10])

    def with_its_hash(found: Any) -> None:
        found["tables"]["reminders"]["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()

    tampered(folder, with_its_hash)
    with pytest.raises(BackupError, match=r"reminders\.copy\.gz cannot be read to its end"):
        restore(empty_database_url, folder, HERE)
    assert catalog(empty_database_url) == {}


async def test_a_backup_that_is_killed_leaves_nothing_that_passes_for_one(
    filled: str, tmp_path: Path
) -> None:
    folder = tmp_path / "backups"
    run(filled, LARGE)
    command = [sys.executable, "-m", "alphapy", "db", "backup", "--out", str(folder)]
    environment = {**os.environ, "DATABASE_URL": filled}
    process = await trio.lowlevel.open_process(command, env=environment, stdout=subprocess.DEVNULL)

    def is_writing() -> bool:
        return any(path.stat().st_size > 1_000 for path in folder.glob("*.partial/faq_entries.copy.gz"))

    await wait_until(is_writing, within=60, what="the table's file")
    process.kill()
    assert await process.wait() < 0
    (left,) = folder.iterdir()
    assert left.name.endswith(".partial")
    with pytest.raises(BackupError, match="never completed"):
        read_manifest(left)
    # The next one does not mind, and tidies up once it is old enough. (Folders are named by the second.)
    left = left.rename(folder / f"{folder_name(datetime.now(UTC) - timedelta(minutes=5))}.partial")
    made = await trio.to_thread.run_sync(lambda: back_up(filled, folder, prune=True))
    assert left.exists()
    left.rename(folder / "backup_2020-01-01T00-00-00Z.partial")
    verify(made.folder, read_manifest(made.folder))


async def test_a_restore_that_is_killed_leaves_an_empty_database(
    filled: str, empty_database_url: str, tmp_path: Path
) -> None:
    run(filled, LARGE)
    folder = (await trio.to_thread.run_sync(lambda: back_up(filled, tmp_path))).folder
    command = [sys.executable, "-m", "alphapy", "db", "restore", str(folder)]
    environment = {**os.environ, "DATABASE_URL": empty_database_url}
    process = await trio.lowlevel.open_process(command, env=environment, stdout=subprocess.DEVNULL)
    copying = (
        "SELECT count(*) FROM pg_stat_progress_copy"
        " WHERE datname = current_database() AND bytes_processed > 1000000"
    )
    await wait_until(lambda: value(empty_database_url, copying) == 1, within=60, what="the big table")
    process.kill()
    assert await process.wait() < 0
    quiet = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    await wait_until(lambda: value(empty_database_url, quiet) == 0, within=60, what="the server's end of it")
    assert catalog(empty_database_url) == {}
    await trio.to_thread.run_sync(restore, empty_database_url, folder, HERE)
    assert value(empty_database_url, "SELECT count(*) FROM faq_entries") == 6_002


def test_a_migration_that_runs_is_not_backed_up(
    filled: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alphapy.storage.evolution.session.LOCK_TIMEOUT", b"SET lock_timeout = '50ms'")
    with migrator(filled), pytest.raises(BackupError, match="A migration is running"):
        back_up(filled, tmp_path)


def test_old_backups_are_pruned_when_asked(filled: str, tmp_path: Path) -> None:
    names = [
        "backup_2020-01-01T00-00-00Z",
        "backup_2020-01-01T00-00-00Z.partial",
        "backup_of_my_cat",
        f"backup_{datetime.now(UTC) - timedelta(days=29):%Y-%m-%dT%H-%M-%SZ}",
    ]
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
    made = back_up(filled, tmp_path, prune=True)
    assert {path.name for path in made.pruned} == set(names[:2])
    assert {path.name for path in tmp_path.iterdir()} == {*names[2:], made.folder.name}


def test_what_cannot_be_written_or_read_is_said(filled: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BackupError, match=r"could not be written to .*: Not a directory"):
        back_up(filled, tmp_path / "file")
    with pytest.raises(MigrationError, match="cannot be reached"):
        back_up("postgresql://alphapy:hunter2@127.0.0.1:1/nowhere", tmp_path)
    with pytest.raises(BackupError, match="cannot be read"):
        read_manifest(tmp_path / "file")


def test_a_backup_that_fails_half_way_tidies_up(
    filled: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_shape: Any) -> bytes:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(save, "dump_shape", full)
    with pytest.raises(BackupError, match="No space left on device"):
        back_up(filled, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_restored_schema_that_is_not_right_is_not_kept(
    filled: str, empty_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = back_up(filled, tmp_path).folder
    monkeypatch.setattr(
        load, "declared", lambda: {**catalog(filled), "one_more": catalog(filled)["reminders"]}
    )
    with pytest.raises(BackupError, match=r"nothing was kept(?s:.)*missing"):
        restore(empty_database_url, folder, HERE)
    assert catalog(empty_database_url) == {}
