"""How often something may be used: fixed windows that begin with the first use. Pure: time comes in.

Windows live in memory and are forgotten by a restart. Their number is bounded: when there are too many, the
one that began first is forgotten, which errs in favour of the member.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

import attrs

from alphapy.gateway.commands import CooldownBy

if TYPE_CHECKING:
    from alphapy.gateway.commands import Cooldown
    from alphapy.gateway.models.interaction import Interaction

MOST_WINDOWS = 50_000
"""Windows kept at once, about 200 bytes each."""

Key = tuple[str, CooldownBy, int, int]


@attrs.define
class _Window:
    ends_at: float
    used: int


@attrs.frozen
class Use:
    """A use that was counted; :meth:`Cooldowns.give_back` takes it back."""

    key: Key
    window_ends_at: float


class Cooldowns:
    """The windows of everybody. ``now`` is a monotonic time in seconds."""

    def __init__(self, *, most: int = MOST_WINDOWS) -> None:
        self._most = most
        self._windows: OrderedDict[Key, _Window] = OrderedDict()

    def take(self, cooldown: Cooldown, bucket: str, interaction: Interaction, now: float) -> float | Use:
        """Count a use; or the seconds until the next one is possible, when there is none left."""
        key = _key(cooldown, bucket, interaction)
        window = self._windows.get(key)
        if window is None or window.ends_at <= now:
            self._windows.pop(key, None)
            self._sweep(now)
            window = self._windows[key] = _Window(now + cooldown.per_seconds, 0)
        if window.used >= cooldown.uses:
            return window.ends_at - now
        window.used += 1
        return Use(key, window.ends_at)

    def give_back(self, use: Use) -> None:
        """Make a use undone, if its window is still the present one."""
        window = self._windows.get(use.key)
        if window is not None and window.ends_at == use.window_ends_at and window.used:
            window.used -= 1
            if not window.used:
                del self._windows[use.key]

    def __len__(self) -> int:
        return len(self._windows)

    def _sweep(self, now: float) -> None:
        """Forget windows that are over, oldest first, and make room for one more."""
        while self._windows:
            first = next(iter(self._windows))
            if self._windows[first].ends_at > now and len(self._windows) < self._most:
                return
            del self._windows[first]


def _key(cooldown: Cooldown, bucket: str, interaction: Interaction) -> Key:
    """Who shares the window: the guild and within it the user or channel; in a DM the user or channel."""
    user_id = int(interaction.invoker.id)
    guild_id = int(interaction.guild_id or 0)
    match cooldown.by:
        case CooldownBy.CHANNEL:
            holder = int(interaction.channel_id or user_id)
        case CooldownBy.GUILD if guild_id:
            holder = 0
        case _:
            holder = user_id
    return bucket, cooldown.by, guild_id, holder
