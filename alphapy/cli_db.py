"""``alphapy db``: the database's schema, its backups and its old rows (spec/schema.md 4).

Every command works on DATABASE_URL or, without it, on the embedded database in ALPHAPY_DATA_DIR, whose server
it shares with a service or a sandbox that is running there. With ``--json`` it prints one object for
programs; what goes wrong is one, too.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from alphapy.config import Config

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from alphapy.storage.adoption.adopt import Choices

# What only one command needs is imported by that command, so that `alphapy --help` answers at once.
# ruff: noqa: PLC0415

FAILED = 1

_DESCRIPTION = """
Commands for the database in DATABASE_URL or, without it, the embedded one in ALPHAPY_DATA_DIR.

  an empty database       alphapy db upgrade
  a new release           alphapy db backup --out DIR && alphapy db upgrade
  an older Alphapy's      alphapy db adopt --dry-run, then alphapy db backup, then alphapy db adopt
  a restore               alphapy db restore DIR, into a new and empty database

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 refused because something would be lost.
"""

_ADOPT = """
Takes over a database that the earlier implementation left, whatever revision it is at, claims to be
at, or never had. Everything happens in one transaction, with all rows counted and compared before and
after; a dry run does the same and takes it back, so that it shows exactly what would happen. Stop the
earlier implementation first, and take a backup.

