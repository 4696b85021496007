"""The web behind a real socket, and a browser for its pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.sandbox.page.browser import Chromium, executable
from tests.web.house import House, open_house

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from alphapy.storage.pool import Pool


@pytest.fixture
async def house(pool: Pool) -> AsyncIterator[House]:
    async with open_house(pool) as opened:
        yield opened


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chromium]:
    found = executable()
    if found is None:
        pytest.skip("no Chromium on this machine (looked for chromium, chromium-browser, google-chrome)")
    chromium = Chromium(found)
    yield chromium
    chromium.close()
