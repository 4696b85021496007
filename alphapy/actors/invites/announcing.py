"""The announcement of a join: where, in which words, and what is told where that does not work."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import attrs

from alphapy.actors.effects import verbs
from alphapy.actors.invites.messages import FEATURE
from alphapy.actors.settings.messages import LogEntry, LogLevel
from alphapy.gateway.guilds import GuildCache
from alphapy.gateway.models.guild import Permissions
from alphapy.gateway.models.outgoing import AllowedMentions, OutgoingMessage
from alphapy.pure.clock import Clock
from alphapy.pure.ids import ChannelId, GuildId
from alphapy.pure.invites import Person, announcement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from alphapy.actors.invites.ledger import Credited
    from alphapy.actors.settings.snapshot import SettingsSnapshot
    from alphapy.storage.effects import Draft

ANNOUNCED_FOR = timedelta(hours=1)
"""How long an announcement still makes sense."""

_NEEDED = Permissions.VIEW_CHANNEL | Permissions.SEND_MESSAGES


@attrs.frozen
class Announcer:
    """A guild's."""

    _guild_id: GuildId
    _guilds: GuildCache
    _clock: Clock

    def channel(self, settings: SettingsSnapshot) -> ChannelId | None:
        """Where joins are announced; None where they are not."""
        found = settings.snowflake(FEATURE, "announcement_channel_id")
        return None if found is None else ChannelId(found)

    def can_post(self, channel_id: ChannelId) -> bool:
        """Whether the channel is this guild's and takes messages; True where that is not known."""
        guild = self._guilds.get(self._guild_id)
        if guild is None:
            return True
        if guild.channel(channel_id) is None:
            return False
        mine = self._guilds.my_permissions(self._guild_id, channel_id, now=self._clock.now())
        return mine is None or _NEEDED in mine

    def drafts(
        self, joins: Iterable[Credited], settings: SettingsSnapshot, name: Callable[[int], str]
    ) -> list[Draft]:
        """The announcements; ``name`` says what an inviter is called."""
        channel_id = self.channel(settings)
        if channel_id is None or not self.can_post(channel_id):
            return []
        deadline = self._clock.now() + ANNOUNCED_FOR
        found = []
        for credited in joins:
            inviter = _inviter(credited, name)
            key = "no_inviter_template" if inviter is None else "with_inviter_template"
            person = credited.join.person
            text = announcement(settings.text(FEATURE, key), person, inviter, credited.count)
            if text.strip():
                pinged = (person.id,) if inviter is None else (person.id, inviter.id)
                message = OutgoingMessage(content=text, allowed_mentions=AllowedMentions.users(pinged))
                found.append(
                    verbs.send(
                        f"join:{credited.join.key}", channel_id, message, deadline_at=deadline, about={}
                    )
                )
        return found


def _inviter(credited: Credited, name: Callable[[int], str]) -> Person | None:
    inviter_id = credited.inviter_id
    return None if inviter_id is None else Person(id=inviter_id, name=name(inviter_id))


def unusable(channel_id: ChannelId) -> LogEntry:
    """To the guild's admins: joins cannot be announced there."""
    return LogEntry(
        title="⚠️ Joins cannot be announced",
        description=(
            f"I cannot post in <#{channel_id}>: it is gone, or I lack *View Channel* or *Send Messages* "
            "there. Invites are counted all the same. Choose another channel with `/invites set_channel`."
        ),
        level=LogLevel.WARNING,
        source=FEATURE,
    )