Rows from before there were several guilds get the guild in --legacy-guild-id, else LEGACY_GUILD_ID,
else MAIN_GUILD_ID.
"""

_BACKUP = """
Writes every table, out of one consistent snapshot, into a new folder DIR/backup_<UTC time>: one gzip
file for each table, the schema, and a manifest with row counts and SHA-256. It disturbs neither a
running service nor its members. A folder without manifest.json, or whose name ends with .partial, is
not a backup.
"""

_RESTORE = """
Restores a backup into an empty database and brings it to the newest revision: all of it, or nothing.
With --erasures, people who were erased after the backup was taken are erased again before the command
ends; the file is what `alphapy db erasures` printed. A backup says in SQL how its tables are made: restore
only what you have kept yourself.
"""


@attrs.frozen(kw_only=True)
class Target:
    """The database that a command works on. ``name`` is safe to show."""

    dsn: str
    name: str
    legacy_guild: int


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare ``alphapy db`` and its commands."""
    database = commands.add_parser(
        "db",
        help="the database: schema, takeover, backup, restore",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    steps = database.add_subparsers(title="commands", metavar="", required=True)
    _schema_commands(steps)
    _adopt_command(steps)
    _backup_commands(steps)
    _prune_command(steps)


def _command(
    steps: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    action: Callable[[Target, argparse.Namespace], int],
    *,
    summary: str,
    aliases: tuple[str, ...] = (),
    description: str | None = None,
) -> argparse.ArgumentParser:
    parser = steps.add_parser(
        name,
        aliases=aliases,
        help=summary,
        description=description or f"{summary[0].upper()}{summary[1:]}.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object, for programs")
    parser.set_defaults(command=_on_database(action))
    return parser


def _schema_commands(steps: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    _command(
        steps,
        "status",
        _status,
        summary="show the revision the database is at, the newest, and what differs",
        aliases=("current",),
    )
    _command(
        steps,
        "verify",
        _verify,
        summary="compare the database with what this version expects; exit 1 if it differs",
        aliases=("check",),
    )
    upgrade = _command(
        steps, "upgrade", _upgrade, summary="bring the schema to a revision (default: the newest)"
    )
    upgrade.add_argument("revision", nargs="?", default="head")
    downgrade = _command(
        steps, "downgrade", _downgrade, summary="take the schema back (default: by one revision)"
    )
    downgrade.add_argument("revision", nargs="?", default="-1")
    downgrade.add_argument(
        "--allow-data-loss", action="store_true", help="even where a step drops what holds data"
    )


def _adopt_command(steps: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    adopt = _command(
        steps,
        "adopt",
        _adopt,
        summary="take over a database of the earlier implementation",
        description=_ADOPT,
    )
    adopt.add_argument("--dry-run", action="store_true", help="show what would be done; nothing is changed")
    _takeover_options(adopt)


def _takeover_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--legacy-guild-id", type=_guild, metavar="ID", help="the guild of rows that name none"
    )
    parser.add_argument(
        "--renumber-duplicates",
        action="store_true",
        help="where two guilds use the same reminder or ticket number, give the later row a new one",
    )


def _guild(text: str) -> int:
    if text.isascii() and text.isdecimal() and int(text) < 2**63:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a guild's id")


def _backup_commands(steps: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    backup = _command(steps, "backup", _backup, summary="write a backup", description=_BACKUP)
    backup.add_argument("--out", type=Path, required=True, metavar="DIR", help="where backups are kept")
    backup.add_argument(
        "--exclude-analytics",
        action="store_true",
        help="without the rows of audit_logs and health_check_history",
    )
    backup.add_argument(
        "--prune", action="store_true", help="afterwards, remove backups in DIR older than 30 days"
    )
    restore = _command(
        steps, "restore", _restore, summary="restore a backup into an empty database", description=_RESTORE
    )
    restore.add_argument("folder", type=Path, metavar="DIR", help="a folder that `alphapy db backup` wrote")
    restore.add_argument(
        "--erasures",
        type=Path,
        metavar="FILE",
        help="who was erased since: the lines of `alphapy db erasures`",
    )
    _takeover_options(restore)
    erasures = _command(
        steps,
        "erasures",
        _erasures,
        summary="list who was erased, for a later restore, one JSON object a line",
    )
    erasures.add_argument("--out", type=Path, metavar="FILE", help="write it there, adding to what is there")


def _prune_command(steps: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    from alphapy.storage.pruning import TABLES

    prune = _command(steps, "prune", _prune, summary="delete old rows of one table")
    prune.add_argument(
        "--table", required=True, choices=sorted(TABLES), metavar="TABLE", help=", ".join(TABLES)
    )
    prune.add_argument(
        "--older-than", required=True, type=_days, metavar="DAYS", help="what is older than this"
    )
    prune.add_argument("--dry-run", action="store_true", help="only count the rows")


def _days(text: str) -> int:
    if text.isascii() and text.isdecimal() and 1 <= int(text[:9]) <= 100_000:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a number of days")


def _on_database(action: Callable[[Target, argparse.Namespace], int]) -> Callable[[argparse.Namespace], int]:
    """A command that works on the configured database, or on the embedded one."""

    def command(options: argparse.Namespace) -> int:
        import psycopg

        from alphapy.storage.dsn import redacted
        from alphapy.storage.embedded import embedded_postgres
        from alphapy.storage.errors import StorageError

        config = Config.load(os.environ, dotenv=Path(".env"), for_database_only=True)
        guild = config.legacy_guild_id or config.main_guild_id
        try:
            if config.database_url is not None:
                dsn = config.database_url.reveal()
                return action(Target(dsn=dsn, name=redacted(dsn), legacy_guild=guild), options)
            name = f"the embedded database in {config.data_dir}"
            with embedded_postgres(config.data_dir / "postgres") as dsn:
                return action(Target(dsn=dsn, name=name, legacy_guild=guild), options)
        except (StorageError, psycopg.Error) as error:
            code: int = getattr(error, "exit_code", FAILED)
            said = str(error).strip()
            if options.json:
                print(json.dumps({"error": said, "exit_code": code}))
            else:
                print(said, file=sys.stderr)
            return code

    return command


def _say(options: argparse.Namespace, text: str, found: Mapping[str, Any]) -> None:
    print(json.dumps(found, ensure_ascii=False) if options.json else text)


def _choices(target: Target, options: argparse.Namespace) -> Choices:
    from alphapy.storage.adoption.adopt import Choices

    given: int | None = options.legacy_guild_id
    return Choices(
        legacy_guild=target.legacy_guild if given is None else given,
        renumber_duplicates=options.renumber_duplicates,
    )


def _status(target: Target, options: argparse.Namespace) -> int:
    from alphapy.storage import migrate

    found = migrate.status(target.dsn)
    drift = [*found.drift.missing, *found.drift.different]
    lines = [
        f"database: {target.name}",
        f"current: {found.current or 'none (an empty database, or one that was never stamped)'}",
        f"newest:  {found.head}",
        f"pending: {', '.join(found.pending) or 'nothing'}",
    ]
    if not found.pending:
        lines.append(f"drift:   {'; '.join(drift) or 'none'}")
    if found.locked:
        lines.append("A migration is running at this moment.")
    told = {"current": found.current, "head": found.head, "pending": list(found.pending)}
    _say(options, "\n".join(lines), {**told, "drift": drift, "locked": found.locked})
    return 0


def _verify(target: Target, options: argparse.Namespace) -> int:
    from alphapy.storage import migrate

    report = migrate.check(target.dsn)
    _say(options, str(report), {"clean": report.clean, **attrs.asdict(report)})
    return 0 if report.clean else FAILED


def _upgrade(target: Target, options: argparse.Namespace) -> int:
    from alphapy.storage import migrate

    migrate.upgrade(target.dsn, options.revision, legacy_guild=target.legacy_guild)
    return _print_position(target, options)


def _downgrade(target: Target, options: argparse.Namespace) -> int:
    from alphapy.storage import migrate

    migrate.downgrade(target.dsn, options.revision, allow_data_loss=options.allow_data_loss)
    return _print_position(target, options)


def _print_position(target: Target, options: argparse.Namespace) -> int:
    from alphapy.storage import migrate

    current = migrate.current(target.dsn)
    _say(options, f"The database is at {current or 'no revision'}.", {"current": current})
    return 0


def _adopt(target: Target, options: argparse.Namespace) -> int:
    from alphapy.storage.adoption.adopt import adopt

    report = adopt(target.dsn, _choices(target, options), dry_run=options.dry_run)
    _say(options, str(report), report.as_json())
    return 0


def _backup(target: Target, options: argparse.Namespace) -> int:
    from alphapy.storage.backup.save import back_up

    made = back_up(target.dsn, options.out, exclude_analytics=options.exclude_analytics, prune=options.prune)
    lines = [
        f"Backed up {target.name}: {made.manifest.rows:,} rows of {len(made.manifest.tables)} tables.",
        *(f"Not in the backup, for Alphapy has none of its own: {thing}" for thing in made.uncovered),
        *(f"Removed {folder.name}, which is too old." for folder in made.pruned),
        str(made.folder),
    ]
    told = {"folder": str(made.folder), "rows": made.manifest.rows, "tables": len(made.manifest.tables)}
    pruned = [str(folder) for folder in made.pruned]
    _say(options, "\n".join(lines), {**told, "not_covered": list(made.uncovered), "pruned": pruned})
    return 0


def _restore(target: Target, options: argparse.Namespace) -> int:
    from alphapy.storage.backup.load import PRIORITY, restore

    done = restore(target.dsn, options.folder, _choices(target, options), erasures=options.erasures)
    tables = done.manifest.tables
    erased = sum(done.erased.values())
    taken = f"{done.manifest.created_at:%Y-%m-%d %H:%M:%S} UTC"
    lines = [
        f"Restored {done.manifest.rows:,} rows of {len(tables)} tables, taken {taken}, into {target.name}.",
        f"From revision {done.manifest.revision or 'none'}, the schema is at {done.reached} now.",
        *(f"{name}: {tables[name].rows:,} rows" for name in PRIORITY if name in tables),
        f"Erasures done again: {erased:,}.",
    ]
    if options.erasures is None:
        lines.append("Without --erasures, people who were erased since the backup are back.")
    told = {"rows": done.manifest.rows, "revision": done.manifest.revision, "reached": done.reached}
    counts = {name: entry.rows for name, entry in tables.items()}
    _say(options, "\n".join(lines), {**told, "erased": dict(done.erased), "tables": counts})
    return 0


def _erasures(target: Target, options: argparse.Namespace) -> int:
    from alphapy.storage.backup import erasures
    from alphapy.storage.backup.manifest import BackupError

    found = erasures.export(target.dsn)
    lines = [erasure.as_line() for erasure in found]
    if options.out is None:
        for line in lines:
            print(line)
        return 0
    try:
        added = erasures.append(options.out, lines)
    except OSError as error:
        raise BackupError(f"{options.out} cannot be written: {error.strerror}.") from error
    _say(options, f"{added:,} erasures added to {options.out}.", {"added": added, "file": str(options.out)})
    return 0


def _prune(target: Target, options: argparse.Namespace) -> int:
    from alphapy.storage.pruning import prune

    rows = prune(target.dsn, options.table, older_than_days=options.older_than, dry_run=options.dry_run)
    verb = "would be deleted" if options.dry_run else "are deleted"
    _say(options, f"{rows:,} rows of {options.table} {verb}.", {"rows": rows, "dry_run": options.dry_run})
    return 0
