"""Looks at the schema, and changes it in a process of its own (spec/operations.md 4, "/migrate").

The event loop never waits for a migration: it runs as ``alphapy db upgrade`` does, under the migration lock.
Nothing that is shown names the database's host, its user or its password.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Final

import attrs
import trio
from psycopg.conninfo import conninfo_to_dict

from alphapy.storage import migrate
from alphapy.storage.dsn import normalise, redacted

if TYPE_CHECKING:
    from alphapy.environment import Secret
    from alphapy.pure.masking import Mask

WITHIN: Final = 300.0
"""Seconds that a migration may take."""

HELD: Final = "database"
"""What stands for the database's address in what is shown."""

_SHORTEST_HOST: Final = 3


@attrs.frozen(kw_only=True)
class Standing:
    """Where the database is: its revision (None: never stamped), ours, and how it differs from ours.

    ``is_locked``: somebody is changing the schema at this moment, in whatever process.
    """

    current: str | None
    head: str
    pending: int
    drift: str
    is_locked: bool


@attrs.frozen(kw_only=True)
class Ran:
    """How a migration ended. ``output`` is fit to be shown."""

    succeeded: bool
    output: str


class Migrator:
    """The database's schema, seen from the running service."""

    def __init__(self, dsn: Secret, mask: Mask) -> None:
        self._dsn = dsn
        self._mask = mask

    async def standing(self) -> Standing:
        """Where the database is. Raises MigrationError."""
        return await trio.to_thread.run_sync(self._standing, abandon_on_cancel=True)

    def _standing(self) -> Standing:
        status = migrate.status(self._dsn.reveal())
        drift = str(status.drift) if status.current == status.head else ""
        return Standing(
            current=status.current,
            head=status.head,
            pending=len(status.pending),
            drift=self.shown(drift),
            is_locked=status.locked,
        )

    async def upgrade(self) -> Ran:
        """Bring the database up to the newest revision."""
        return await self._run_process("upgrade")

    async def downgrade(self) -> Ran:
        """Take the database one revision back, unless that would lose data."""
        return await self._run_process("downgrade")

    async def _run_process(self, action: str) -> Ran:
        environment = {**os.environ, "DATABASE_URL": self._dsn.reveal(), "PYTHONUNBUFFERED": "1"}
        with trio.move_on_after(WITHIN):
            done = await trio.run_process(
                [sys.executable, "-m", "alphapy", "db", action],
                env=environment,
                stdin=b"",
                capture_stdout=True,
                stderr=subprocess.STDOUT,
                check=False,
            )
            return Ran(
                succeeded=done.returncode == 0, output=self.shown(done.stdout.decode(errors="replace"))
            )
        return Ran(succeeded=False, output=f"The migration was given up after {WITHIN:g} seconds.")

    def shown(self, text: str) -> str:
        """The text without what says where the database is."""
        dsn = normalise(self._dsn.reveal())
        parts = conninfo_to_dict(dsn)
        places = [redacted(dsn), *(str(parts.get(name) or "") for name in ("host", "hostaddr"))]
        for place in sorted(places, key=len, reverse=True):
            if len(place) >= _SHORTEST_HOST:
                text = text.replace(place, HELD)
        return self._mask(text).strip()
