"""Who owns the bot: ``OWNER_IDS``, the application's owner, and the accepted members of its team.

Discord is asked once an hour; while it does not answer, the last good answer holds and it is asked again
every minute (spec/operations.md, "Who is who", and 9.2).
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol

import trio

from alphapy.gateway.rest.errors import DiscordError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from alphapy.gateway.rest.calls import Application
    from alphapy.pure.ids import ApplicationId

log = logging.getLogger("alphapy.actors.owners")

REFRESH_AFTER = 3600.0
RETRY_AFTER = 60.0
"""Seconds until Discord is asked again, after an answer and after a failure."""


class Applications(Protocol):
    """Who knows about the application."""

    async def application(self) -> Application:
        """The bot's own application; raises DiscordError."""
        ...


class OwnerRegistry:
    """The bot's owners; :meth:`keep_fresh` is the task that asks Discord."""

    def __init__(self, configured: Iterable[int], applications: Applications) -> None:
        self._configured = frozenset(configured)
        self._known: frozenset[int] = frozenset()
        self._applications = applications
        self._application_id: ApplicationId | None = None

    @property
    def application_id(self) -> ApplicationId | None:
        """The bot's application; None until Discord has said which it is."""
        return self._application_id

    def is_owner(self, user_id: int) -> bool:
        """Whether this user is a bot owner."""
        return user_id in self._configured or user_id in self._known

    def learn(self, application: Application) -> None:
        """Take the owners from an answer of Discord."""
        self._known = frozenset(application.owner_ids)
        self._application_id = application.id

    async def keep_fresh(self) -> None:
        """Ask Discord for ever; begins with a wait, since the start has asked already."""
        wait = REFRESH_AFTER if self._known else RETRY_AFTER
        while True:
            await trio.sleep(wait)
            wait = REFRESH_AFTER if await self._refresh() else RETRY_AFTER

    async def _refresh(self) -> bool:
        try:
            self.learn(await self._applications.application())
        except DiscordError as error:
            log.warning(
                "the bot's owners could not be read; the last known ones hold",
                extra={"event": "owners_not_refreshed", "error": str(error)},
            )
            return False
        return True
