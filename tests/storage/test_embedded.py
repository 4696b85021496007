"""The embedded PostgreSQL: shared by its owners, gone after them, there again after any kind of death."""

from __future__ import annotations

import fcntl
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from alphapy.storage import embedded, embedded_install, embedded_leftovers
from alphapy.storage.embedded import embedded_postgres, embedded_postgres_on_trio
from alphapy.storage.embedded_install import Account, Installation, find_installation, make_cluster
from alphapy.storage.errors import EmbeddedError
from alphapy.storage.pool import open_pool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = os.geteuid() == 0
PROJECT = Path(__file__).parents[2]
QUICK = {"fsync": "off"}
OWNER = """
import pathlib, sys
from alphapy.storage.embedded import embedded_postgres
with embedded_postgres(pathlib.Path(sys.argv[1]), settings={"fsync": "off"}) as dsn:
    print(dsn, flush=True)
    sys.stdin.readline()
"""


def eventually(condition: Callable[[], bool], *, within: float = 15.0) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.01)


@contextmanager
def owner_process(folder: Path, **arguments: Any) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Another process that owns the folder until it is told to leave, or killed; and the address it got."""
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=PROJECT,
        **arguments,
    ) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


def leave(process: subprocess.Popen[str]) -> None:
    assert process.communicate("\n", timeout=30) is not None
    assert process.returncode == 0


def ask(dsn: str, query: str) -> Any:
    with psycopg.connect(dsn, autocommit=True) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def note(dsn: str, text: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS notes (body text PRIMARY KEY)")
        connection.execute("INSERT INTO notes VALUES (%s)", (text,))


def noted(dsn: str, text: str) -> bool:
    return bool(ask(dsn, f"SELECT count(*) FROM notes WHERE body = '{text}'"))  # noqa: S608 - ours


def server_of(folder: Path) -> psutil.Process:
    return psutil.Process(int((folder / "cluster" / "postmaster.pid").read_text().split()[0]))


def guard_of(folder: Path) -> psutil.Process:
    parent = server_of(folder).parent()
    assert parent is not None
    assert "embedded_guard.py" in " ".join(parent.cmdline())
    return parent


def gone(process: psutil.Process) -> bool:
    """Whether a process has ended; one that nobody has waited for yet has ended, too."""
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def kill(*processes: psutil.Process) -> None:
    for process in processes:
        process.kill()
    eventually(lambda: all(gone(process) for process in processes))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One data folder that the tests of this file use in turn, each leaving it without a server."""
    return tmp_path_factory.mktemp("embedded") / "data" / "postgres"


def test_it_is_a_whole_postgresql_of_our_own(folder: Path) -> None:
    with embedded_postgres(folder, settings=QUICK) as dsn:
        assert ask(dsn, "SELECT current_database()") == "alphapy"
        assert ask(dsn, "SHOW server_encoding") == "UTF8"
        assert ask(dsn, "SHOW TimeZone") == "UTC"
        assert ask(dsn, "SHOW listen_addresses") == ""
        assert ask(dsn, "SHOW data_checksums") == "on"
        socket_dir = Path(str(conninfo_to_dict(dsn)["host"]))
        assert socket_dir.stat().st_mode & 0o077 == 0
        assert (folder / "cluster").stat().st_mode & 0o077 == 0
        assert server_of(folder).uids().effective != 0
        server = server_of(folder)
    assert gone(server)
    assert not socket_dir.exists()


def test_a_second_start_is_quick_and_keeps_the_data(folder: Path) -> None:
    with embedded_postgres(folder, settings=QUICK) as dsn:
        note(dsn, "kept")
    begun = time.monotonic()
    with embedded_postgres(folder) as dsn:
        took = time.monotonic() - begun
        assert noted(dsn, "kept")
    assert took < 3  # a fifth of a second on a machine that is not busy


