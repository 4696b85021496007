"""How the bot's embeds look (spec/operations.md 4, spec/moderation.md 4.4)."""

from __future__ import annotations

import enum

from alphapy.gateway.models.outgoing import Embed, OutgoingMessage


class Colour(enum.IntEnum):
    """Colours of embeds, by what they say."""

    QUIET = 0x979C9F
    INFO = 0x3498DB
    SUCCESS = 0x2ECC71
    WARNING = 0xE67E22
    ERROR = 0xE74C3C
    STATUS = 0x1ABC9C
    HELP = 0x607D8B
    SETTINGS = 0x5865F2


def notice(colour: Colour, title: str, text: str | None = None) -> OutgoingMessage:
    """A reply that is one embed, seen by the member alone."""
    return OutgoingMessage(embeds=(Embed(title=title, description=text, color=colour),), ephemeral=True)
