"""Surveys of the actors, shared by those who want one at the same time and no more often than is cheap."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from alphapy.web.flight import Shared

if TYPE_CHECKING:
    from alphapy.actors.kernel.survey import Survey
    from alphapy.web.sources import Actors

WORST: Final = 20
"""How many of the worst actors are shown."""


class Census:
    """Takes surveys. One that was costly is shown again for a while."""

    def __init__(self, actors: Actors) -> None:
        self._actors = actors
        self._surveys = Shared(self._take, thrifty=True)

    async def survey(self) -> Survey:
        """The newest survey."""
        return await self._surveys.get()

    async def _take(self) -> Survey:
        return await self._actors.survey(worst=WORST)
