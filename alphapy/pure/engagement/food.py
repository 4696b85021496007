"""Which posts are about food (spec/engagement.md 3, 4.5 and 5.1)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import attrs

from alphapy.pure.ids import ChannelId, parse_snowflake

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_CHANNELS: Final = 50

_MENTION = re.compile(r"<#(\d{1,20})>")
_NAMES: Final = ("food", "health")


@attrs.frozen
class ChannelList:
    """Channels that somebody typed, in order, each once; ``bad`` are the tokens that are none."""

    ids: tuple[ChannelId, ...]
    bad: tuple[str, ...] = ()

    @property
    def stored(self) -> str:
        """As the setting has it."""
        return ",".join(map(str, self.ids))


def read_channels(stored: object) -> frozenset[ChannelId]:
    """The channels of the setting; whatever is no id is ignored, and so is what follows the first fifty.

    A list, as other programs write it, is read as well.
    """
    tokens = stored.split(",") if isinstance(stored, str) else stored
    if not isinstance(tokens, list | tuple):
        return frozenset()
    ids = [parse_snowflake(token.strip() if isinstance(token, str) else token) for token in tokens]
    return frozenset(ChannelId(found) for found in [one for one in ids if one is not None][:MOST_CHANNELS])


def parse_channels(text: str, known: Iterable[int]) -> ChannelList:
    """What somebody typed: ids or mentions of ``known`` channels, separated by commas."""
    here = frozenset(known)
    ids: dict[ChannelId, None] = {}
    bad: list[str] = []
    for token in (part.strip() for part in text.split(",")):
        mention = _MENTION.fullmatch(token)
        found = parse_snowflake(mention[1] if mention else token)
        if found is not None and found in here:
            ids[ChannelId(found)] = None
        elif token:
            bad.append(token)
    return ChannelList(tuple(ids), tuple(bad))


def is_food(
    channels: frozenset[ChannelId],
    channel_id: ChannelId,
    parent_id: ChannelId | None,
    names: Iterable[str | None],
) -> bool:
    """Whether a post there is about food. ``names`` are the channel's, and of a thread also its parent's."""
    if channel_id in channels or (parent_id is not None and parent_id in channels):
        return True
    return any(word in name.casefold() for name in names if name for word in _NAMES)
