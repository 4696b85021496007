"""``alphapy db``: what an operator reads, what a program reads, and the exit codes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from alphapy.cli import main
from alphapy.storage import migrate
from alphapy.storage.evolution.environment import migrator
from tests.storage.schema.rows import fill
from tests.storage.schema.shapes import MULTI_GUILD_CONVERSION, SINGLE_GUILD
from tests.storage.schema.support import catalog, run, stamp, value

if TYPE_CHECKING:
    from pathlib import Path

DB_COMMANDS = (
    *("status", "current", "verify", "check", "upgrade", "downgrade", "adopt", "backup", "restore"),
    *("erasures", "prune"),
)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No .env file and no variables of the machine."""
    monkeypatch.chdir(tmp_path)
    for name in ("DATABASE_URL", "APP_ENV", "LEGACY_GUILD_ID", "MAIN_GUILD_ID", "ALPHAPY_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def here(empty_database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty database, configured."""
    monkeypatch.setenv("DATABASE_URL", empty_database_url)
    return empty_database_url


@pytest.fixture
def newest(database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A database at the newest revision, configured."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    return database_url


def said(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    """What a command of ``alphapy db`` prints; it must end with this code."""
    assert main(["db", *arguments]) == code
    captured = capsys.readouterr()
    return captured.out if code in {0, 1} and captured.out else captured.err


def told(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> Any:
    """The one object that it prints for programs."""
    assert main(["db", *arguments, "--json"]) == code
    captured = capsys.readouterr()
    assert captured.err == ""
    assert captured.out.count("\n") == 1
    return json.loads(captured.out)


@pytest.mark.parametrize("command", DB_COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main(["db", command, "--help"])
    assert raised.value.code == 0
    shown = capsys.readouterr().out
    assert "--json" in shown
    assert len(shown) > 200


def test_where_a_database_stands(here: str, capsys: pytest.CaptureFixture[str]) -> None:
    everything = list(migrate.revisions())
    assert told(capsys, "status") == {
        "current": None,
        "head": everything[-1],
        "pending": everything,
        "drift": [],
        "locked": False,
    }
    assert "current: none (an empty database" in said(capsys, "status")
    migrate.upgrade(here, everything[-3])
    with migrator(here):
        found = told(capsys, "status")
        assert (found["pending"], found["locked"]) == (everything[-2:], True)
        assert "A migration is running at this moment." in said(capsys, "current")
    migrate.upgrade(here)
    run(here, "DROP TABLE quiz_answers")
    assert told(capsys, "status")["drift"] == ["table quiz_answers"]
    assert "drift:   table quiz_answers" in said(capsys, "status")
    found = told(capsys, "verify", code=1)
    assert (found["clean"], found["breaking"]) == (False, ["table quiz_answers"])
    stamp(here, "999_future")
    assert told(capsys, "status")["pending"] == []


def test_an_older_database_is_planned_and_taken_over(here: str, capsys: pytest.CaptureFixture[str]) -> None:
    run(here, SINGLE_GUILD)
    before = catalog(here)
    planned = said(capsys, "adopt", "--dry-run")
    assert "Nothing has changed." in planned
    assert "guild 0, under which no server finds them" in planned
    assert catalog(here) == before
    found = told(capsys, "adopt", "--legacy-guild-id", "777")
    assert (found["dry_run"], found["from"], found["to"], found["changed"]) == (
        False,
        None,
        migrate.head(),
        True,
    )
    (reminders,) = [table for table in found["tables"] if table["name"] == "reminders"]
    assert (reminders["rows_before"], reminders["rows_after"], reminders["created"]) == (2, 2, False)
    assert value(here, "SELECT DISTINCT guild_id FROM reminders") == 777
    assert "Nothing to do" in said(capsys, "adopt")


def test_the_guild_of_old_rows_may_stand_in_the_env_file(
    here: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".env").write_text("LEGACY_GUILD_ID=123456789012345678\n")
    run(here, SINGLE_GUILD)
    said(capsys, "upgrade")
    assert value(here, "SELECT DISTINCT guild_id FROM reminders") == 123456789012345678


def test_twins_are_refused_with_3_until_they_may_be_numbered_anew(
    here: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run(here, MULTI_GUILD_CONVERSION)
    run(here, "INSERT INTO reminders (id, guild_id, name, channel_id) VALUES (1, 6, 'twin', 9)")
    assert "(1,) in guilds 6, 111222333" in said(capsys, "adopt", code=3)
    refused = told(capsys, "adopt", code=3)
    assert refused["exit_code"] == 3
    assert "(1,) in guilds 6, 111222333" in refused["error"]
    said(capsys, "adopt", "--renumber-duplicates")
    assert value(here, "SELECT count(DISTINCT id) FROM reminders") == 3


def test_a_backup_and_its_restore(
    newest: str,
    empty_database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with psycopg.connect(newest, autocommit=True) as connection:
        fill(connection)
    run(newest, "CREATE VIEW looks AS SELECT 1")
    run(newest, "UPDATE gdpr_erasure_jobs SET completed_at = now() + interval '1 day' WHERE id = 1")
    found = told(capsys, "backup", "--out", "kept", "--prune")
    assert found["not_covered"] == ["view looks"]
    assert found["rows"] > 100
    assert "2 erasures added" in said(capsys, "erasures", "--out", "erasures.jsonl")
    assert '"discord_user_id": 42' in said(capsys, "erasures")
    assert "not empty" in said(capsys, "restore", found["folder"], code=3)
    monkeypatch.setenv("DATABASE_URL", empty_database_url)
    shown = said(capsys, "restore", found["folder"], "--erasures", "erasures.jsonl")
    assert "Erasures done again: " in shown
    assert f"the schema is at {migrate.head()} now" in shown
    assert "reminders: 2 rows" in shown
    assert value(empty_database_url, "SELECT count(*) FROM audit_logs WHERE user_id = 42") == 0


def test_a_restore_without_the_list_says_what_that_means(
    newest: str,
    empty_database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = said(capsys, "backup", "--out", ".").splitlines()[-1]
    monkeypatch.setenv("DATABASE_URL", empty_database_url)
    assert "erased since the backup are back" in said(capsys, "restore", folder)
    assert "is not a backup" in said(capsys, "restore", ".", code=1)
    assert "is not a backup" in told(capsys, "restore", ".", code=1)["error"]
    assert value(newest, "SELECT count(*) FROM audit_logs") == 0


def test_what_the_database_refuses_is_no_traceback(here: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert here
    assert 'relation "gdpr_erasure_jobs" does not exist' in said(capsys, "erasures", code=1)
    assert (
        'relation "audit_logs" does not exist'
        in told(capsys, "prune", "--table", "audit_logs", "--older-than", "5", code=1)["error"]
    )


def test_an_unwritable_list_is_named(newest: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert newest
    assert f"{tmp_path} cannot be written" in said(capsys, "erasures", "--out", str(tmp_path), code=1)


def test_the_embedded_database_is_backed_up_and_restored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said(capsys, "upgrade")
    shown = said(capsys, "backup", "--out", "kept")
    assert "the embedded database in .alphapy" in shown
    monkeypatch.setenv("ALPHAPY_DATA_DIR", str(tmp_path / "other"))
    assert "into the embedded database in" in said(capsys, "restore", shown.splitlines()[-1])


def test_old_rows_are_pruned(newest: str, capsys: pytest.CaptureFixture[str]) -> None:
    run(
        newest,
        """
        INSERT INTO audit_logs (guild_id, user_id, command_name, command_type, created_at)
            SELECT 5, 7, 'a', 'slash', now() - make_interval(hours => n * 24 - 12)
            FROM generate_series(1, 20) AS n;
        INSERT INTO premium_subs (user_id, guild_id, tier, status, created_at) VALUES
            (1, 5, 'yearly', 'active', '2010-01-01'), (2, 5, 'yearly', 'expired', '2010-01-01'),
            (3, 5, 'yearly', 'expired', now())
        """,
    )
    arguments = ("prune", "--table", "audit_logs", "--older-than", "10")
    assert "10 rows of audit_logs would be deleted." in said(capsys, *arguments, "--dry-run")
    assert told(capsys, *arguments) == {"rows": 10, "dry_run": False}
    assert value(newest, "SELECT count(*) FROM audit_logs") == 10
    premium = ("prune", "--table", "premium_subs", "--older-than")
    assert "kept for 2,557 days" in said(capsys, *premium, "2556", code=3)
    assert told(capsys, *premium, "2557")["rows"] == 1
    assert value(newest, "SELECT array_agg(user_id ORDER BY user_id) FROM premium_subs") == [1, 3]


@pytest.mark.parametrize(
    "arguments",
    [
        ("prune", "--table", "reminders", "--older-than", "5"),
        ("prune", "--table", "audit_logs", "--older-than", "0"),
        ("prune", "--table", "audit_logs", "--older-than", "x"),
        ("adopt", "--legacy-guild-id", "mine"),
        ("backup",),
        ("restore",),
    ],
)
def test_wrong_usage_exits_with_2(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main(["db", *arguments])
    assert raised.value.code == 2
    assert "usage" in capsys.readouterr().err