def test_owners_share_one_server_and_the_last_one_stops_it(folder: Path) -> None:
    with owner_process(folder) as (other, other_dsn):
        server = server_of(folder)
        with embedded_postgres(folder) as dsn:
            assert dsn == other_dsn
            assert server_of(folder) == server
        assert ask(other_dsn, "SELECT 1") == 1
        with embedded_postgres(folder) as dsn:
            leave(other)
            assert ask(dsn, "SELECT 1") == 1
            assert server_of(folder) == server
        assert gone(server)


def test_an_error_in_the_block_stops_the_server_too(folder: Path) -> None:
    with pytest.raises(ZeroDivisionError), embedded_postgres(folder, settings=QUICK):
        server = server_of(folder)
        raise ZeroDivisionError
    assert gone(server)


def test_a_killed_owner_leaves_no_server_and_the_next_start_works(folder: Path) -> None:
    with owner_process(folder) as (other, dsn):
        note(dsn, "before the kill")
        server = server_of(folder)
        other.send_signal(signal.SIGKILL)
        with embedded_postgres(folder) as next_dsn:  # at once, while the guard is at it
            assert noted(next_dsn, "before the kill")
    eventually(lambda: gone(server))
    assert list(folder.glob("cluster/postmaster.pid")) == []


def test_ctrl_c_reaches_the_owner_only(folder: Path) -> None:
    """The terminal sends SIGINT to its whole foreground group."""
    with owner_process(folder, start_new_session=True) as (other, dsn):
        server = server_of(folder)
        assert os.getpgid(server.pid) != other.pid
        assert os.getpgid(guard_of(folder).pid) != other.pid
        assert ask(dsn, "SELECT 1") == 1


def test_a_killed_guard_is_replaced_on_the_same_socket(folder: Path) -> None:
    with embedded_postgres(folder, settings=QUICK) as dsn:
        note(dsn, "before the guard died")
        server = server_of(folder)
        kill(guard_of(folder))
        assert ask(dsn, "SELECT 1") == 1
        with owner_process(folder) as (other, other_dsn):
            assert other_dsn == dsn
            assert server_of(folder) != server
            assert noted(dsn, "before the guard died")
            leave(other)
        assert ask(dsn, "SELECT 1") == 1
        server = server_of(folder)
    assert gone(server)


def test_everything_killed_at_once(folder: Path) -> None:
    with owner_process(folder) as (other, dsn):
        note(dsn, "before everything died")
        backends = server_of(folder).children()
        kill(guard_of(folder), server_of(folder), psutil.Process(other.pid))
    with embedded_postgres(folder, settings=QUICK) as dsn:
        assert noted(dsn, "before everything died")
    assert all(gone(process) for process in backends)


def test_a_folder_deleted_under_its_owner(tmp_path: Path) -> None:
    with embedded_postgres(tmp_path / "postgres", settings=QUICK) as dsn:
        server = server_of(tmp_path / "postgres")
        shutil.rmtree(tmp_path / "postgres")
    eventually(lambda: gone(server))
    eventually(lambda: not Path(str(conninfo_to_dict(dsn)["host"])).exists())


def test_a_server_without_a_guard_is_replaced(folder: Path) -> None:
    with owner_process(folder) as (other, dsn):
        note(dsn, "before its guard died")
        server = server_of(folder)
        kill(guard_of(folder))
        with embedded_postgres(folder, settings=QUICK) as next_dsn:
            assert next_dsn == dsn
            assert gone(server)
            assert noted(dsn, "before its guard died")
            leave(other)


def test_processes_that_outlive_their_server_are_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded_leftovers, "STRAGGLE_SECONDS", 0.1)
    cluster = tmp_path / "cluster"
    cluster.mkdir()
    (cluster / "postmaster.pid").write_text(str(os.getpid()))
    shutil.copy("/bin/sleep", tmp_path / "postgres")
    with (
        subprocess.Popen([str(tmp_path / "postgres"), "60"], cwd=cluster) as ours,
        subprocess.Popen([str(tmp_path / "postgres"), "60"], cwd=tmp_path) as elsewhere,
    ):
        straggler = psutil.Process(ours.pid)
        embedded_leftovers.end_leftovers(cluster)
        spared = elsewhere.poll() is None
        elsewhere.kill()
    assert spared
    assert gone(straggler)
    assert not (cluster / "postmaster.pid").exists()


