"""Looks at the database for those who ask after our health; many who ask at once cost one look."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs
import psycopg
import trio

from alphapy.storage import audit
from alphapy.storage.errors import StorageError
from alphapy.web.flight import Shared

if TYPE_CHECKING:
    from alphapy.web.sources import Sources

PROBE_WITHIN: Final = 3.0
"""Seconds that the database may take to answer (spec/api.md 7.7.1)."""

COUNT_WITHIN: Final = 3.0
"""Seconds that counting a day's commands may take."""

COMPONENT: Final = "health"


@attrs.frozen
class DatabaseLook:
    """What was found: ``status`` is ``ok`` or ``error:<class>``."""

    status: str
    schema_current: bool

    @property
    def is_up(self) -> bool:
        """Whether the database answers."""
        return self.status == "ok"


class DatabaseProbe:
    """Asks the database for its revision, and for the commands of the last day."""

    def __init__(self, sources: Sources) -> None:
        self._pool = sources.pool
        self._revision = sources.facts.revision
        self._looks = Shared(self._look)
        self._counts = Shared(self._count)
        self._desk = sources.letters
        self._letters = Shared(self._count_letters)

    async def look(self) -> DatabaseLook:
        """Whether the database answers, and fits."""
        return await self._looks.get()

    async def commands_24h(self) -> int | None:
        """How many commands were run in the last 24 hours; None when that cannot be told."""
        return await self._counts.get()

    async def dead_letters(self) -> int | None:
        """How many dead letters there are; None when that cannot be told."""
        return await self._letters.get()

    async def _look(self) -> DatabaseLook:
        with trio.move_on_after(PROBE_WITHIN):
            try:
                async with self._pool.transaction(COMPONENT, read_only=True) as tx:
                    rows = await tx.fetch_all("SELECT version_num FROM public.alembic_version")
            except StorageError as error:
                return DatabaseLook(f"error:{type(error).__name__}", schema_current=False)
            except psycopg.Error:  # it does answer; there is no such table, or it may not be read
                return DatabaseLook("ok", schema_current=False)
            return DatabaseLook("ok", schema_current=rows == [(self._revision,)])
        return DatabaseLook("error:TimedOut", schema_current=False)

    async def _count_letters(self) -> int | None:
        with trio.move_on_after(COUNT_WITHIN):
            try:
                return await self._desk.count()
            except (StorageError, psycopg.Error):
                return None
        return None

    async def _count(self) -> int | None:
        with trio.move_on_after(COUNT_WITHIN):
            try:
                async with self._pool.transaction(COMPONENT, read_only=True) as tx:
                    return await audit.total(tx, None, days=1)
            except (StorageError, psycopg.Error):
                return None
        return None
