"""The stage on which the acceptance scenarios play."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.bot import Stage, stage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def offstage(database_url: str) -> AsyncIterator[Stage]:
    """The local Discord and the database, with no bot yet."""
    async with stage(database_url) as found:
        yield found


@pytest.fixture
async def play(offstage: Stage) -> AsyncIterator[Stage]:
    """The local Discord, the database, and the bot online."""
    async with offstage.bot():
        yield offstage
