"""The list of erasures that travels beside backups: one JSON object a line (spec/schema.md 5.5).

Whoever was erased after a backup was taken must not come back with it. The list is exported from the database
while the ids are still known (a day after an erasure they are forgotten there, too), and read by the restore.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import attrs

from alphapy.pure.ids import parse_snowflake
from alphapy.storage.backup.manifest import BackupError
from alphapy.storage.evolution.session import connect

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_MAX_LINE = 10_000


@attrs.frozen
class Erasure:
    """Somebody who was erased, and when."""

    discord_user_id: int | None
    innersync_user_id: UUID | None
    completed_at: datetime

    def as_line(self) -> str:
        """One line of the list."""
        return json.dumps(
            {
                "discord_user_id": self.discord_user_id,
                "innersync_user_id": None if self.innersync_user_id is None else str(self.innersync_user_id),
                "completed_at": self.completed_at.astimezone(UTC).isoformat(),
            }
        )


def export(dsn: str) -> list[Erasure]:
    """Every completed erasure whose person the database still knows, oldest first."""
    with connect(dsn) as connection:
        rows = connection.execute(
            """
            SELECT discord_user_id, innersync_user_id, completed_at FROM gdpr_erasure_jobs
            WHERE state <> 'pending' AND completed_at IS NOT NULL
              AND (discord_user_id IS NOT NULL OR innersync_user_id IS NOT NULL)
            ORDER BY completed_at, id
            """
        ).fetchall()
    return [Erasure(*row) for row in rows]


def append(path: Path, lines: Iterable[str]) -> int:
    """Add lines to a list, leaving out those that it holds already; returns how many are new."""
    with path.open("a+", encoding="utf-8") as file:
        file.seek(0)
        known = {line.rstrip("\n") for line in file}
        new = [line for line in lines if line not in known]
        file.write("".join(f"{line}\n" for line in new))
        file.flush()
        os.fsync(file.fileno())
    return len(new)


def read(path: Path) -> list[Erasure]:
    """The list in a file; raises :class:`BackupError` naming the first line that cannot be read.

    A line that is not understood might be somebody's erasure, so that none is skipped.
    """
    try:
        with path.open("rb") as file:
            return list(_lines(file, path))
    except OSError as error:
        raise BackupError(f"The list of erasures {path} cannot be read: {error.strerror}.") from error


def _lines(file: Any, path: Path) -> Iterator[Erasure]:
    number = 0
    while line := file.readline(_MAX_LINE):
        number += 1
        if line.strip():
            try:
                yield _parse(json.loads(line))
            except (ValueError, TypeError, KeyError, AttributeError):
                raise BackupError(
                    f"Line {number} of {path} is not an erasure; nothing was restored."
                ) from None


def _parse(found: Any) -> Erasure:
    user, account = found["discord_user_id"], found["innersync_user_id"]
    completed = datetime.fromisoformat(found["completed_at"])
    user_id = None if user is None else parse_snowflake(str(user))
    if (
        completed.tzinfo is None
        or (user is not None and user_id is None)
        or (user is None and account is None)
    ):
        raise ValueError(found)
    return Erasure(user_id, None if account is None else UUID(account), completed)