@pytest.mark.parametrize("text", [None, "", "not a number"])
def test_a_file_that_names_no_server(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "postmaster.pid").write_text(text)
    assert embedded_leftovers.server_pid(tmp_path) is None
    embedded_leftovers.end_leftovers(tmp_path)
    assert not (tmp_path / "postmaster.pid").exists()


def test_a_guard_without_a_server_is_not_waited_for_without_end(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with embedded_postgres(folder, settings=QUICK):
        pass  # the folder is there, whichever test comes first
    monkeypatch.setattr(embedded, "START_SECONDS", 0.1)
    reader = os.open(folder / "owners", os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(EmbeddedError, match="was not ready within"), embedded_postgres(folder):
        raise AssertionError
    os.close(reader)


async def test_owning_it_from_inside_trio(folder: Path) -> None:
    async with embedded_postgres_on_trio(folder) as dsn:
        async with open_pool(dsn, min_size=1) as pool:
            await pool.ping()
        server = server_of(folder)
    assert gone(server)


def test_a_number_left_behind_that_now_belongs_to_another_program(folder: Path) -> None:
    with embedded_postgres(folder, settings=QUICK):
        lines = (folder / "cluster" / "postmaster.pid").read_text().splitlines()
    stale = folder / "cluster" / "postmaster.pid"
    stale.write_text("\n".join([str(os.getpid()), *lines[1:]]))
    os.chown(stale, (folder / "cluster").stat().st_uid, (folder / "cluster").stat().st_gid)
    with embedded_postgres(folder, settings=QUICK) as dsn:
        assert ask(dsn, "SELECT 1") == 1
        assert server_of(folder).pid != os.getpid()


def test_a_server_that_cannot_start_says_why(folder: Path) -> None:
    with (
        pytest.raises(EmbeddedError, match=r"(?s)did not start.*max_connections"),
        embedded_postgres(folder, settings={"max_connections": "plenty"}),
    ):
        raise AssertionError
    with embedded_postgres(folder, settings=QUICK) as dsn:
        assert ask(dsn, "SELECT 1") == 1


def test_a_start_that_takes_too_long_is_given_up(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "START_SECONDS", 0.0)
    with pytest.raises(EmbeddedError, match="not ready within 0 s"), embedded_postgres(folder):
        raise AssertionError
    monkeypatch.undo()
    with embedded_postgres(folder, settings=QUICK) as dsn:
        assert ask(dsn, "SELECT 1") == 1


def test_a_lock_that_is_held_too_long_is_reported(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with embedded_postgres(folder, settings=QUICK):
        pass  # the folder is there, whichever test comes first
    monkeypatch.setattr(embedded, "START_SECONDS", 0.1)
    monkeypatch.setattr(embedded, "STOP_SECONDS", 0.0)
    with (folder / "lock").open("ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(EmbeddedError, match="Another process"), embedded_postgres(folder):
            raise AssertionError


def test_the_data_of_another_major_version_is_left_alone(tmp_path: Path) -> None:
    cluster = tmp_path / "cluster"
    cluster.mkdir()
    (cluster / "PG_VERSION").write_text("17\n")
    with pytest.raises(EmbeddedError, match=r"made by PostgreSQL 17.*pg_dump"), embedded_postgres(tmp_path):
        raise AssertionError


def test_a_folder_that_cannot_be_used_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(EmbeddedError, match="cannot be used: Not a directory"),
        embedded_postgres(tmp_path / "file" / "postgres"),
    ):
        raise AssertionError


def test_a_platform_without_the_wheel_is_told_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(EmbeddedError, match="Set DATABASE_URL"):
        find_installation(tmp_path / "cluster")


@pytest.mark.skipif(not ROOT, reason="only root can become another user")
def test_it_works_as_an_ordinary_user(tmp_path_factory: pytest.TempPathFactory) -> None:
    nobody = pwd.getpwnam("nobody")
    where = Path("/tmp") / f"alphapy-test-{os.getpid()}"  # noqa: S108 - pytest's own folders are closed to others
    needed = [PROJECT, *PROJECT.parents, *Path(sys.executable).resolve().parents]
    if not all(folder.stat().st_mode & 0o001 for folder in needed):
        pytest.skip("this clone or its Python lies in a folder that other users cannot enter")
    where.mkdir(mode=0o700)
    os.chown(where, nobody.pw_uid, nobody.pw_gid)
    try:
        for _ in range(2):
            with owner_process(where / "postgres", user="nobody", group=nobody.pw_gid, extra_groups=[]) as (
                other,
                dsn,
            ):
                assert ask(dsn, "SELECT 1") == 1
                assert server_of(where / "postgres").uids().effective == nobody.pw_uid
                leave(other)
        # Data that belongs to a user is run as that user, also by root.
        with embedded_postgres(where / "postgres", settings=QUICK) as dsn:
            assert ask(dsn, "SELECT 1") == 1
            assert server_of(where / "postgres").uids().effective == nobody.pw_uid
    finally:
        subprocess.run(["rm", "-rf", str(where)], check=True)


def test_root_without_an_account_to_use_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def unknown(name: object) -> None:
        raise KeyError(name)

    monkeypatch.setattr(pwd, "getpwnam", unknown)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    with pytest.raises(EmbeddedError, match="refuses to run as root"):
        embedded_install._choose_account(tmp_path / "cluster")


@pytest.mark.skipif(not ROOT, reason="only root can give a folder away")
def test_data_of_an_unknown_user_is_reported(tmp_path: Path) -> None:
    os.chown(tmp_path, 54321, 54321)
    with pytest.raises(EmbeddedError, match="belongs to the user id 54321"):
        embedded_install._choose_account(tmp_path)


def test_programs_that_the_account_cannot_reach_are_copied(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    package = find_installation(tmp_path).programs.parents[1]
    monkeypatch.setattr(embedded_install, "PROGRAMS_HOME", tmp_path / "cache")
    copied = embedded_install._copy_programs(package, "18.0")
    assert copied == embedded_install._copy_programs(package, "18.0")
    program = copied / "pginstall" / "bin" / "postgres"
    version = subprocess.run([str(program), "--version"], check=True, capture_output=True, text=True)
    assert version.stdout.startswith("postgres (PostgreSQL) 18")
    stranger = Account("stranger", 54321, 54321)
    assert not embedded_install._reachable(tmp_path / "cache", stranger)
    assert [entry.name for entry in (tmp_path / "cache").iterdir()] == ["postgresql-18.0"]


def test_programs_that_cannot_be_copied_are_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(embedded_install, "PROGRAMS_HOME", tmp_path / "file" / "cache")
    with pytest.raises(EmbeddedError, match=r"copying the programs.*failed"):
        embedded_install._copy_programs(tmp_path, "18.0")


@pytest.mark.parametrize(
    ("program", "message"),
    [("echo no space left; exit 1", r"(?s)disk full.*no space left"), (None, "cannot be run")],
)
def test_a_data_folder_that_cannot_be_made_is_reported(
    tmp_path: Path, program: str | None, message: str
) -> None:
    if program is not None:
        (tmp_path / "initdb").write_text(f"#!/bin/sh\n{program}\n")
        (tmp_path / "initdb").chmod(0o755)
    with pytest.raises(EmbeddedError, match=message):
        make_cluster(Installation(tmp_path, None, "18"), tmp_path / "cluster")
    assert not (tmp_path / "cluster").exists()
