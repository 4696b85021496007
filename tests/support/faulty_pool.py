"""A pool that fails on purpose."""

from __future__ import annotations

from typing import Any

import attrs

from alphapy.storage.errors import DatabaseUnavailable
from alphapy.storage.pool import Pool


@attrs.define
class FaultyPool:
    """The real pool, which raises these errors first; those in doubt come after the commit."""

    pool: Pool
    errors: list[Exception]
    calls: int = 0

    async def run(self, component: str, work: Any, **options: Any) -> Any:
        self.calls += 1
        if self.errors:
            error = self.errors.pop(0)
            if isinstance(error, DatabaseUnavailable) and error.in_doubt:
                await self.pool.run(component, work)
            raise error
        return await self.pool.run(component, work, **options)


def gone(*, in_doubt: bool = False) -> DatabaseUnavailable:
    """The connection was lost, perhaps during COMMIT."""
    return DatabaseUnavailable("host/db", "gone", lost=True, in_doubt=in_doubt)
