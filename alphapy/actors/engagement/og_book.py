"""Which guilds' reactions have been looked through since they may have been missed: for the whole process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import override

from alphapy.actors.engagement.messages import FEATURE
from alphapy.actors.feature import GatewayEvent
from alphapy.actors.kernel.actor import Actor, Context
from alphapy.storage import engagement_og as storage

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from alphapy.actors.settings.snapshot import SettingsReader
    from alphapy.pure.ids import GuildId
    from alphapy.storage.engagement_og import OgSetup
    from alphapy.storage.transaction import Transaction


class OgBook:
    """What is known of all guilds. After the start, and when a session begins, that is nothing."""

    def __init__(self, settings: SettingsReader) -> None:
        self._settings = settings
        self._looked: dict[GuildId, OgSetup] = {}
        self._all_looked = False

    def is_to_look(self, guild_id: GuildId, setup: OgSetup) -> bool:
        """Whether reactions to this message may have been missed."""
        return self._looked.get(guild_id) != setup

    def looked(self, guild_id: GuildId, setup: OgSetup) -> None:
        """All reactions to this message are known."""
        self._looked[guild_id] = setup

    def session_began(self) -> None:
        """Whatever happened before was not told."""
        self._looked.clear()
        self._all_looked = False

    async def due(self, tx: Transaction, _now: datetime) -> tuple[Sequence[GuildId], datetime | None]:
        """The guilds whose reactions are still to be looked through."""
        if self._all_looked:
            return (), None
        setups = await storage.setups(tx)
        left = [guild_id for guild_id, setup in setups.items() if self.is_to_look(guild_id, setup)]
        self._all_looked = not left
        return [guild_id for guild_id in left if self._is_on(guild_id)], None

    def _is_on(self, guild_id: GuildId) -> bool:
        snapshot = self._settings.snapshot(guild_id)
        return snapshot.enabled(FEATURE) and bool(snapshot.value(FEATURE, "og_enabled"))


class SessionWatch(Actor):
    """``process/engagement_sessions``: told of READY, behind which what was missed does not come again."""

    def __init__(self, context: Context, book: OgBook) -> None:
        super().__init__(context)
        self._book = book

    @override
    async def handle(self, message: object) -> object:
        if not isinstance(message, GatewayEvent):
            return await super().handle(message)
        self._book.session_began()
        return None
